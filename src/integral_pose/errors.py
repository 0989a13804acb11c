"""The one exception a user is meant to read."""


class InputError(Exception):
    """Something the user gave is wrong: the message names the file or option, and the remedy.

    Commands print it as one paragraph and exit with status 2, without a traceback.
    """


class Busy(Exception):
    """Another process is working on what was asked for."""


class RunFailed(Exception):
    """A run cannot go on, through no fault of what the user gave: its key, its step and what is kept."""
