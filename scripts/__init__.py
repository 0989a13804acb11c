"""Commands: `python -m scripts.evaluate --help`."""

import integral_pose as _  # noqa: F401 - prepares the process before MXNet is imported
