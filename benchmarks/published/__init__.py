"""Imported networks beside their publishers' own programs. Run with `python -m benchmarks.published.compare`."""
