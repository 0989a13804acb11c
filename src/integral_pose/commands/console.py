"""What all commands share: messages instead of tracebacks, exit codes, and types of options."""
from __future__ import annotations

import argparse
import os
import sys
import textwrap
from contextlib import contextmanager
from typing import Iterator, NoReturn

import mxnet as mx

from integral_pose import distributed
from integral_pose.errors import InputError, RunFailed
from integral_pose.runtime import cores

CORES = cores()
STOPPED = "Stopped. The same command resumes from the last checkpoint, of which there is one a minute."


@contextmanager
def told() -> Iterator[None]:
    """Ends the process with a message and an exit status instead of a traceback."""
    try:
        yield
    except InputError as error:
        leave(2, str(error))
    except OSError as error:
        leave(2, f"{error.filename or 'the system'}: {error.strerror or error}. Fix this, or choose other folders with "
               "--data, --runs and --results. Finished work is kept, and the same command resumes.")
    except RunFailed as error:
        leave(1, str(error))
    except mx.MXNetError as error:
        if distributed.LOST in str(error):
            say("Another worker of this job has ended; the reason is in its message or horovodrun's. The same "
                 "command, with any number of workers, resumes from the last checkpoint.")
            os._exit(1)  # MXNet's own end would raise the error again
        leave(1, f"MXNet: {str(error).strip().splitlines()[-1]} Finished work is kept.")
    except KeyboardInterrupt as stopped:
        status = stopped.args[0] if stopped.args else 130
        leave(status, STOPPED)


def leave(status: int, message: str) -> NoReturn:
    say(message)
    sys.exit(status)


def say(paragraph: str) -> None:
    text = textwrap.fill(paragraph, 100, break_long_words=False, break_on_hyphens=False)
    print("\n" + text, file=sys.stderr, flush=True)


def positive(text: str) -> int:
    """A whole number above 0, for argparse."""
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number
