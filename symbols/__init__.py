"""Gluon HybridBlocks: backbones, heads, the integral operator and losses.  They take plain numbers.

Letters: N images, K joints, C coordinates (2, or 3 with depth), D x H x W cells of a heat map.

The blocks of `__all__` are imported when they are first used, and MXNet with them. `import integral_pose` before that:
it sets what MXNet reads once, such as the number of threads.
"""

import importlib
from typing import TYPE_CHECKING, Any, List

if TYPE_CHECKING:
    from symbols.argmax import HighestCell, HighestOfVectors
    from symbols.compensated import CompensatedIntegral
    from symbols.confidence import HighestProbability, MassNear
    from symbols.descendants.likelihood import Deviations, FlowDensity, ResidualLogLikelihood
    from symbols.descendants.sampling import SampledL1, SamplingArgmax
    from symbols.descendants.symmetric import SymmetricIntegral
    from symbols.heads import DeconvolutionHead, DirectHead
    from symbols.hourglass import CoarseToFine, Hourglass
    from symbols.integral import Expectation, HeatVectors, Integral
    from symbols.losses import (
        DiscCrossEntropy,
        GaussianMSE,
        HeatVectorCrossEntropy,
        HeatVectorMSE,
        JensenShannon,
        JointL1,
        SoftmaxCrossEntropy,
        SumOverStages,
        Variance,
    )
    from symbols.maps import portable
    from symbols.multistage import MultiStage
    from symbols.pose_net import PoseNet
    from symbols.resnet import ResNet

MODULES = {
    "argmax": ("HighestCell", "HighestOfVectors"),
    "compensated": ("CompensatedIntegral",),
    "confidence": ("HighestProbability", "MassNear"),
    "descendants.likelihood": ("Deviations", "FlowDensity", "ResidualLogLikelihood"),
    "descendants.sampling": ("SampledL1", "SamplingArgmax"),
    "descendants.symmetric": ("SymmetricIntegral",),
    "heads": ("DeconvolutionHead", "DirectHead"),
    "hourglass": ("CoarseToFine", "Hourglass"),
    "integral": ("Expectation", "HeatVectors", "Integral"),
    "losses": ("DiscCrossEntropy", "GaussianMSE", "HeatVectorCrossEntropy", "HeatVectorMSE", "JensenShannon", "JointL1",
               "SoftmaxCrossEntropy", "SumOverStages", "Variance"),
    "maps": ("portable",),
    "multistage": ("MultiStage",),
    "pose_net": ("PoseNet",),
    "resnet": ("ResNet",),
}
__all__ = [  # spelled out, for type checkers
    "CoarseToFine", "CompensatedIntegral", "DeconvolutionHead", "Deviations", "DirectHead", "DiscCrossEntropy",
    "Expectation", "FlowDensity", "GaussianMSE", "HeatVectorCrossEntropy", "HeatVectorMSE", "HeatVectors",
    "HighestCell", "HighestOfVectors", "HighestProbability", "Hourglass", "Integral", "JensenShannon", "JointL1",
    "MassNear", "MultiStage", "PoseNet", "ResNet", "ResidualLogLikelihood", "SampledL1", "SamplingArgmax",
    "SoftmaxCrossEntropy", "SumOverStages", "SymmetricIntegral", "Variance", "portable",
]


def __getattr__(name: str) -> Any:
    module = next((module for module, names in MODULES.items() if name in names), None)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})
