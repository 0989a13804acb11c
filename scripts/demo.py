"""A door to `integral_pose.commands.demo`, so that `python -m scripts.demo` works in a checkout."""
import sys

from integral_pose.commands.demo import main

if __name__ == "__main__":
    sys.exit(main())
