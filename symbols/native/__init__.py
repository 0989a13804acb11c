"""C++ that is there for speed only: compiled on first use where g++ is, and done without where it is not.

`integral-pose compile` compiles all of it at once, as does `make setup`.
"""
from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, Optional, Tuple, TypeVar

# Nothing of the machine that compiles: a cluster may share the libraries between unlike ones.
FLAGS = ("-std=c++11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared",
         # Horovod's library has symbols of the same names: bound to those, loading ours crashes.
         "-Wl,-Bsymbolic", "-fno-gnu-unique")
COMPILER = "g++"
REMEDY = "integral-pose compile"
Opened = TypeVar("Opened")


def cache() -> Path:
    """The user's folder for what is compiled where the program's own folder is read-only."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "integral-pose"


@dataclass(frozen=True)
class Library:
    """A shared library compiled from a C++ file.

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
        """The compiled file, named after what it is made from: beside its source, or in `cache` where it cannot be."""
        made_from = hashlib.sha256(self.source.read_bytes() + " ".join((*FLAGS, *self.flags, self.version)).encode())
        path = self.source.with_name(f"{self.source.stem}-{made_from.hexdigest()[:12]}.so")
        return path if path.exists() or os.access(path.parent, os.W_OK) else cache() / path.name

    def build(self) -> Optional[str]:
        """Compiles it unless that is done; returns nothing, or why it could not, with the remedy, in one sentence."""
        try:
            with self._turn():
                return None if self.path.exists() else self._compile()
        except OSError as error:
            return f"{self.path.parent} cannot be written ({error.strerror}): set XDG_CACHE_HOME to a folder that can"

    def opened(self, load: Callable[[str], Opened]) -> Optional[Opened]:
        """What `load` makes of the compiled file, or None without it. Compiles it on first use, and prints that.

        Warns when it is compiled and does not load, for example because another machine compiled it.
        """
        path = self.path
        if not path.exists() and not self._built_on_first_use():
            return None
        try:
            return load(str(path))
        except (OSError, RuntimeError) as error:  # MXNet's own errors are of the second kind
            reason = str(error).strip().splitlines()[-1]
            warnings.warn(f"{path} does not load, so {self.instead} ({reason}): remove it and run `{REMEDY}`",
                          RuntimeWarning, stacklevel=3)
            return None

    def _built_on_first_use(self) -> bool:
        """Whether it is built now. A failure is printed once, and tried again only with another compiler."""
        failed, compiler = self.path.with_suffix(".failed"), shutil.which(COMPILER) or ""
        try:
            with self._turn():
                if self.path.exists():  # another process has built it meanwhile
                    return True
                if failed.exists() and failed.read_text() == compiler:
                    return False
                if compiler:
                    print(f"Compiling {self.source.name}, on first use only: some seconds.", file=sys.stderr,
                          flush=True)
                reason = self._compile()
                if reason:
                    failed.write_text(compiler)
        except OSError as error:
            reason = f"{self.path.parent} cannot be written ({error.strerror})"
        if reason:
            print(f"{self.source.name} is not compiled, so {self.instead}: {reason}.", file=sys.stderr, flush=True)
        return not reason

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One process compiles at a time; others wait here."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _compile(self) -> Optional[str]:
        compiler = shutil.which(COMPILER)
        if compiler is None:
            return f"there is no g++ on the PATH: `apt-get install g++` installs it, and `{REMEDY}` then compiles"
        part = self.path.with_suffix(f".{os.getpid()}.part")
        folders = [f"-I{folder}" for folder in self.headers]
        command = [compiler, *FLAGS, *self.flags, *folders, str(self.source), *map(str, self.beside), "-o", str(part)]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if run.returncode:
            errors = [line.strip() for line in run.stdout.splitlines() if "error" in line] or ["it gave no reason"]
            return f"{compiler} could not compile {self.source.name} ({errors[0]}): try a g++ of version 6 or later"
        os.replace(part, self.path)  # whole at once: another process may be about to load it
        return None
