"""A door to `integral_pose.commands.evaluate`, so that `python -m scripts.evaluate` works in a checkout."""
import sys

from integral_pose.commands.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
