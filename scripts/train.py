"""A door to `integral_pose.commands.train`, so that `python -m scripts.train` works in a checkout."""
import sys

from integral_pose.commands.train import main

if __name__ == "__main__":
    sys.exit(main())
