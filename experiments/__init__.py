"""One file a table of the paper: `python -m experiments.table1 --help`."""
