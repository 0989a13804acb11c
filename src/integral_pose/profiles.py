"""From the paper's scale to another: a profile is a function Run -> Run.

`quick` and `smoke` train on synthetic people, and give every row of a column the same number of images: a row that
starts from heat maps has them as its first half, and every other row continues as it began for as long. A table's
`phases` may make one longer than the other, and the second slower.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, Optional

from integral_pose.errors import InputError
from integral_pose.run import CUSTOM, Backbone, Run
from integral_pose.synthetic import make_coco, make_human36m, make_mpii
from integral_pose.tables import AS_PROFILE, Phases

MPII, HUMAN36M = f"synthetic-mpii-v{make_mpii.VERSION}", f"synthetic-human36m-v{make_human36m.VERSION}"
STEPS = {"mpii": 500, "coco": 1250, "human36m": 2000}  # of 16 people, in each half of quick
COCO = f"synthetic-coco-v{make_coco.VERSION}"
DRESSED = "synthetic-mpii-v3"


def paper(run: Run) -> Run:
    """The paper's own experiment, on the real data sets."""
    return run


def quick(run: Run) -> Run:
    """A quarter of the width, half the patch, in 3D a quarter of it: minutes on two CPU cores.

    What the paper starts from ImageNet starts from a backbone that found joints in photographs. Custom people do not:
    `train --from` is for them.

    Strategy 2 adds 2D people to the mini-batches of Strategy 1. So both see the same number of 3D people: few steps do
    not train to saturation, and with half of the 3D people Strategy 2 would be behind for that reason alone.

    So few steps need a higher rate and smaller mini-batches, the smallest in 2D; and maps that were trained to a peak
    of 1 need sharpening before an integral over their softmax can start from them, the more the more cells they have; a
    run that says by how much is left alone. H3 would spend its first half on learning that most cells are empty, so its
    maps begin nearly empty. Its disc covers as many cells as in the paper, as H1's Gaussian does.
    """
    in_3d = run.coordinates == 3
    custom = run.data.startswith(CUSTOM)
    like = "mpii" if custom else run.data  # custom people are looked at one by one, as MPII's
    batch, rate, low_rate = (32 if run.extra else 16, 3e-3, 3e-4) if in_3d or custom else (8, 2e-3, 2e-4)
    steps = STEPS[like] * 16 // min(batch, 16)
    halves = _in_two_halves(
        run, **_people(run, 4000, 1000, "2x4x2", "1300-400"), width=0.25, patch=run.patch // (4 if in_3d else 2),
        pretrained=False, batch=batch, steps=steps, rate=rate, low_rate=low_rate, drop_at=0.75,
        validate_every=steps // 4,
    )
    small = _with_discs(_sharpened(halves, 20.0 if like == "mpii" else 30.0), run.patch / halves.patch)
    return _begun(small, trunk_of(run.backbone)) if run.pretrained and not custom else small


def photos(run: Run) -> Run:
    """MPII's tables on photographs of people in sports, Leeds Sports Pose Extended: hours on two CPU cores.

    As `quick` in width, in its two halves and in how maps become integrals. The patch is three eighths of the paper's,
    rounded up to what the backbone divides, since these people are small. ResNets start from synthetic people instead
    of ImageNet, so that no row has seen a photograph before.

    Raises:
        InputError: the run is not one on MPII.
    """
    if run.data != "mpii" or run.everybody:
        raise InputError("--profile photos: photographs have no depth and no scenes of several people. This profile "
                         "has Tables 1, 2, 3 and 4 and Figure 2.")
    patch = -(-run.patch * 3 // 8 // 32) * 32
    halves = _in_two_halves(
        run, data="lspet", width=0.25, patch=patch, pretrained=False, batch=32, steps=1000, rate=2e-3, low_rate=2e-5,
        cosine=True, validate_every=125,
    )
    return _begun(_sharpened(halves, 20.0), _synthetic_trunk(run.backbone) if run.of_resnets else None)


def trunk_of(backbone: Backbone) -> Run:
    """Heat maps of people in photographs: the backbone that takes the place of ImageNet's in small networks.

    It has a quarter of the width. Its patch lies between those of quick's 2D and 3D networks.
    """
    return Run(
        data="lspet", output="heat map", loss="softmax-ce", backbone=backbone, width=0.25, pretrained=False, patch=96,
        shift=0.05, scale=0.3, turn=45.0, colour=0.3, occlusion=0.3,
        batch=32, steps=8000, rate=2e-3, low_rate=2e-5, cosine=True, validate_every=500,
    )


def _synthetic_trunk(backbone: Backbone) -> Run:
    """The same of synthetic people in ordinary clothes, which `photos` starts from."""
    return replace(trunk_of(backbone), data=DRESSED, train_people=4000, test_people=1000, steps=3000)


def _begun(run: Run, trunk: Optional[Run]) -> Run:
    """The run with the backbone that it, or the run it starts from, begins with."""
    return replace(run, start=replace(run.start, trunk=trunk)) if run.start else replace(run, trunk=trunk)


def smoke(run: Run) -> Run:
    """A sliver of the network and two steps: shows that every row runs, and nothing else."""
    return _in_two_halves(
        run, **_people(run, 60, 12, "1x1x1", "20-6"), width=0.0625, patch=run.patch // 4, pretrained=False,
        batch=4, steps=2, drop_at=0.5, validate_every=2,
    )


def _sharpened(run: Run, scale: float) -> Run:
    """The second half with what lets few steps suffice: see `quick`."""
    first = run.start
    if first and first.loss == "disc-bce":
        return replace(run, start=replace(first, prior=0.01))
    sharpens = run.output == "integral" and not run.logit_scale
    if first and first.loss == "gaussian-mse" and sharpens and not first.on_vectors:
        return replace(run, logit_scale=scale)
    return run


def _with_discs(run: Run, larger: float) -> Run:
    """The run with H3's disc, in H3 itself and in what starts from it, so many times as large."""
    start = _with_discs(run.start, larger) if run.start else None
    return replace(run, start=start, disc=run.disc * larger if run.loss == "disc-bce" else run.disc)


def on_real_people(profile: str) -> bool:
    """Whether a profile trains on the data sets that the user has."""
    return profile in ("paper", "photos")


def judges(profile: str) -> bool:
    """Whether a profile trains for long enough for its networks to judge claims."""
    return profile != "smoke"


def _people(run: Run, train: int, test: int, clips: str, pictures: str) -> Dict[str, Any]:
    """Synthetic people in place of the run's, unless those are custom data.

    `clips` is sub-actions x cameras x frames, `pictures` are COCO's.
    """
    if run.data.startswith(CUSTOM):
        return {}
    if run.data == "coco":
        return {"data": f"{COCO}-{pictures}"}
    if run.data == "mpii":
        return {"data": MPII, "train_people": train, "test_people": test, "everybody": False}
    return {"data": f"{HUMAN36M}-{clips}", "extra": f"{MPII}-{train}-{test}" if run.extra else ""}


def _in_two_halves(run: Run, **changes: Any) -> Run:
    first = replace(run.start or run, start=None, **changes)
    return replace(run, start=first, **changes)


PROFILES: Dict[str, Callable[[Run], Run]] = {"smoke": smoke, "quick": quick, "photos": photos, "paper": paper}


def scaled(run: Run, profile: str, phases: Phases = AS_PROFILE) -> Run:
    """A table's run in a profile; in `quick`, with its table's phases."""
    found = PROFILES[profile](run)
    if profile != "quick":
        return found
    first = _times(found.start, phases.first) if found.start else None
    slower = replace(found, start=first, rate=found.rate * phases.rate, low_rate=found.low_rate * phases.rate)
    return _times(slower, phases.second)


def _times(run: Run, longer: int) -> Run:
    return replace(run, steps=run.steps * longer, validate_every=run.validate_every * longer)
