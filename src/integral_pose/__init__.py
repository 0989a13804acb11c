"""Integral human pose regression: data, training, evaluation and tables; the networks are in `symbols`.

    import integral_pose
    pose = integral_pose.load("people")
    people = pose("photo.jpg")
    people[0].joints["l_wrist"].xy

Importing this package prepares the process for MXNet and does not import it. Programs import it before anything that
imports MXNet; `symbols`, the bottom layer, cannot do that for them.
"""

import importlib
from typing import TYPE_CHECKING, Any, List

from integral_pose.runtime import NO_MXNET, VERSION, prepare

if TYPE_CHECKING:
    from integral_pose.api import Joint, People, Person, PoseNetwork, load
    from integral_pose.errors import InputError

__version__ = VERSION
__all__ = ["InputError", "Joint", "People", "Person", "PoseNetwork", "load"]

prepare()


def __getattr__(name: str) -> Any:
    """The public names, which import MXNet, when they are first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{__name__}.{'errors' if name == 'InputError' else 'api'}"), name)
    except ModuleNotFoundError as error:
        if error.name != "mxnet":
            raise
        raise ModuleNotFoundError(NO_MXNET, name="mxnet") from None


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})
