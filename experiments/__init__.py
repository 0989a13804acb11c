"""One file per table of the paper: `python -m experiments.table1 --help`."""

import integral_pose as _  # noqa: F401 - prepares the process before MXNet is imported
