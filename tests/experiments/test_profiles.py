"""At every scale a table still compares like with like."""
from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Callable, Dict, List

import pytest

from experiments import (
    beyond_bias,
    beyond_decoders,
    beyond_descendants,
    beyond_grid,
    beyond_hand_over,
    beyond_regularisers,
    figure2,
    table1,
    table2,
    table3,
    table4,
    table5,
    table7,
    table8,
    table9,
    table11,
    table12,
)
from integral_pose.datasets.catalogue import is_synthetic
from integral_pose.errors import InputError
from integral_pose.methods import H1, H3, I1, I3, I_STAR
from integral_pose.models import saved
from integral_pose.profiles import PROFILES, paper, photos, quick, scaled, smoke, trunk_of
from integral_pose.run import Run
from integral_pose.skeletons import LSP, written
from integral_pose.tables import AS_PROFILE, Phases, Table
from tests.experiments.test_tables import TABLES, each_table

ROOT = Path(__file__).resolve().parents[2]
Profile = Callable[[Run], Run]
each_profile = pytest.mark.parametrize("profile", [quick, smoke, paper])  # photos is for some tables
each_small_profile = pytest.mark.parametrize("profile", [quick, smoke])


def column_runs(table: Table, column: int) -> List[Run]:
    return [row.runs[column] for row in table.rows if row.runs]


@each_table
def test_the_papers_profile_changes_nothing(table: Table) -> None:
    assert all(paper(run) is run for row in table.rows for run in row.runs)


@each_table
@each_small_profile
def test_all_rows_of_a_column_see_as_many_images(table: Table, profile: Profile) -> None:
    for column in range(len(table.columns)):
        seen = {sum(link.batch * link.steps for link in profile(run).chain) for run in column_runs(table, column)}
        assert len(seen) == 1 and min(seen) > 0


@each_table
@each_small_profile
def test_a_row_that_starts_from_heat_maps_shares_their_first_half(table: Table, profile: Profile) -> None:
    for column in range(len(table.columns)):
        runs = column_runs(table, column)
        for run in runs:
            first = profile(run).start
            assert first is not None and first.start is None
            if run.start in runs:
                assert first == profile(run.start).start
            assert (first.output, first.loss) == ((run.start or run).output, (run.start or run).loss)


@each_table
@each_profile
def test_keys_stay_distinct_within_a_table(table: Table, profile: Profile) -> None:
    keys = [profile(run).key for row in table.rows for run in row.runs]
    assert len(set(keys)) == len(keys)


@each_table
@each_small_profile
def test_small_profiles_keep_what_the_rows_differ_in(table: Table, profile: Profile) -> None:
    for row in table.rows:
        for run in row.runs:
            small = profile(run)
            kept = ("output", "loss", "backbone", "upsamplings", "stages", "sigma", "seed", "coordinates", "protocol")
            assert bool(small.extra) == bool(run.extra)
            assert [getattr(small, name) for name in kept] == [getattr(run, name) for name in kept]
            assert run.patch % small.patch == 0 and not small.pretrained and small.data.startswith("synthetic-")


@each_profile
def test_runs_that_tables_share_are_trained_once(profile: Profile) -> None:
    def keys(table: Table, column: int) -> Dict[str, str]:
        return {row.name: profile(row.runs[column]).key for row in table.rows if row.runs}

    first, middle, fifty = keys(table1.TABLE, 0), keys(table2.TABLE, 1), keys(table3.TABLE, 1)
    assert middle == fifty == {name: first[name] for name in ("H1", "I1")}
    assert set(keys(table4.TABLE, 0).values()) == set(middle.values())
    mixed, large = keys(table7.TABLE, 1), keys(table9.TABLE, 0)
    assert large == {name: mixed[name] for name in ("H2", "I2")}
    assert profile(table12.TABLE.rows[-1].runs[0]).key == keys(table8.TABLE, 1)["I1"]
    assert profile(table11.TABLE.rows[-1].runs[0]).key == mixed["I*"]


@each_small_profile
def test_of_table_5_only_hourglasses_are_trained(profile: Profile) -> None:
    """Synthetic test people are annotated, so to train on everybody else is what the other tables do already."""
    others = {profile(run).key for table in (table1.TABLE, table4.TABLE) for row in table.rows for run in row.runs}
    runs = {row.name: profile(row.runs[0]) for row in table5.TABLE.rows if row.runs}
    assert {name for name, run in runs.items() if run.training.key not in others} == {"HG-H1", "HG-I1"}
    assert all(run.flip_test and not run.everybody for run in runs.values())


@each_profile
def test_a_seed_goes_through_a_profile(profile: Profile) -> None:
    keys = {profile(run).key for run in (Run(), Run(seed=1), Run(seed=2))}
    assert len(keys) == 3
    assert [link.seed for link in profile(Run(seed=2)).chain] == [2] * len(profile(Run(seed=2)).chain)


@pytest.mark.parametrize("run, first", [(H1, H1), (I1, H1), (I_STAR, I_STAR)])
def test_two_halves_by_hand(run: Run, first: Run) -> None:
    start = quick(run).start
    assert start is not None
    assert (start.loss, start.steps, start.batch, start.patch) == (first.loss, quick(run).steps, 8, 128)


def test_quick_has_the_smallest_mini_batches_in_2d_and_as_many_images_everywhere() -> None:
    hourglass = replace(table5.HG_H1, everybody=False)
    runs = [quick(replace(run, data=data)) for run in (H1, I1, hourglass) for data in ("mpii", "coco")]
    assert {(run.batch, run.rate) for run in runs} == {(8, 2e-3)}
    assert [sum(link.batch * link.steps for link in run.chain) for run in runs] == 3 * [2 * 500 * 16, 2 * 1250 * 16]
    own = quick(replace(H1, data="custom-hands", skeleton=written(LSP)))
    assert (own.batch, own.steps, own.low_rate) == (16, 500, 3e-4)
    assert [(quick(run).batch, quick(run).steps) for run in table7.TABLE.rows[0].runs] == [(16, 2000), (32, 2000)]


@each_table
def test_quick_starts_from_photographs_where_the_paper_starts_from_imagenet(table: Table) -> None:
    for run in (run for row in table.rows for run in row.runs):
        trunk = quick(run).chain[0].trunk
        assert trunk == (trunk_of(run.backbone) if run.pretrained else None)
        assert trunk is None or saved.trunk(trunk)
        assert smoke(run).chain[0].trunk is None


def test_another_width_needs_another_start() -> None:
    with pytest.raises(ValueError, match="trunk=none starts from random weights"):
        quick(H1).everywhere(width=0.5)
    assert quick(H1).everywhere(**Run.changes(["width=0.5", "trunk=none"])).chain[0].trunk is None


def test_custom_people_start_as_they_are_told() -> None:
    assert quick(replace(H1, data="custom-hands", skeleton=written(LSP))).chain[0].trunk is None


def test_only_the_quick_profile_sharpens_and_only_maps_of_peak_1() -> None:
    scales = {row.name: quick(row.runs[0]).logit_scale for row in table1.TABLE.rows}
    assert {name for name, scale in scales.items() if scale} == {"I1"}
    assert not any(quick(row.runs[0]).start.logit_scale for row in table1.TABLE.rows)  # type: ignore[union-attr]
    in_3d = {(row.name, c): quick(row.runs[c]).logit_scale for row in table7.TABLE.rows for c in range(2)}
    assert {where for where, scale in in_3d.items() if scale} == {("I1", 0)}


def test_the_disc_of_h3_covers_as_many_cells_as_in_the_paper() -> None:
    def cells(run: Run) -> float:
        return run.disc / 256 * run.cells

    h3 = quick(H3)
    assert cells(h3) == cells(H3) == cells(h3.chain[0]) == cells(quick(I3).chain[0]) == 1.875
    assert quick(I3).disc == quick(H1).disc == Run().disc


def test_a_run_that_says_how_sharp_its_maps_start_is_left_alone() -> None:
    asked = {row.name: quick(row.runs[0]) for row in beyond_hand_over.TABLE.rows}
    assert {name: run.logit_scale for name, run in asked.items()} == beyond_hand_over.SCALES
    assert asked["I1, x 20"].key == quick(I1).key and paper(replace(I1, logit_scale=1.0)).training == I1


def test_beyond_the_paper_few_networks_are_trained() -> None:
    """Decoders none; of the others only what no table of the paper has, all but one of them I1's second half."""
    known = {link.key for table in (table1.TABLE, table2.TABLE) for row in table.rows for run in row.runs
             for link in scaled(run, "quick", table.phases).training.chain}
    for module, halves in ((beyond_decoders, 0), (beyond_hand_over, 5), (beyond_bias, 2), (beyond_regularisers, 4),
                           (beyond_grid, 1), (beyond_descendants, 11)):
        runs = (scaled(run, "quick", module.TABLE.phases) for row in module.TABLE.rows for run in row.runs)
        assert len({link.key for run in runs for link in run.training.chain} - known) == halves


def test_some_tables_have_more_steps_in_quick_alone() -> None:
    phases = {name: table.phases for name, table in TABLES.items() if table.phases != AS_PROFILE}
    twice = dict.fromkeys(("table7", "table9", "table11"), Phases(2, 2))
    saturated = dict.fromkeys(("table2", "table3", "beyond_decoders", "table6", "table6_stages"), Phases(3, 1, 0.25))
    assert phases == {**twice, **saturated}
    for run in (H1, I1):
        short, long = quick(run), scaled(run, "quick", Phases(2, 2))
        assert long == replace(short, steps=2000, validate_every=500, start=replace(
            short.start, steps=2000, validate_every=500))  # type: ignore[type-var]
        others = {name: profile for name, profile in PROFILES.items() if name != "quick"}
        assert all(scaled(run, name, Phases(2, 2, 0.5)) == profile(run) for name, profile in others.items())
    longer = scaled(I1, "quick", Phases(3, 1, 0.25))
    assert longer == replace(quick(I1), rate=5e-4, low_rate=5e-5, start=replace(
        quick(I1).start, steps=3000, validate_every=750))  # type: ignore[type-var]


@each_table
def test_published_numbers_are_of_the_runs_as_they_are_now(table: Table) -> None:
    path = ROOT / f"results/quick/{table.name}.csv"
    if not path.exists():
        pytest.skip("not published")
    with open(path, newline="") as handle:
        published = {(line["row"], line["column"]): line["run_key"] for line in csv.DictReader(handle)}
    for row, column in table.cells():
        first, *_ = published[row.name, table.columns[column]].split()
        assert first == scaled(row.runs[column], "quick", table.phases).training.key


ON_PHOTOGRAPHS = pytest.mark.parametrize("table", [table1, table2, table3, table4, figure2], ids=lambda m: m.__name__)


@ON_PHOTOGRAPHS
def test_rows_on_photographs_differ_as_in_quick_and_see_as_many_images(table: ModuleType) -> None:
    rows = [(photos(run), quick(run)) for row in table.TABLE.rows for run in row.runs]
    assert {sum(link.batch * link.steps for link in run.chain) for run, _ in rows} == {2000 * 32}
    assert len({run.key for run, _ in rows}) == len({run.key for _, run in rows})
    for run, like in rows:
        for mine, theirs in zip(run.chain, like.chain):
            kept = ("output", "loss", "backbone", "stages", "upsamplings", "width", "logit_scale", "prior")
            assert [getattr(mine, name) for name in kept] == [getattr(theirs, name) for name in kept]


@ON_PHOTOGRAPHS
def test_networks_on_photographs_start_from_synthetic_people(table: ModuleType) -> None:
    for run in (photos(run) for row in table.TABLE.rows for run in row.runs):
        trunk = run.chain[0].trunk
        assert trunk and trunk.backbone == run.backbone and is_synthetic(trunk) and not trunk.pretrained
        assert run.needed == [trunk, *run.chain] and {link.data for link in run.chain} == {"lspet"}


@pytest.mark.parametrize("run", [table7.TABLE.rows[0].runs[0], table5.TABLE.rows[-1].runs[0], Run(data="coco")])
def test_photographs_have_no_depth_no_scenes_and_no_server(run: Run) -> None:
    with pytest.raises(InputError, match="photos: .*Tables 1, 2, 3 and 4 and Figure 2"):
        photos(run)
