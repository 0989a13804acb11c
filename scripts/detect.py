"""A door to `integral_pose.commands.detect`, so that `python -m scripts.detect` works in a checkout."""
import sys

from integral_pose.commands.detect import main

if __name__ == "__main__":
    sys.exit(main())
