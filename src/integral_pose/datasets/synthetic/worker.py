"""A process that makes its share of a folder's pictures: `python -m … PART SHARE OF`, one JSON line per picture."""
from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from integral_pose.datasets.synthetic.mpii import jobs_of, make_one


def main() -> None:
    """Make jobs SHARE, SHARE + OF, … of the unfinished folder PART; ends quietly when nobody reads any more."""
    part, share, of = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    try:
        for job in jobs_of(part)[share::of]:
            record, head = make_one(job)
            print(json.dumps([record, head.tolist()]), flush=True)
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(1)  # without the interpreter's own attempt to flush what cannot be written


if __name__ == "__main__":
    main()
