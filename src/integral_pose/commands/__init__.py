"""The command `integral-pose` and those it has: `integral-pose predict photo.jpg`.

MXNet takes seconds to import, so a command's module is imported only when the command is called.
"""
from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from typing import List, Optional

from integral_pose.runtime import NO_MXNET, described

NAME = "integral-pose"
GROUPS = {
    "Use a network": {
        "predict": "find the joints of people in images, a video or a camera",
        "detect": "find people in images and write their boxes",
        "import": "import a network that others have published, from its file",
        "export": "write a trained network as ONNX or as an MXNet graph",
        "demo": "show what two of the pretrained networks predict, in seconds",
    },
    "Train and measure": {
        "train": "train a network on your own keypoints (a COCO JSON file)",
        "evaluate": "score predictions: PCKh on MPII, PCK on LSP, MPJPE on Human3.6M, AP on COCO",
    },
    "Reproduce the paper": {
        "table": "train and evaluate a table of the paper, and compare with its numbers",
        "report": "write RESULTS.md and an HTML page from the results",
    },
    "Maintain the installation": {
        "compile": "compile the C++ parts now; otherwise this happens on first use",
    },
}
COMMANDS = [name for group in GROUPS.values() for name in group]
EXAMPLES = """Examples:
  integral-pose predict photo.jpg
  integral-pose predict dance.mp4 --boxes detect --out dance
  integral-pose train --data hands.json --images photos
  integral-pose table table1 --profile smoke

`integral-pose COMMAND --help` explains a command and its options."""
MXNET = "mxnet"


def main(argv: Optional[List[str]] = None) -> int:
    """Runs a command; returns its exit code: 0, 1 if something failed, 2 for wrong input."""
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] in ("-h", "--help", "help"):
        print(guide())
        return 0
    if words[0] in ("-V", "--version"):
        print(described())
        return 0
    if words[0] not in COMMANDS:
        return _refuse(_unknown(words[0]))
    return _run(words[0], words[1:])


def guide() -> str:
    """The commands by purpose, and examples."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"usage: {NAME} COMMAND ...", "",
             "Integral Human Pose Regression (Sun et al., ECCV 2018) in MXNet: 2D and 3D human pose.", ""]
    for purpose, commands in GROUPS.items():
        lines += [f"{purpose}:", *(f"  {name.ljust(width)}{what}" for name, what in commands.items()), ""]
    return "\n".join([*lines, f"{NAME} --version prints the version.", "", EXAMPLES])


def _run(name: str, words: List[str]) -> int:
    if importlib.util.find_spec(MXNET) is None:
        return _refuse(NO_MXNET)
    try:
        command = importlib.import_module(f"integral_pose.commands.{name}")
    except OSError as error:  # the dynamic loader's, of a library that MXNet's wheel does not contain
        return _refuse(f"MXNet does not load ({error}). On Debian and Ubuntu, `apt-get install libgomp1 libquadmath0` "
                       "installs the libraries it needs; for NVIDIA GPUs it also needs their driver.")
    status = (command.of_any if name == "table" else command.main)(words)
    return int(status)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, COMMANDS, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"{name}: there is no such command.{meant} Commands: {', '.join(COMMANDS)}."


def _refuse(message: str) -> int:
    print(f"{NAME}: {message}", file=sys.stderr)
    return 2
