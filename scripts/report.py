"""A door to `integral_pose.commands.report`, so that `python -m scripts.report` works in a checkout."""
import sys

from integral_pose.commands.report import main

if __name__ == "__main__":
    sys.exit(main())
