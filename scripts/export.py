"""A door to `integral_pose.commands.export`, so that `python -m scripts.export` works in a checkout."""
import sys

from integral_pose.commands.export import main

if __name__ == "__main__":
    sys.exit(main())
