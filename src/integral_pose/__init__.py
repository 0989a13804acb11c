"""Integral human pose regression: data, training, evaluation and tables; the networks are in `symbols`.

Importing this package prepares the process for MXNet and does not import it. Programs import it before anything that
imports MXNet; `symbols`, the bottom layer, cannot do that for them.
"""

from integral_pose.runtime import prepare

__version__ = "0.1.0"

prepare()
