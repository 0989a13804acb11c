"""Builds the operator and says in one line how that went. A machine without a compiler is no error."""
from __future__ import annotations

from symbols.native import build, library

reason = None if library().exists() else build()
print(f"Integrals take MXNet's own operators: {reason}." if reason else f"Integrals take {library().name}.")
