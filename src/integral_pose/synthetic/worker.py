"""A process that makes its share of a folder: `python -m … MODULE PART SHARE OF`, one line of JSON per job.

A line is {"made": what the maker says of the job}, or {"failed": what cannot be written and why} and the last.
"""
from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from integral_pose.storage.processes import started
from integral_pose.synthetic.folder import jobs_of, maker_of


def main() -> None:
    """Do jobs SHARE, SHARE + OF, … of the unfinished folder PART; ends quietly when its output is no longer read."""
    maker, part, share, of = maker_of(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    try:
        started()
        for job in jobs_of(maker, part)[share::of]:
            print(json.dumps({"made": maker.make_one(job)}), flush=True)
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(1)  # without the interpreter's own attempt to flush what cannot be written
    except OSError as error:
        print(json.dumps({"failed": f"{error.filename}: {error.strerror or error}"}), flush=True)


if __name__ == "__main__":
    main()
