"""Compiles the program's C++ code, which only makes it faster. `make setup` does this if g++ is installed."""
from __future__ import annotations

import sys
from typing import List, Optional

import integral_pose  # noqa: F401  (prepares the process for MXNet)
from integral_pose.commands import console
from integral_pose.synthetic.drawing import capsules
from symbols.native import marginals


def main(argv: Optional[List[str]] = None) -> int:
    """Prints for each library its compiled file, or why it is not compiled, which is not an error."""
    console.Parser(prog="python -m scripts.compile", description=__doc__).parse_args(argv)
    for library in (marginals.LIBRARY, capsules.LIBRARY):
        reason = library.build()
        done = f"is not compiled, so {library.instead}: {reason}." if reason else f"is compiled as {library.path.name}."
        print(library.source.name, done, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
