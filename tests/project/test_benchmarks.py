"""The frame of the benchmark: turns in processes of their own, results that must agree, rivals that may be missing."""
from __future__ import annotations

import ast
import csv
import importlib
import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

import integral_pose  # isort: skip  # noqa: F401

import numpy as np
import pytest

from benchmarks import evaluation, memory, networks, ours, run
from benchmarks.authors import Loader
from benchmarks.contest import Contender, Contest, Figure, measure
from benchmarks.int8 import ours as int8
from benchmarks.whole_video import ours as whole_video
from integral_pose.datasets import batches
from integral_pose.datasets.batches import Batch
from integral_pose.inference import output, pipeline
from tests.helpers.printed import words

HERE = "tests.helpers.contenders"


def contender(name: str, seconds: float, result: float = 1.0, rival: bool = False) -> Contender:
    return Contender(name, f"{HERE}:sleeping", {"seconds": seconds, "result": [result, 2.0]}, rival)


def contest(*contenders: Contender, **changes: Any) -> Contest:
    return Contest(**{"benchmark": "sleep", "contenders": contenders, "threads": 1, "items": 6, "tolerance": 1e-3,
                      **changes})


def measured(contest: Contest, python: str = "") -> Tuple[Dict[str, Figure], List[str]]:
    said: List[str] = []
    return {figure.contender: figure for figure in measure(contest, python, 3, said.append)}, said


def test_ratios_are_to_ours_and_a_missing_library_is_named() -> None:
    missing = Contender("theirs", f"{HERE}:importing", {"library": "no_such_library"})
    rival = contender("rival", 0.01, rival=True)
    found, said = measured(contest(contender("ours", 0.02), contender("slow", 0.1), missing, rival))
    assert list(found) == ["ours", "slow"]
    own, slow = found["ours"], found["slow"]
    assert own.ratio == 1 and slow.ratio == pytest.approx(slow.seconds / own.seconds)
    assert (slow.version, slow.batch) == ("1.2", 6) and slow.seconds > 0.1 and own.seconds > 0.02
    assert "no_such_library" in said[0] and "environment with the rivals" in said[1]


def test_whoever_gives_something_else_is_not_timed() -> None:
    different = contest(contender("ours", 0.0), contender("other", 0.0, result=1.01))
    with pytest.raises(RuntimeError, match=r"other differs from ours by 1\.0e-02"):
        measured(different)
    assert len(measured(different._replace(tolerance=None))[0]) == 2


def test_a_core_does_nothing_in_its_sleep() -> None:
    found, _ = measured(contest(contender("ours", 0.05), per_core=True))
    assert found["ours"].seconds < 0.04


def test_the_file_and_the_picture_have_every_figure(tmp_path: Path) -> None:
    rows = [run._row(Figure("step", name, "1", 2, 8, 0.5, 0.01, ratio)) for name, ratio in
            (("ours", 1.0), ("PyTorch", 2.5))]
    run.write(rows, tmp_path)
    with open(tmp_path / "bench.csv", newline="") as handle:
        read = list(csv.DictReader(handle))
    assert [(row["contender"], row["ratio"], row["images_per_s"]) for row in read] == [
        ("ours", "1.00", "16.0"), ("PyTorch", "2.50", "16.0"),
    ]
    assert all(row["machine"] and row["commit"] and int(row["cores"]) > 0 for row in read)
    assert (tmp_path / "bench.png").stat().st_size > 1000


@pytest.mark.parametrize("table", ours.RUNS)
def test_the_authors_loader_gives_our_patches_and_joints(table: str, smoke_people: Path, tmp_path: Path) -> None:
    """Mirrored ones too: they would not be drawn from the same pixels otherwise."""
    data, path = str(smoke_people), tmp_path / "people.npz"
    ours.write_people(table, data, 3, 2, path)
    theirs, people = Loader(str(path)), ours.people_of(table, data, 3)
    with np.load(path) as file:
        assert set(file["mirror"].tolist()) == {False, True}
    for step in range(2):
        found, expected = Batch(*theirs.batch(3)), people.batch(step)
        np.testing.assert_allclose(ours.summary(found)(), ours.summary(expected)(), atol=0.05)
        np.testing.assert_allclose(found.joints, expected.joints, atol=1e-5)
        np.testing.assert_array_equal(found.weights, expected.weights)


@pytest.mark.parametrize("metric", ["pckh", "mpjpe", "pa_mpjpe"])
def test_metrics_agree_with_loops(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "COUNT", 70)
    loop, vectorised = (getattr(evaluation, metric)(vectorised=kind)[1]() for kind in (False, True))
    np.testing.assert_allclose(vectorised, loop, rtol=1e-9)


def test_every_contender_is_a_function_of_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is not found counts as a library that is not installed, so a wrong name would go unseen."""
    monkeypatch.setattr(ours, "write_parameters", lambda table, path: {"parameters": str(path)})
    monkeypatch.setattr(ours, "write_people", lambda *args: None)
    monkeypatch.setattr(whole_video, "write_clip", lambda *args: ("clip.mp4", 1))
    monkeypatch.setattr(whole_video.export, "write_onnx", lambda *args: None)
    args = run._parser().parse_args(["--data", str(tmp_path)])
    functions = {one.function for contest in run._contests(args, tmp_path) for one in contest.contenders}
    assert len(functions) > 8
    for module, name in (function.split(":") for function in functions):
        source = ast.parse((run.ROOT / module.replace(".", "/")).with_suffix(".py").read_text())
        assert name in {node.name for node in source.body if isinstance(node, ast.FunctionDef)}, (module, name)


def test_a_whole_video_gives_the_same_people_with_threads_without_and_in_onnx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every contender gives each person's mean joint, to a few px."""
    monkeypatch.setattr(output, "_ffmpeg", output._ffmpeg)  # contenders change these in their own processes
    monkeypatch.setattr(pipeline, "_estimator", pipeline._estimator)
    one, four = whole_video.contests(tmp_path, 1, 0.2)
    assert (one.items, four.items) == (5, 5) and len(one.contenders[0].arguments["edges"]) == 1
    ours, one_thread, in_8_bits, rival = results(four)
    assert ours.shape == (4, 2) and (ours == one_thread).all()
    assert (in_8_bits != ours).any()
    for other in (in_8_bits, rival):
        np.testing.assert_allclose(other, ours, atol=whole_video.NEAR)


def results(contest: Contest) -> List[Any]:
    """What each contender gives in its first turn, in this process."""
    found = []
    for contender in contest.contenders:
        module, name = contender.function.split(":")
        result = getattr(importlib.import_module(module), name)(**contender.arguments)[1]()
        found.append(result() if callable(result) else result)
    return found


def test_networks_in_8_bits_and_in_float32_give_nearly_the_same_joints(tmp_path: Path) -> None:
    contest = next(int8.contests(tmp_path, 1))
    assert contest.contenders[0].name == "ours, 8 bits" and contest.items == 32
    quick, exact, quantized, theirs = results(contest)
    assert exact.shape == (32, 2) and (quick != exact).any() and (quantized != theirs).any()
    np.testing.assert_allclose(theirs, exact, atol=1e-4)
    for other in (quick, quantized):
        np.testing.assert_allclose(other, exact, atol=int8.NEAR)


def test_the_command_that_is_timed_predicts_one_picture(smoke_people: Path, tmp_path: Path) -> None:
    results(networks.start(str(smoke_people), tmp_path, 1))
    assert json.loads((tmp_path / "start" / "joints.json").read_text())["images"] == 1


def test_large_pictures_are_loaded_whole_and_reduced_as_the_authors_steps_do(
    smoke_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "PICTURES", batches.PICTURES)  # contenders change it in their own processes
    contest = networks.loader_of_large_pictures(str(smoke_people), tmp_path, 2)
    whole, reduced, theirs = results(contest)
    assert (whole != reduced).any()
    for other in (reduced, theirs):
        np.testing.assert_allclose(other, whole, atol=contest.tolerance)


def test_memory_is_watched_over_real_steps(smoke_people: Path) -> None:
    grown = memory.growth(smoke_people, 12)
    assert grown.steps == 12 and abs(grown.megabytes) < 500 and grown.seconds > 0


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.main(["--help"])
    assert "--rivals .venv-rivals/bin/python" in capsys.readouterr().out


@pytest.mark.parametrize("python", ["/nowhere/python", str(Path(__file__).parent), "/bin/false"])
def test_rivals_that_are_no_python_are_refused_before_anything_is_measured(
    python: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run.main(["--rivals", python, "--results", str(tmp_path / "results")]) == 2
    assert f"benchmark: --rivals {python}: is no Python that runs." in words(capsys.readouterr().err)
    assert not (tmp_path / "results").exists()


def test_people_are_not_made_among_real_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "real" / "annot").mkdir(parents=True)
    (tmp_path / "made" / "synthetic-mpii-v2-60-12").mkdir(parents=True)
    assert run._free_of_real_data(tmp_path / "real") == run.DATA
    assert "is not used" in "".join(capsys.readouterr())
    for fine in (tmp_path / "made", tmp_path / "absent", run.DATA):
        assert run._free_of_real_data(fine) == fine
