"""What all commands share: messages instead of tracebacks, exit codes, their names, and types of options."""
from __future__ import annotations

import argparse
import os
import re
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, NoReturn, Optional, Tuple

from integral_pose.errors import InputError, RunFailed
from integral_pose.runtime import cores

CORES = cores()
INSTALLED = "integral-pose"
KEPT = "Finished work is kept."
STOPPED = "Stopped. The same command resumes from the last checkpoint, of which there is one a minute."
FOLDERS = ("Fix this, or choose other folders with --data, --runs and --results. Finished work is kept, and the same "
           "command resumes.")
# What a checkout calls its commands -> what they are called where the program is installed.
SPELLINGS = (
    (re.compile(r"(?:\.venv/bin/)?python -m scripts\.(\w+)"), rf"{INSTALLED} \1"),
    (re.compile(r"(?:\.venv/bin/)?python -m experiments\.(\w+)"), rf"{INSTALLED} table \1"),
    (re.compile(r"\bmake ((?:table|beyond_|figure)\w+)"), rf"{INSTALLED} table \1"),
    (re.compile(r"\bmake (demo|report)\b"), rf"{INSTALLED} \1"),
    (re.compile(r"\bscripts\.(\w+)"), rf"{INSTALLED} \1"),
)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose texts name the commands as the user has called this one."""

    def __init__(self, **settings: Any) -> None:
        texts = {name: spelled(value) for name, value in settings.items() if isinstance(value, str)}
        super().__init__(**{**settings, **texts})

    def parse_args(self, *arguments: Any, **settings: Any) -> Any:
        for action in self._actions:
            action.help = action.help and spelled(action.help)
        return super().parse_args(*arguments, **settings)


def spelled(text: str) -> str:
    """The text with commands named as the user has called this one, `integral-pose NAME` or as in a checkout."""
    if Path(sys.argv[0]).name == INSTALLED:
        for called, instead in SPELLINGS:
            text = called.sub(instead, text)
    return text


def run(command: str, work: Callable[[], Optional[int]], kept: str = KEPT, stopped: str = STOPPED) -> int:
    """Calls `work`; returns what it returns, or the exit code of its error, of which it prints a sentence.

    Args:
        command: what the sentence begins with.
        kept: what is said of unfinished work after an error of the system.
        stopped: what is said of it after Ctrl-C.
    """
    try:
        return work() or 0
    except BaseException as error:
        found = verdict(error, kept, stopped)
        if not found:
            raise
        say(found[1], command)
        return found[0]


@contextmanager
def told() -> Iterator[None]:
    """Ends the process with a paragraph and a status instead of a traceback: for tables, whose workers end alike."""
    try:
        yield
    except BaseException as error:
        if _is_mxnets(error) and _another_worker_ended(error):
            print(file=sys.stderr)
            say("Another worker of this job has ended; the reason is in its message or horovodrun's. The same "
                "command, with any number of workers, resumes from the last checkpoint.")
            os._exit(1)  # MXNet's own end would raise the error again
        found = verdict(error, FOLDERS, STOPPED)
        if not found:
            raise
        leave(*found)


def verdict(error: BaseException, kept: str, stopped: str) -> Optional[Tuple[int, str]]:
    """The exit code and the sentence of an error that is no mistake in the program, else None.

    2 is for what the user can change, 1 for what failed on the way, 128 and more for a signal.
    """
    if isinstance(error, InputError):
        return 2, str(error)
    if isinstance(error, OSError):
        return 2, f"{error.filename or 'the system'}: {error.strerror or error}. {kept}".strip()
    if isinstance(error, RunFailed):
        return 1, str(error)
    if _is_mxnets(error):
        return 1, f"MXNet: {str(error).strip().splitlines()[-1]} {kept}".strip()
    if isinstance(error, KeyboardInterrupt):
        return (error.args[0] if error.args else 130), stopped
    return None


def _is_mxnets(error: BaseException) -> bool:
    """Whether MXNet raised it, which not every command imports."""
    mxnet = sys.modules.get("mxnet")
    return mxnet is not None and isinstance(error, mxnet.MXNetError)


def _another_worker_ended(error: BaseException) -> bool:
    from integral_pose import distributed

    return distributed.LOST in str(error)


def leave(status: int, message: str) -> NoReturn:
    """Ends the process with a paragraph that stands by itself."""
    print(file=sys.stderr)
    say(message)
    sys.exit(status)


def say(message: str, before: str = "") -> None:
    """Prints a paragraph to standard error, `before` and a colon before it; lines are broken at 100 characters."""
    text = spelled(f"{before}: {message}" if before else message)
    print(textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False), file=sys.stderr, flush=True)


def positive(text: str) -> int:
    """A whole number above 0, for argparse."""
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number
