"""Where a run's files are, and on what it is trained."""
from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Iterator, Optional, Tuple

import mxnet as mx

from integral_pose.datasets.catalogue import Catalogue
from integral_pose.distributed import Crew
from integral_pose.run import Run
from integral_pose.storage.atomic import only_here, remove_drafts

SETTINGS, DONE, PARAMETERS, CHECKPOINT = "run.json", "trained.json", "net.params", "checkpoint.npz"


@dataclass(frozen=True)
class Site:
    """Folders and devices of the training: nothing here may change a number."""

    data: Path  # the folder of the data sets
    runs: Path
    devices: Tuple[mx.Context, ...]
    workers: int = 2
    line: int = 0  # of the terminal, for the progress bar
    crew: Crew = field(default_factory=Crew)  # the processes that train together
    made: Optional[Path] = None  # the folder of synthetic people, if it is not `data`
    catalogue: Catalogue = field(default=Catalogue(Path()), compare=False)  # of the data sets there; made of `data`

    def __post_init__(self) -> None:
        if self.catalogue.root != self.data or self.catalogue is Site.catalogue:
            object.__setattr__(self, "catalogue", Catalogue(self.data, self.made))

    def folder(self, run: Run) -> Path:
        """Where the run's files are; runs that differ only in how they are tested share it."""
        return self.runs / run.training.key

    @property
    def alone(self) -> Site:
        """The same for what the crew's leader does by itself."""
        return replace(self, crew=Crew())

    @contextmanager
    def held(self, run: Run, wait: bool = True) -> Iterator[None]:
        """The run's lock: only its holder writes into the folder. A crew's leader holds it for all."""
        lock = only_here(self.folder(run).with_suffix(".lock"), wait)
        with ExitStack() as stack:
            self.crew.first(lambda: stack.enter_context(lock))
            if self.crew.leads:
                remove_drafts(self.folder(run))
            yield
