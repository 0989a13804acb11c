"""A run: everything that can change a number, as one frozen value.

Derive one from another with `dataclasses.replace`.  Facts of the machine (devices, folders, workers) are not
fields: they must not change the number.
"""
from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Dict, List, Literal, Mapping, Optional, Sequence, Tuple, get_args

from integral_pose.errors import InputError

# What a field may be, for editors and type checkers; from these come the tuples that are checked when a run is made.
Output = Literal["direct", "heat map", "integral"]
Loss = Literal["gaussian-mse", "softmax-ce", "disc-bce", "joint-l1", "joint-rle"]
Backbone = Literal["resnet18", "resnet50", "resnet101", "resnet152", "hourglass", "coarse-to-fine"]
Boxes = Literal["detected", "annotated"]
JointScore = Literal["mass", "one", "peak"]
Decoder = Literal["integer", "quarter", "dark", "local", "window", "quarter-inside"]
Regulariser = Literal["", "js", "variance"]
Gradient = Literal["exact", "symmetric"]
Grid = Literal["centre", "index"]
ReadGrid = Literal["", "centre", "index"]
Flip = Literal["patch", "cells", "patch-pixels", "maps", "shifted-maps"]
Colours = Literal["rgb", "bgr"]
Sampling = Literal["centre", "corner"]
BoxEdges = Literal["outer", "plain", "inner"]

OUTPUTS: Tuple[str, ...] = get_args(Output)
LOSSES: Tuple[str, ...] = get_args(Loss)
MAP_LOSSES = tuple(loss for loss in LOSSES if not loss.startswith("joint-"))
BACKBONES: Tuple[str, ...] = get_args(Backbone)
HOURGLASSES = tuple(name for name in BACKBONES if not name.startswith("resnet"))  # Newell's, and Pavlakos' for volumes
BOXES: Tuple[str, ...] = get_args(Boxes)
JOINT_SCORES: Tuple[str, ...] = get_args(JointScore)
DECODERS: Tuple[str, ...] = get_args(Decoder)
REGULARISERS: Tuple[str, ...] = get_args(Regulariser)
GRADIENTS: Tuple[str, ...] = get_args(Gradient)
GRIDS: Tuple[str, ...] = get_args(Grid)
READ_GRIDS: Tuple[str, ...] = get_args(ReadGrid)
FLIPS: Tuple[str, ...] = get_args(Flip)
COLOURS: Tuple[str, ...] = get_args(Colours)
SAMPLINGS: Tuple[str, ...] = get_args(Sampling)
BOX_EDGES: Tuple[str, ...] = get_args(BoxEdges)
CUSTOM = ("custom-", "own-")  # names of users' data sets begin so; the second, with earlier versions
MUCO = "muco"  # 3D people of whom this program knows the joints alone, for networks that others have trained
YES, NO = ("yes", "true", "True", "1"), ("no", "false", "False", "0")
NOT_SET = ("start", "seed", "amp")  # what `changes` leaves to a table's rows and options
AT_TEST = {"at": "test"}  # marks the fields that matter only once the network is trained


@dataclass(frozen=True)
class Run:
    """One network, trained once.  The defaults are the paper's (Sec. 5, Training)."""

    # What the network predicts and what it is trained with
    output: Output = "integral"
    loss: Loss = "joint-l1"
    start: Optional[Run] = None  # the run whose weights this one starts from
    logit_scale: float = 0.0  # multiplies the last layer once, when an integral takes over heat maps; 0: as the profile
    sigma: float = 1.0  # cells; Gaussian of H1
    disc: float = 15.0  # px of a 256 px patch; radius of H3's positive disc
    prior: float = 0.0  # probability that H3 gives a cell before training, by the last layer's bias; 0: a bias of 0

    # What the paper leaves open
    decoder: Decoder = field(default="integer", metadata=AT_TEST)  # of 2D heat maps: how a joint is found within a cell
    compensated: bool = False  # an integral is freed of the pull to the map's middle, in training and at test
    compensated_test: bool = field(default=False, metadata=AT_TEST)  # or at test alone
    regulariser: Regulariser = ""  # of an integral's maps: their divergence from a Gaussian, "js", or their "variance"
    penalty: float = 1.0  # the regulariser's weight
    gradient: Gradient = "exact"  # of an integral: Eq. 4's, or AlphaPose's, which is "symmetric" about the joint
    samples: int = 0  # of each map: an integral's loss is their mean error (sampling-argmax); 0: the error of the joint
    grid: Grid = "centre"  # where an integral counts cell i of n: (i + 0.5) / n or, as the release, its "index", i / n
    read_grid: ReadGrid = field(default="", metadata=AT_TEST)  # the same at test; "": as in training
    flip_in: Flip = field(default="patch", metadata=AT_TEST)  # x is 1 - x; "cells": i is n - 1 - i; "maps"

    # People
    data: str = "mpii"
    skeleton: str = ""  # the joints of custom data, as `skeletons.written` gives them; data sets have theirs
    coordinates: int = 2  # 3: x, y and depth, on a 3D data set
    extra: str = ""  # 2D data set that gives half of each mini-batch (Strategy 2)
    protocol: int = 2  # of Human3.6M: who is trained on, who tested
    train_people: int = 0  # 0: all there are
    test_people: int = 0
    everybody: bool = False  # trains on the test people too: MPII's own test has others, whose joints are not published
    patch: int = 256  # px
    shift: float = 0.02  # augmentation: fraction of the patch,
    scale: float = 0.25  # fraction of the scale,
    turn: float = 30.0  # degrees, all either way,
    mirror: bool = True
    colour: float = 0.0  # and gain of each colour channel
    occlusion: float = 0.0  # probability that a rectangle of the patch is painted over
    widest: float = 1.0  # times as wide as the box, and its shift, may the patch be: log-uniform from 1
    absent: bool = False  # joints outside the patch are trained as nowhere, instead of not counting
    flip_test: bool = field(default=False, metadata=AT_TEST)  # averages joints, or maps, with the mirrored patch
    reduced: bool = False  # images that show somebody much larger than the patch are decoded at ½, ¼ or ⅛ of their size

    # Scenes of several people, COCO's
    boxes: Boxes = field(default="detected", metadata=AT_TEST)  # in which poses are predicted, or "annotated"
    rescored: bool = field(default=True, metadata=AT_TEST)  # a pose's score is its box's times its joints'
    suppressed: bool = field(default=True, metadata=AT_TEST)  # all but the best of poses that are nearly the same
    joint_score: JointScore = field(default="mass", metadata=AT_TEST)  # an integral's: "mass" near it, "one", "peak"

    # Network
    backbone: Backbone = "resnet50"
    width: float = 1.0  # multiplies every number of channels
    pretrained: bool = True  # the backbone, on ImageNet
    trunk: Optional[Run] = None  # instead: the run whose backbone this one starts from, without its head
    tuned: bool = False  # and its head too: the deconvolutions, and the maps of joints with the same names
    upsamplings: int = 2  # deconvolution layers; 3 for an hourglass, whose maps are of that size
    stages: int = 1  # conv4, conv5 and a head, one after the other on conv3's features; or hourglasses

    # What networks of other programs were trained with, in which they differ from ours (docs/published.md)
    published: str = ""  # whose network it is, and the beginning of its file's SHA-256; "": trained by this program
    patch_width: int = 0  # px, where a patch is less wide than high; 0: as high as wide
    early_stride: bool = False  # a bottleneck's stride is in its first 1x1 convolution (Caffe), not in its 3x3
    colours: Colours = "rgb"  # the order of the channels, of which the first gets red's mean and deviation
    sampling: Sampling = "centre"  # the box's middle is that of the patch, (n - 1) / 2 px, or half a px further, n / 2
    box_edges: BoxEdges = "outer"  # a box of w px spans pixels' edges, or px n to n + w, or n to n + w - 1
    margin: float = field(default=0.0, metadata=AT_TEST)  # times what just holds the person; 0: the data set's
    bones: float = 0.0  # mm: what a 3D pose's bones add up to, by which it is scaled; 0: the box shows 2 m

    # Schedule
    batch: int = 128
    rate: float = 1e-3
    low_rate: float = 1e-5
    steps: int = 0  # a fixed budget; 0: until the validation loss saturates twice
    drop_at: float = 0.8  # of a fixed budget: where the rate falls
    cosine: bool = False  # instead, the rate follows half a cosine from `rate` to `low_rate` over a fixed budget
    validate_every: int = 0  # steps; 0: once an epoch
    patience: int = 10  # validations without a better loss that make it saturated
    max_epochs: int = 300
    seed: int = 0
    amp: bool = False  # float16 where MXNet's lists allow it; on GPUs

    def __post_init__(self) -> None:
        _demand(self.output in OUTPUTS, f"output is one of {OUTPUTS}, not {self.output!r}")
        _demand(self.loss in LOSSES, f"loss is one of {LOSSES}, not {self.loss!r}")
        _demand(self.backbone in BACKBONES, f"backbone is one of {BACKBONES}, not {self.backbone!r}")
        _demand(
            (self.output == "heat map") == (self.loss in MAP_LOSSES),
            f"{'an' if self.output == 'integral' else 'a'} {self.output} output cannot be trained with {self.loss}: "
            "heat maps need a loss on maps, joints a loss on joints",
        )
        _demand(self.boxes in BOXES, f"boxes are {' or '.join(BOXES)}, not {self.boxes!r}")
        _demand(self.joint_score in JOINT_SCORES, f"joint_score is one of {JOINT_SCORES}, not {self.joint_score!r}")
        _demand(self.coordinates in (2, 3), f"joints have 2 or 3 coordinates, not {self.coordinates}")
        custom = self.data.startswith(CUSTOM)
        _demand(custom == bool(self.skeleton), "data sets named custom-… need a skeleton, and no others have one")
        in_3d = "human36m" in self.data or self.data == MUCO
        _demand(in_3d == (self.coordinates == 3), "Human3.6M has 3 coordinates, and all other data sets have 2")
        _demand(self.protocol in (1, 2), f"Human3.6M has protocols 1 and 2, not {self.protocol}")
        _demand(not self.extra or self.coordinates == 3, "`extra` 2D people are only for 3D runs")
        _demand(not self.extra or self.batch % 2 == 0, "a mixed mini-batch has two halves, so `batch` must be even")
        _demand(
            self.coordinates == 2 or self.loss != "disc-bce",
            "the paper has no 3D form of disc-bce: train 3D heat maps with gaussian-mse or softmax-ce",
        )
        _demand(self.patch % 32 == 0 and self.patch > 0, "patch must be a multiple of 32 px, since the backbone "
                                                         "divides it by 32")
        _demand(self.batch > 0 and self.width > 0 and self.upsamplings >= 0, "batch and width must be positive")
        _demand(
            self.stages == 1 or (self.stages > 1 and self.output != "direct"),
            "stages must be 1 or more; several stages need maps, since each takes those of the one before",
        )
        if self.of_resnets:
            _demand(self.stages == 1 or self.upsamplings == 2, "stages need 2 upsamplings, so that maps have the size "
                                                               "of conv3's")
        else:
            self._demand_hourglass()
        self._demand_beyond_paper()
        self._demand_published()
        self._demand_trunk()
        _demand(0 <= self.occlusion <= 1, "occlusion is a probability, from 0 to 1")
        _demand(self.widest >= 1, "widest is 1 or more: how many times as wide as the box a patch may be")
        empty = self.loss == "gaussian-mse" and self.coordinates == 2
        _demand(empty or not self.absent, "only 2D gaussian-mse maps can be empty, for joints that are absent")
        _demand(not self.cosine or self.steps > 0, "a rate that follows a cosine needs a fixed budget of steps")
        made_up = self.data.startswith("synthetic-")
        _demand(not (self.everybody and made_up), "synthetic test people must not be trained on")
        _demand(self.start is None or self.start.seed == self.seed, "a run must start from a run with the same seed")

    def _demand_hourglass(self) -> None:
        maps = self.output != "direct" and self.upsamplings == 3
        _demand(maps, "an hourglass gives maps of a quarter of the patch: set upsamplings to 3, and an output with "
                      "maps")
        scratch = self.patch % 64 == 0 and not self.pretrained
        _demand(scratch, "an hourglass is trained from scratch, on a patch that is a multiple of 64 px")
        if self.backbone == "coarse-to-fine":
            _demand(self.coordinates == 3 and not self.extra, "the coarse-to-fine network is for volumes")
            _demand(self.stages <= 2, "the coarse-to-fine network has one stage or two")

    def _demand_trunk(self) -> None:
        if self.trunk:
            ours, theirs = ((of.backbone, of.width, of.early_stride) for of in (self, self.trunk))
            plain = self.of_resnets and self.trunk.stages == 1
            _demand(ours == theirs and plain, "trunk is a run of one stage whose ResNet has as many layers and "
                                              "channels, and its stride in the same convolutions; trunk=none starts "
                                              "from random weights")
            _demand(not self.pretrained and not self.start, "a run starts from ImageNet (`pretrained`), from another "
                                                            "run's backbone (`trunk`) or from another run (`start`)")

        if self.tuned and self.trunk:
            shapes = [(of.upsamplings, of.output == "direct", of.stages) for of in (self, self.trunk)]
            spaces = self.coordinates, self.trunk.coordinates
            lifted = spaces == (3, 2) and self.output != "direct"
            _demand(shapes[0] == shapes[1] and self.stages == 1, "a network that is tuned has as many deconvolutions "
                                                                 "as before, and one stage")
            _demand(lifted or spaces[0] == spaces[1], "a network that is tuned has as many coordinates as before, or "
                                                      "volumes after planes")

    def _demand_beyond_paper(self) -> None:
        for name, known in (("decoder", DECODERS), ("colours", COLOURS), ("sampling", SAMPLINGS),
                            ("box_edges", BOX_EDGES), ("regulariser", REGULARISERS), ("grid", GRIDS),
                            ("read_grid", READ_GRIDS), ("flip_in", FLIPS), ("gradient", GRADIENTS)):
            _demand(getattr(self, name) in known, f"{name} is one of {known}, not {getattr(self, name)!r}")
        gaussians = self.loss == "gaussian-mse" and self.coordinates == 2
        cells = self.loss == "softmax-ce" and self.coordinates == 2 and not self.staged
        found = self.decoder == "integer" or (cells if self.decoder == "window" else gaussians)
        _demand(found, "decoders other than integer are for 2D gaussian-mse maps only, and window is for 2D softmax-ce "
                       "maps of one stage")
        flat = self.output == "heat map" and self.coordinates == 2
        _demand(flat or self.flip_in != "maps", "flip_in maps is for 2D heat maps; flip_in=patch averages joints")
        one = gaussians and not self.staged
        _demand(one or self.flip_in != "shifted-maps", "flip_in shifted-maps is for 2D gaussian-mse maps of one stage")
        compensated = self.compensated or self.compensated_test
        shifted = self.grid != "centre" or (bool(self.read_grid) and not gaussians)
        changed = compensated or bool(self.regulariser) or shifted or self.flip_in in ("cells", "patch-pixels")
        _demand(self.output == "integral" or not changed, f"a {self.output} output has no expectation, which these "
                                                          "settings change")
        _demand(not (compensated and shifted), "a compensated integral needs the grid of cell centres")
        plain = self.coordinates == 2 and not self.staged
        _demand(plain or not self.regulariser, "the regularisers are for 2D maps of one stage")
        _demand(self.penalty > 0, "penalty must be positive")
        self._demand_descendants(plain)

    def _demand_descendants(self, plain: bool) -> None:
        sampled, symmetric, likely = self.samples != 0, self.gradient != "exact", self.loss == "joint-rle"
        _demand(self.samples >= 0, f"samples are a number of draws from each map, or 0, not {self.samples}")
        integral = self.output == "integral"
        _demand(integral or not (sampled or symmetric), f"samples and a symmetric gradient are an integral's; a "
                                                        f"{self.output} output has no expectation")
        _demand(plain or not (sampled or symmetric or likely), "joint-rle, samples and a symmetric gradient are for "
                                                               "2D joints and networks of one stage")
        changed = [name for name in ("compensated", "compensated_test") if getattr(self, name)]
        _demand(not symmetric or not changed, "a symmetric gradient is that of a plain integral, not of a compensated "
                                              "one")
        alone = not (self.regulariser or self.compensated or symmetric or likely)
        _demand(not sampled or alone, "samples take the place of the loss on joints: they cannot be combined with "
                                      "joint-rle, a regulariser, a symmetric gradient or a compensated integral")
        _demand(not likely or not self.regulariser, "joint-rle cannot be combined with a regulariser")
        as_it_began = self.start is None or likely == (self.start.loss == "joint-rle")
        _demand(as_it_began, "joint-rle trains a network with more weights than other losses do, so it cannot start "
                             "from their weights, nor they from its; `trunk` hands the backbone over")

    def _demand_published(self) -> None:
        width = self.patch_width
        _demand(width >= 0 and width % 32 == 0 and width < self.patch, "patch_width is 0, or a multiple of 32 px below "
                                                                      "patch")
        plain = self.of_resnets and self.stages == 1 and self.output != "direct" and not self.on_vectors
        _demand(plain or not width, "patches that are not square are for ResNets of one stage with maps")
        bottlenecks = self.of_resnets and self.layers >= 50 and self.stages == 1
        _demand(bottlenecks or not self.early_stride, "an early stride is a bottleneck's: of ResNet-50, -101 or -152, "
                                                      "of one stage")
        _demand(self.margin >= 0 and self.bones >= 0, "margin and bones must not be below 0")

    def __repr__(self) -> str:
        """What differs from the paper: `Run(output='heat map', loss='gaussian-mse')`."""
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._changed.items())})"

    @property
    def of_resnets(self) -> bool:
        """Whether the backbone is a ResNet."""
        return self.backbone not in HOURGLASSES

    @property
    def layers(self) -> int:
        """Of the ResNet."""
        return int(self.backbone[len("resnet"):])

    @property
    def staged(self) -> bool:
        """Whether the network gives a list of its stages' outputs."""
        return self.stages > 1 or not self.of_resnets

    @property
    def depths(self) -> Tuple[int, ...]:
        """Cells in depth of each stage's maps: of two stages of the coarse-to-fine network the first has none."""
        if self.backbone == "coarse-to-fine" and self.stages == 2:
            return 1, self.depth
        return (self.depth,) * self.stages

    @property
    def cells(self) -> int:
        """Cells along a heat map's height, and its width where the patch is square."""
        return self.patch // 32 * 2**self.upsamplings

    @property
    def patch_columns(self) -> int:
        """The patch's width, px."""
        return self.patch_width or self.patch

    @property
    def columns(self) -> int:
        """Cells along a heat map's width, which are `cells` unless the patch is less wide than high."""
        return self.patch_columns // 32 * 2**self.upsamplings

    @property
    def depth(self) -> int:
        """Cells of a heat map in depth: as many as in its width."""
        return self.columns if self.coordinates == 3 else 1

    @property
    def by_corner(self) -> bool:
        """Whether the box's middle is half a px further in the patch than the patch's own."""
        return self.sampling == "corner"

    @property
    def on_vectors(self) -> bool:
        """Whether heat maps are trained and read by their projections on x, y and z (Eq. 5).

        They are where 2D people are mixed in: those know x and y, and nothing that a volume could be compared with.
        """
        return self.output == "heat map" and bool(self.extra)

    @property
    def training(self) -> Run:
        """The run as it is trained: runs that differ only in how they are tested have it in common.

        A logit scale of 1 that was asked for is what one has that was left to a profile without a scale of its own.
        """
        tested: Dict[str, Any] = {f.name: f.default for f in fields(self) if f.metadata == AT_TEST}
        scale = 0.0 if self.logit_scale == 1 else self.logit_scale
        start, trunk = (before.training if before else None for before in (self.start, self.trunk))
        return replace(self, start=start, trunk=trunk, logit_scale=scale, **tested)

    @property
    def settings(self) -> Dict[str, Any]:
        """The fields that differ from their defaults, so that a new field leaves old keys as they were."""
        return {name: value.settings if isinstance(value, Run) else value for name, value in self._changed.items()}

    @property
    def _changed(self) -> Dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Run:
        """Inverse of `settings`.

        Raises:
            ValueError: a field is unknown, of another type, or does not go with another.
        """
        defaults = {f.name: f.default for f in fields(cls)}
        values = dict(settings)
        for name, value in settings.items():
            _demand(name in defaults, f"a run has no field {name!r}")
            if name in ("start", "trunk"):
                _demand(isinstance(value, Mapping), f"{name} is the settings of a run")
                values[name] = cls.from_settings(value)
            else:
                kind = type(defaults[name])
                fits = type(value) is kind or (kind is float and type(value) is int)
                _demand(fits, f"{name} is of type {kind.__name__}, not {value!r}")
        return cls(**values)

    def everywhere(self, **changes: Any) -> Run:
        """The run with changes, made also in the runs that it starts from."""
        return replace(self, start=self.start.everywhere(**changes) if self.start else None, **changes)

    @classmethod
    def changes(cls, words: Sequence[str]) -> Dict[str, Any]:
        """Fields as a user writes them, ["batch=64", "rate=5e-4"] -> {"batch": 64, "rate": 0.0005}.

        Raises:
            ValueError: a word is no field of a run, or its value is not of the field's type.
        """
        defaults = {f.name: f.default for f in fields(cls) if f.name not in NOT_SET}
        found: Dict[str, Any] = {}
        for word in words:
            name, equals, text = word.partition("=")
            _demand(bool(equals), f"{word}: write FIELD=VALUE, as in batch=64")
            _demand(name in defaults, f"{name}: there is no such field. The fields are {', '.join(defaults)}")
            found[name] = _parsed(name, text, type(defaults[name]))
        return found

    @property
    def key(self) -> str:
        """Ten hexadecimal digits, from all settings, that name the run's folder and sign its numbers."""
        return hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:10]

    @property
    def chain(self) -> List[Run]:
        """This run and the runs it starts from, in the order of training."""
        return [*(self.start.chain if self.start else []), self]

    @property
    def needed(self) -> List[Run]:
        """The chain, and before it the runs that give it its backbone, unless that is given with its head."""
        trunk = None if self.chain[0].tuned else self.chain[0].trunk
        return [*(trunk.needed if trunk else []), *self.chain]


def read(path: Path) -> Run:
    """The run that a run.json describes.

    Raises:
        InputError: it is missing or damaged, or this version of the program would give the run another key.
    """
    try:
        stored = json.loads(path.read_bytes())
        run = Run.from_settings({name: value for name, value in stored.items() if name not in ("key", "label")})
    except OSError:
        raise InputError(
            f"{path}: there is no such file. Give the folder of a trained run, such as runs/quick/1a2b3c4d5e."
        ) from None
    except (ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: does not describe a run of this version of the program ({error}).") from error
    if stored.get("key") != run.key:
        raise InputError(
            f"{path}: was edited, or written by another version of the program: its key is {stored.get('key')} and its "
            f"settings give {run.key}. Use that version, or train the run again."
        )
    return run


def _parsed(name: str, text: str, kind: type) -> Any:
    """A field's value from its text."""
    if name == "trunk":
        _demand(text == "none", f"trunk={text}: write trunk=none, to start from random weights")
        return None
    if kind is bool:
        _demand(text in YES + NO, f"{name}={text}: write {name}=yes or {name}=no")
        return text in YES
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{name}={text}: must be {'a whole number' if kind is int else 'a number'}") from None


def _demand(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
