"""A door to `integral_pose.commands.import`, so that `python -m scripts.import` works in a checkout."""
import importlib
import sys

main = importlib.import_module("integral_pose.commands.import").main  # whose name is a word of the language

if __name__ == "__main__":
    sys.exit(main())
