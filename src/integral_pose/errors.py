"""The exceptions whose messages are meant for users."""


class InputError(Exception):
    """The user's input is wrong: the message names the file or option, and the remedy.

    Commands print it as one paragraph and exit with status 2, without a traceback.
    """


class Busy(Exception):
    """Another process is working on the requested run."""


class RunFailed(Exception):
    """A run failed although the user's input is right: the message gives its key, its step and what is kept."""
