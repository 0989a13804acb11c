"""A door to `integral_pose.commands.compile`, so that `python -m scripts.compile` works in a checkout."""
import sys

from integral_pose.commands.compile import main

if __name__ == "__main__":
    sys.exit(main())
