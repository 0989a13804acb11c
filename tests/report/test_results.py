"""Numbers, intervals, claims and their files, on evidence whose answers are known."""
from __future__ import annotations

import csv
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np
import pytest

from experiments import figure2, table1, table2, table7, table10
from integral_pose.errors import InputError
from integral_pose.metrics import mpjpe, pckh
from integral_pose.metrics.estimates import tallies
from integral_pose.profiles import PROFILES, judges
from integral_pose.report import results, verdicts
from integral_pose.report.results import Cost, Evidence, Measured
from integral_pose.report.verdicts import Verdict
from integral_pose.storage import array_files
from integral_pose.tables import MPJPE, PA_MPJPE, PA_MPJPE_SCALED, Metric, Table

PEOPLE = 37
(COLUMN,) = table1.TABLE.columns


def evidence(error: float, seed: int = 0, people: int = PEOPLE) -> Evidence:
    """Joints off by `error` head sizes in the mean; all but one joint of the first person annotated."""
    rng = np.random.default_rng(seed)
    distances = rng.exponential(error, (people, 16))
    distances[0, 3] = np.nan
    signature = {"key": f"k{seed}", "seed": seed, "data": "made up", "protocol": "p", "commit": "c", "people": people}
    return Evidence({"distances": distances, "predictions": np.zeros((people, 16, 2))}, signature)


def measured(table: Table, errors: Dict[str, float], seeds: int = 1) -> Measured:
    cells = {
        (row, column): [evidence(error, seed) for seed in range(seeds)]
        for row, error in errors.items()
        for column in table.columns
    }
    return Measured(table, cells)


ERRORS = {"R1": 0.22, "H1": 0.3, "H2": 0.31, "H3": 0.5, "I*": 0.2, "I1": 0.1, "I2": 0.11, "I3": 0.12}


@pytest.mark.parametrize("metric", ["@0.5", "@0.1", "AUC"])
def test_a_value_is_the_scorers(metric: str) -> None:
    given = evidence(0.2)
    value = Measured(table1.TABLE, {("I1", COLUMN): [given]}).value("I1", COLUMN, metric)
    thresholds = pckh.THRESHOLDS if metric == "AUC" else np.array([float(metric[1:])])
    assert value == pytest.approx(pckh.curve(given.arrays["distances"], thresholds).mean(), abs=1e-9)


def test_seeds_are_averaged() -> None:
    values = [
        Measured(table1.TABLE, {("I1", COLUMN): [evidence(0.2, seed)]}).value("I1", COLUMN, "AUC") for seed in range(3)
    ]
    assert measured(table1.TABLE, {"I1": 0.2}, seeds=3).value("I1", COLUMN, "AUC") == pytest.approx(np.mean(values))


def test_the_interval_covers_as_a_bootstrap_should() -> None:
    """Its width is close to what the scatter between people predicts."""
    given = measured(table1.TABLE, {"I1": 0.2})
    low, high = results.interval(given.resampled("I1", COLUMN, "@0.1"))
    hits, counted = pckh.tallies(given.evidence["I1", COLUMN][0].arrays["distances"], "@0.1")
    deviation = 100 * np.std(hits / counted.mean()) / np.sqrt(PEOPLE)
    assert low < given.value("I1", COLUMN, "@0.1") < high
    assert high - low == pytest.approx(2 * 1.96 * deviation, rel=0.15)


def test_resamplings_are_paired() -> None:
    """A row against itself has no spread, however uncertain it is alone."""
    given = measured(table1.TABLE, {"I1": 0.2, "I2": 0.2})
    difference = given.resampled("I1", COLUMN, "AUC") - given.resampled("I2", COLUMN, "AUC")
    assert np.ptp(given.resampled("I1", COLUMN, "AUC")) > 1
    assert np.ptp(difference) == 0


def test_claims_hold_or_not_by_their_smallest_margin() -> None:
    given = measured(table1.TABLE, ERRORS)
    found = {v.claim.text: v for v in results.verdicts(given)}
    assert len(found) == len(table1.TABLE.claims)
    verdict = found["I1 > H1 in @0.1, AUC"]
    margins = [given.value("I1", COLUMN, m) - given.value("H1", COLUMN, m) for m in ("@0.1", "AUC")]
    assert verdict.outcome == "held" and verdict.margin == pytest.approx(min(margins))
    assert verdict.low < verdict.margin < verdict.high
    worse = measured(table1.TABLE, {**ERRORS, "I1": 0.9})
    assert {v.claim.text: v for v in results.verdicts(worse)}["I1 > H1 in @0.1, AUC"].outcome == "not held"


def test_each_seed_has_its_own_margin() -> None:
    given = measured(table1.TABLE, ERRORS, seeds=3)
    alone = [Measured(table1.TABLE, {where: [seeds[s]] for where, seeds in given.evidence.items()}) for s in range(3)]
    for verdict, *of_seeds in zip(results.verdicts(given), *map(results.verdicts, alone)):
        assert verdict.seeds == pytest.approx([v.margin for v in of_seeds])
        assert all(v.seeds == pytest.approx([v.margin]) for v in of_seeds)


@pytest.mark.parametrize("margin, low, high, seeds, outcome", [
    (2, 1, 3, (1, 2, 3), "held"), (2, 1, 3, (), "held"), (-2, -3, -1, (-1, -2), "not held"),
    (2, -1, 4, (2,), "undecided"), (-2, -4, 1, (-2,), "undecided"), (2, 0, 3, (2,), "undecided"),
    (2, 1, 3, (1, -0.1, 5), "undecided"), (-2, -3, -1, (-5, 1), "undecided"),
    (0.1, -2, -1, (0.1,), "undecided"),  # of many close margins the smallest lies lower in each resampling
    (float("nan"), 1, 2, (1,), "undecided"),
])
def test_there_are_three_outcomes(margin: float, low: float, high: float, seeds: Tuple[float, ...], outcome: str
                                  ) -> None:
    assert Verdict(table1.TABLE.claims[0], margin, low, high, seeds).outcome == outcome


def test_claims_of_rows_that_were_not_measured_are_left_out() -> None:
    found = results.verdicts(measured(table1.TABLE, {"I1": 0.1, "H1": 0.3}))
    assert found and all(set(v.claim.rows) <= {"I1", "H1"} for v in found)


def test_rows_of_unequal_seeds_are_not_compared() -> None:
    cells = {("I1", COLUMN): [evidence(0.1, seed) for seed in range(2)], ("H1", COLUMN): [evidence(0.3)]}
    assert results.verdicts(Measured(table1.TABLE, cells)) == []


def test_a_claim_of_many_margins_has_the_lowest_interval() -> None:
    given = measured(table1.TABLE, ERRORS)
    verdict = next(v for v in results.verdicts(given) if len(v.claim.margins(given.value)) > 5)
    lows = [results.interval(margin)[0] for margin in verdict.claim.margins(given.resampled)]
    assert verdict.low <= min(lows)


def test_cells_with_other_people_are_refused() -> None:
    with pytest.raises(InputError, match="tested on different people"):
        Measured(table1.TABLE, {("I1", COLUMN): [evidence(0.1)], ("H1", COLUMN): [evidence(0.1, people=5)]})


def lines(path: Path) -> List[Dict[str, str]]:
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle))


def test_networks_that_are_hardly_trained_judge_no_claim() -> None:
    given = Measured(table1.TABLE, {(row, COLUMN): [evidence(error)] for row, error in ERRORS.items()}, judged=False)
    assert results.verdicts(given) == []
    printed = results.render(given, [])
    assert "No claim is judged" in printed and "held" not in printed
    assert [profile for profile in PROFILES if not judges(profile)] == ["smoke"]


def test_the_csv_is_tidy_and_signed(tmp_path: Path) -> None:
    given = measured(table2.TABLE, {"H1": 0.3, "I1": 0.1}, seeds=2)
    costs = [Cost(7.25, 34.0, 25.6)] * 4
    results.write_csv(given, costs, tmp_path / "deep" / "table2.csv")
    found = lines(tmp_path / "deep" / "table2.csv")
    assert list(found[0]) == list(results.COLUMNS)
    assert len(found) == 2 * 4 * 3 + 4 * 3
    first = found[0]
    assert (first["row"], first["metric"], first["paper"], first["seeds"]) == ("H1", "@0.5", "86.7", "0 1")
    assert (first["run_key"], first["commit"], first["data"]) == ("k0 k1", "c", "made up")
    assert float(first["low"]) <= float(first["ours"]) <= float(first["high"])
    assert {line["metric"] for line in found if line["row"] == "all"} == {
        "multiply-adds", "parameters, network", "parameters, backbone as classifier"
    }


def test_claims_are_written_and_read_back(tmp_path: Path) -> None:
    given = results.verdicts(measured(table1.TABLE, ERRORS, seeds=2))
    verdicts.write(table1.TABLE, [(v, "a note" if v is given[0] else "") for v in given], tmp_path / "claims.csv")
    found = lines(tmp_path / "claims.csv")
    assert [line["claim"] for line in found] == [claim.text for claim in table1.TABLE.claims]
    assert [line["verdict"] for line in found] == [v.outcome for v in given]
    assert [line["paper_sentence"] for line in found] == [str(claim.of_paper) for claim in table1.TABLE.claims]
    assert found[0]["note"] == "a note" and {line["note"] for line in found[1:]} == {""}
    again = verdicts.read(table1.TABLE, tmp_path / "claims.csv", "")
    for one, other in zip(given, again):
        assert other.claim is one.claim and other.seeds == pytest.approx(one.seeds, abs=0.005)
        assert (other.margin, other.low, other.high) == pytest.approx((one.margin, one.low, one.high), abs=0.005)


def test_claims_without_each_seeds_margin_are_read(tmp_path: Path) -> None:
    """Of files that an earlier version wrote."""
    claim = table1.TABLE.claims[0]
    (tmp_path / "claims.csv").write_text(f'claim,held,margin,low,high\n"{claim.text}",True,1,-0.5,2\n')
    (found,) = verdicts.read(table1.TABLE, tmp_path / "claims.csv", "")
    assert found == Verdict(claim, 1, -0.5, 2) and found.outcome == "undecided"


def test_the_report_has_ours_below_the_papers() -> None:
    report = results.render(measured(table1.TABLE, ERRORS), [])
    methods, paper, ours = report.splitlines()[4:7] if report.startswith("\n") else report.splitlines()[3:6]
    assert methods.split() == list(ERRORS)
    assert paper.split()[:3] == ["@0.5", "paper", "84.6"]
    assert ours.split()[0] == "ours" and len(ours.split()) == 9
    assert "made up" in report and "held" in report


def test_the_report_of_several_columns_joins_metrics_and_shows_costs() -> None:
    report = results.render(measured(table2.TABLE, {"H1": 0.3, "I1": 0.1}), [Cost(7.25, 34.0, 25.6)] * 4)
    assert "86.7/28.0/57.7" in report and "7.3G" in report and "34.0M" in report


def test_a_figure_without_paper_numbers_reports_ours_alone() -> None:
    report = results.render(measured(figure2.TABLE, {"H1": 0.3, "I1": 0.1}), [])
    assert not any(line.split()[1:2] == ["paper"] for line in report.splitlines())


def test_evidence_is_read_back(tmp_path: Path) -> None:
    given = evidence(0.3)
    array_files.write(tmp_path / "test.npz", given.arrays,
                      given.signature)
    found = Evidence.read(tmp_path / "test.npz")
    np.testing.assert_array_equal(found.arrays["distances"], given.arrays["distances"])
    assert found.signature == given.signature


# ---------------------------------------------------------------- millimetres

FRAMES = 60
ACTIONS = np.array(mpjpe.ACTIONS)[np.arange(FRAMES) % 15]


def in_3d(error: float, seed: int = 0) -> Evidence:
    """Errors of `error` mm in the mean; four cameras see each of 15 moments alike."""
    rng = np.random.default_rng(seed)
    moments = np.arange(FRAMES) // 4
    errors = rng.exponential(error, (FRAMES // 4, 17))[moments]
    arrays = {"MPJPE": errors, "PA MPJPE": 0.7 * errors, "PA MPJPE, scaled": 0.6 * errors, "actions": ACTIONS,
              "moments": moments, "predictions": np.zeros((FRAMES, 18, 3))}
    signature = {"key": f"k{seed}", "seed": seed, "data": "made up", "protocol": "p", "commit": "c", "people": 3}
    return Evidence(arrays, signature)


def test_a_mean_over_frames_is_a_ratio_of_sums() -> None:
    given = in_3d(50).arrays
    for metric in (MPJPE, PA_MPJPE, PA_MPJPE_SCALED):
        sums, counts = tallies(given, metric)
        assert sums.sum() / counts.sum() == pytest.approx(given[metric.name].mean())
    sums, counts = tallies(given, Metric("Sit", "mm", "lower", "MPJPE", "Sitting"))
    assert counts.sum() == FRAMES / 15
    assert sums.sum() / counts.sum() == pytest.approx(given["MPJPE"][ACTIONS == "Sitting"].mean())


def test_less_is_better_in_millimetres() -> None:
    errors = {"R1": 90.0, "H1": 80.0, "H2": 70.0, "I*": 40.0, "I1": 50.0, "I2": 60.0}
    cells = {(row, column): [in_3d(error)] for row, error in errors.items() for column in table7.COLUMNS}
    held = {v.claim.text: v for v in results.verdicts(Measured(table7.TABLE, cells))}
    assert held["I1 < H1 in Strategy 1"].outcome == held["I* is the best in Strategy 2"].outcome == "held"
    assert held["I2 is the best in Strategy 1"].outcome == "not held"
    verdict = held["I1 < H1 in Strategy 1"]
    mean = in_3d(1).arrays["MPJPE"].mean()
    assert verdict.margin == pytest.approx(30 * mean) and 0 < verdict.low < verdict.margin < verdict.high


def test_views_of_one_moment_are_resampled_together() -> None:
    """Four views that say the same are worth one."""
    given = in_3d(50)
    alone = Evidence({name: array for name, array in given.arrays.items() if name != "moments"}, given.signature)
    widths = []
    for evidence in (given, alone):
        cells = {("I1", column): [evidence] for column in table7.COLUMNS}
        widths.append(np.ptp(results.interval(Measured(table7.TABLE, cells).resampled("I1", "Strategy 1", "MPJPE"))))
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.15)


def test_other_peoples_rows_stand_beside_ours_and_are_not_judged(tmp_path: Path) -> None:
    given = Measured(table10.TABLE, {("Ours", table10.COLUMN): [in_3d(50)]})
    assert results.verdicts(given) == []
    report = [line.split() for line in results.render(given, []).splitlines()]
    assert ["Rogez[23]", "paper", *["-"] * 15, "88.1"] in report
    assert [line[0] for line in report if line[1:2] == ["paper"]] == [row.name for row in table10.TABLE.rows]
    ours = next(line for line in report if line[:1] == ["ours"])
    assert ours[-1] == f"{given.value('Ours', table10.COLUMN, 'Avg'):.1f}" and len(ours) == 17
    results.write_csv(given, [], tmp_path / "table10.csv")
    with open(tmp_path / "table10.csv", newline="") as handle:
        lines = list(csv.DictReader(handle))
    assert len(lines) == 12 * 16 + len(table10.TABLE.beside)
    assert {line["paper"] for line in lines if line["row"] == "Rogez[23]"} == {"", "88.1"}
    assert all(bool(line["ours"]) == (line["row"] == "Ours") == bool(line["run_key"]) for line in lines)
    assert [line["metric"] for line in lines[-2:]] == [metric.name for metric in table10.TABLE.beside]
