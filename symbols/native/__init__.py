"""What is compiled at set-up where g++ is, and done without where it is not. `scripts.compile` knows all of it."""
from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, Tuple, TypeVar

# Nothing of the machine that compiles: a cluster may share the libraries between unlike ones.
FLAGS = ("-std=c++11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared",
         # Horovod's library has symbols of the same names: bound to those, loading ours crashes.
         "-Wl,-Bsymbolic", "-fno-gnu-unique")
REMEDY = ".venv/bin/python -m scripts.compile"
Opened = TypeVar("Opened")


@dataclass(frozen=True)
class Library:
    """A shared library beside the C++ file that it is made of.

    `beside` are others' files to compile with it, `headers` their folders and `version` theirs; `instead` says what
    happens without it.
    """

    source: Path
    instead: str
    flags: Tuple[str, ...] = ()
    beside: Tuple[Path, ...] = ()
    headers: Tuple[Path, ...] = ()
    version: str = ""

    @property
    def path(self) -> Path:
        """The file that `build` makes and `opened` looks for, named after what it is made from."""
        made_from = hashlib.sha256(self.source.read_bytes() + " ".join((*FLAGS, *self.flags, self.version)).encode())
        return self.source.with_name(f"{self.source.stem}-{made_from.hexdigest()[:12]}.so")

    def build(self) -> Optional[str]:
        """Compiles it; nothing, or why it could not be, with the remedy, in one sentence."""
        compiler = shutil.which("g++")
        if compiler is None:
            return f"there is no g++ on the PATH: `apt-get install g++` brings it, and `{REMEDY}` then compiles"
        part = self.path.with_suffix(f".{os.getpid()}.part")
        folders = [f"-I{folder}" for folder in self.headers]
        command = [compiler, *FLAGS, *self.flags, *folders, str(self.source), *map(str, self.beside), "-o", str(part)]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if run.returncode:
            errors = [line.strip() for line in run.stdout.splitlines() if "error" in line] or ["it gave no reason"]
            return f"{compiler} could not compile {self.source.name} ({errors[0]}): try a g++ of version 6 or later"
        os.replace(part, self.path)  # whole at once: another process may be about to load it
        return None

    def opened(self, load: Callable[[str], Opened]) -> Optional[Opened]:
        """What `load` makes of its path, if it is built.

        Warns when it is built and does not load, say because it was on another machine.
        """
        path = self.path
        if not path.exists():
            return None
        try:
            return load(str(path))
        except (OSError, RuntimeError) as error:  # MXNet's own errors are of the second kind
            reason = str(error).strip().splitlines()[-1]
            warnings.warn(f"{path} does not load, so {self.instead} ({reason}): remove it and run `{REMEDY}`",
                          RuntimeWarning, stacklevel=3)
            return None
