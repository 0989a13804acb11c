"""A door to `benchmarks.run`, so that `python -m scripts.benchmark` works."""
import sys

from benchmarks.run import main

if __name__ == "__main__":
    sys.exit(main())
