"""Data sets by name: whose people a run trains on."""
from __future__ import annotations

from pathlib import Path

from integral_pose.datasets import catalogue
from integral_pose.methods import I1, on_human36m
from integral_pose.profiles import smoke


def test_the_extra_people_of_a_mixed_run_are_the_training_people_of_its_second_data_set(smoke_people: Path) -> None:
    """Never its test people: they would be trained on."""
    found = catalogue.Catalogue(smoke_people)
    people = found.extra(smoke(on_human36m(I1, extra="mpii")))
    (folder,) = {sample.image.parent for sample in people}
    names = {sample.image.name for sample in people}
    held_out = {sample.image.name for sample in found.of(smoke(I1)).people("held-out")}
    assert names and names.isdisjoint(held_out)
    assert names | held_out == {path.name for path in folder.glob("train_*")}
