"""A door to `integral_pose.commands.predict`, so that `python -m scripts.predict` works in a checkout."""
import sys

from integral_pose.commands.predict import main

if __name__ == "__main__":
    sys.exit(main())
