"""The time of networks in 8 bits: `python -m benchmarks.int8`."""
