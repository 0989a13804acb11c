"""A table from its command line: smoke of every table, and bad input."""
from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List, Set, Tuple

import mxnet as mx
import numpy as np
import pytest

from experiments import figure2, table1, table3, table7, table11
from experiments.table1 import TABLE
from integral_pose import distributed
from integral_pose.commands import console, reproduce
from integral_pose.commands import table as command
from integral_pose.datasets import catalogue
from integral_pose.errors import Busy
from integral_pose.evaluation.evaluate import TESTED
from integral_pose.metrics import mpjpe
from integral_pose.models import build
from integral_pose.profiles import smoke
from integral_pose.run import Run
from integral_pose.run_folder import PARAMETERS, Site
from integral_pose.viewer.page import page_of
from tests.helpers import human36m_forms as forms
from tests.helpers.faults import PATIENCE, started, wait_until
from tests.helpers.printed import words

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def finished(smoke_people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Table 1's rows H1 and I1 were run in smoke."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.raises(SystemExit) as left:
        command.main(TABLE, arguments(smoke_people, folder, "--rows", "H1", "I1"))
    assert left.value.code == 0
    return folder


def arguments(data: Path, folder: Path, *more: str) -> List[str]:
    return ["--jobs", "1", "--profile", "smoke", "--data", str(data), "--runs", str(folder / "runs"),
            "--results", str(folder / "results"), *more]


def left_with(capsys: pytest.CaptureFixture[str], *argv: str) -> Tuple[int, str]:
    with pytest.raises(SystemExit) as left:
        command.main(TABLE, argv)
    return left.value.code, capsys.readouterr().err  # type: ignore[return-value]


def test_a_table_writes_its_numbers_claims_and_picture(finished: Path) -> None:
    with open(finished / "results/smoke/table1.csv", newline="") as handle:
        lines = list(csv.DictReader(handle))
    assert [(line["row"], line["metric"]) for line in lines] == [
        (row, metric) for row in ("H1", "I1") for metric in ("@0.5", "@0.1", "AUC")
    ]
    assert lines[0]["run_key"] == smoke(table1.H1).key
    assert (finished / "results/smoke/table1-claims.csv").stat().st_size > 0
    assert (finished / "results/smoke/table1.jpg").read_bytes().startswith(b"\xff\xd8")


def test_heat_maps_are_read_by_dark_too_without_training(finished: Path) -> None:
    with open(finished / "results/smoke/table1-dark.csv", newline="") as handle:
        lines = {line["row"]: line for line in csv.DictReader(handle)}
    assert list(lines) == ["H1, DARK", "H1", "I1"]
    assert lines["H1, DARK"]["run_key"] == lines["H1"]["run_key"] and "DARK" in lines["H1, DARK"]["protocol"]


def test_each_data_set_is_found_once(
    smoke_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: List[str] = []
    find = catalogue.find
    monkeypatch.setattr(catalogue, "find", lambda name, *rest: (found.append(name), find(name, *rest))[1])
    with pytest.raises(SystemExit) as left:
        command.main(TABLE, arguments(smoke_people, tmp_path, "--rows", "H1", "I1"))
    assert left.value.code == 0 and found == [smoke(table1.H1).data]


def test_a_second_call_trains_nothing(finished: Path, smoke_people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integral_pose.training.loop._Training.to_the_end", lambda self: pytest.fail("trained again"))
    monkeypatch.setattr("integral_pose.evaluation.evaluate.predict", lambda *args: pytest.fail("predicted again"))
    with pytest.raises(SystemExit) as left:
        command.main(TABLE, arguments(smoke_people, finished, "--rows", "I1"))
    assert left.value.code == 0


def test_changed_runs_have_keys_and_a_csv_of_their_own(
    finished: Path, smoke_people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (finished / "results/smoke/table1.csv").read_bytes()
    with pytest.raises(SystemExit) as left:
        command.main(TABLE, arguments(smoke_people, finished, "--rows", "H1", "--set", "sigma=1.5", "turn=10"))
    assert left.value.code == 0 and "CHANGED: sigma=1.5, turn=10.0" in capsys.readouterr().out
    with open(finished / "results/smoke/changed/table1+sigma=1.5+turn=10.0.csv", newline="") as handle:
        lines = list(csv.DictReader(handle))
    assert {(line["table"], line["row"]) for line in lines} == {("table1+sigma=1.5+turn=10.0", "H1")}
    key = smoke(table1.H1).everywhere(sigma=1.5, turn=10.0).key
    assert {line["run_key"] for line in lines} == {key} != {smoke(table1.H1).key}
    assert (finished / "results/smoke/table1.csv").read_bytes() == before


def test_status_trains_nothing_and_says_what_is_missing(
    finished: Path, smoke_people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(TABLE, arguments(smoke_people, finished, "--status"))
    said = capsys.readouterr().out
    states = {line.split()[0]: line.split("  ")[-1].strip() for line in said.splitlines() if "ResNet-50" in line}
    assert left.value.code == 0 and (states["H1"], states["I1"], states["H2"]) == ("finished", "finished", "not begun")
    assert "table1: " in said and "of training left" in said


def test_status_is_of_the_rows_that_were_asked_for_and_writes_nothing(
    smoke_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(TABLE, arguments(smoke_people, tmp_path, "--status", "--rows", "I1"))
    said = capsys.readouterr().out
    assert left.value.code == 0 and "0 of 2 runs" in said and "R1" not in said and not list(tmp_path.iterdir())


@pytest.mark.parametrize("words, said", [
    (["batch"], "write FIELD=VALUE"), (["bach=2"], "there is no such field"), (["batch=x"], "must be a whole number"),
    (["trunk=x"], "write trunk=none"),
    (["rate=fast"], "must be a number"), (["mirror=maybe"], "mirror=yes or mirror=no"), (["seed=3"], "no such field"),
    (["loss=joint-l1"], "H1 cannot have this"), (["batch=-4"], "positive"),
])
def test_changes_that_cannot_be_are_refused(
    words: List[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, message = left_with(capsys, *arguments(tmp_path, tmp_path, "--set", *words))
    assert code == 2 and said in " ".join(message.split())
    assert not (tmp_path / "runs").exists()


def test_rows_of_earlier_calls_stay_in_the_csv(finished: Path, smoke_people: Path) -> None:
    with pytest.raises(SystemExit):
        command.main(TABLE, arguments(smoke_people, finished, "--rows", "R1"))
    text = (finished / "results/smoke/table1.csv").read_text()
    assert all(f"table1,{row}," in text for row in ("R1", "H1", "I1"))


@pytest.mark.parametrize(("argv", "message"), [
    (["--rows", "I9"], "R1, H1, H2, H3"),
    (["--gpus", "7"], "no GPU 7"),
    (["--gpus", "one"], "numbers separated by commas"),
    (["--profile", "paper", "--data", "nowhere"], "nowhere"),
    (["--seeds", "0"], "not a positive number"),
    (["--amp"], "float16 on GPUs only"),
])
def test_bad_options_leave_with_2_and_a_remedy(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, argv: List[str], message: str
) -> None:
    code, text = left_with(capsys, "--runs", str(tmp_path), *argv)
    assert code == 2 and "Traceback" not in text
    assert message in " ".join(text.split())


def copied(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


@pytest.mark.parametrize("name", [TESTED, PARAMETERS])
def test_a_damaged_file_of_a_run_is_named(
    finished: Path, smoke_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = copied(finished, tmp_path)
    run = folder / "runs/smoke" / smoke(table1.H1).key
    damaged = run / name
    damaged.write_bytes(damaged.read_bytes()[:50])
    if name == PARAMETERS:
        (run / TESTED).unlink()
    code, text = left_with(capsys, *arguments(smoke_people, folder, "--rows", "H1"))
    assert code == 2 and name in text and ("elete" in text or "away" in text)


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:200])])
def test_a_missing_or_corrupt_picture_is_named(
    smoke_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], harm
) -> None:
    data = Path(shutil.copytree(smoke_people, tmp_path / "data"))
    for path in data.glob("*/images/valid_*"):
        harm(path)
    code, text = left_with(capsys, *arguments(data, tmp_path, "--rows", "H1"))
    assert code == 2 and "valid_" in text
    trained = (tmp_path / "runs/smoke" / smoke(table1.H1).key / PARAMETERS).exists()
    assert trained == (harm is not Path.unlink), "a missing image is found before training, a damaged one after"


def test_a_results_folder_that_cannot_be_written_is_named(
    finished: Path, smoke_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results").write_text("a file where a folder should be")
    argv = [*arguments(smoke_people, finished, "--rows", "H1"), "--results", str(tmp_path / "results")]
    code, text = left_with(capsys, *argv)
    assert code == 2 and "results" in text and "Traceback" not in text


def test_a_loss_that_is_not_finite_leaves_with_1_and_names_the_run(
    smoke_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    initialise = build.initialise

    def spoiled(net, run, *others):
        initialise(net, run, *others)
        net.head.final.bias.set_data(net.head.final.bias.data() * np.nan)

    monkeypatch.setattr(build, "initialise", spoiled)
    code, text = left_with(capsys, *arguments(smoke_people, tmp_path, "--rows", "R1"))
    assert code == 1 and "nan" in text and smoke(table1.R1).start.key in text  # type: ignore[union-attr]


def kinds(folder: Path, table: str) -> Set[str]:
    """The endings of a table's results."""
    return {path.suffix for path in (folder / "results/smoke").glob(f"{table}.*")}


def test_a_table_of_three_networks_runs(smoke_people: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(table3.TABLE, arguments(smoke_people, tmp_path, "--rows", "H1"))
    assert left.value.code == 0 and kinds(tmp_path, "table3") == {".csv", ".jpg"}


def test_two_tables_at_once_and_several_jobs_train_each_run_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On empty folders: the people are made once, and the run that both tables need is trained once."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the command sets it
    argv = arguments(tmp_path / "data", tmp_path, "--rows", "H1")
    with started("-m", "experiments.table1", *argv) as other:
        wait_until(lambda: other.poll() is not None or any((tmp_path / "data").glob("*.lock")))
        with pytest.raises(SystemExit) as left:
            command.main(figure2.TABLE, [*argv, "I1", "--jobs", "2"])
        _, said = other.communicate(timeout=PATIENCE)
    assert (left.value.code, other.returncode) == (0, 0), said
    folders = [path for path in (tmp_path / "runs/smoke").iterdir() if path.is_dir()]
    links = {link.key for run in (table1.H1, table1.I1) for link in smoke(run).chain}
    assert {path.name for path in folders} == links
    assert all(len(list(path.glob("events.*"))) == 1 for path in folders)
    assert kinds(tmp_path, "table1") == {".csv", ".jpg"} and kinds(tmp_path, "figure2") == {".csv", ".png"}


def test_a_job_tests_when_nothing_is_left_to_train(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The second row is another job's at first."""
    said: List[str] = []

    def train(run: Run, site: Site, label: str, wait: bool) -> None:
        said.append(label.split(",")[0])
        if said == ["R1", "H1"]:
            raise Busy("its lock")

    monkeypatch.setattr(reproduce, "train", train)
    monkeypatch.setattr(reproduce, "_test", lambda cell, site: said.append(f"test of {cell.row}"))
    cells = [reproduce.Cell(row, "ResNet-50", smoke(table1.H1), False) for row in ("R1", "H1", "H2")]
    options = command._parser(TABLE).parse_args(arguments(tmp_path, tmp_path))
    reproduce._helper(reproduce.Work("table1", tuple(cells)), options, 0)
    assert said == ["R1", "H1", "H2", "R1", "test of R1", "H1", "test of H1", "H2", "test of H2"]


def test_a_failing_job_fails_the_command(
    smoke_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the command sets it
    data = Path(shutil.copytree(smoke_people, tmp_path / "data"))
    for path in data.glob("*/images/train_*"):
        path.write_bytes(b"no image")
    with pytest.raises(SystemExit) as left:
        command.main(TABLE, [*arguments(data, tmp_path, "--rows", "H1", "R1"), "--jobs", "2"])
    said = capfd.readouterr().err
    assert left.value.code == 2 and "train_" in said and "Traceback" not in said


def test_help_teaches_without_training() -> None:
    shown = subprocess.run([sys.executable, "-m", "experiments.table1", "--help"], cwd=ROOT, capture_output=True,
                           text=True, env={**os.environ, "PYTHONPATH": "src:."})
    assert shown.returncode == 0 and "--profile" in shown.stdout and "example" in shown.stdout


def test_table_11_is_a_run_of_table_7_by_action(smoke_people: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(table11.TABLE, arguments(smoke_people, tmp_path))
    assert left.value.code == 0
    with open(tmp_path / "results/smoke/table11.csv", newline="") as handle:
        ours = {line["metric"]: line for line in csv.DictReader(handle) if line["ours"]}
    assert list(ours)[:16] == [*mpjpe.HEADINGS, "Avg"]
    actions = [float(ours[heading]["ours"]) for heading in mpjpe.HEADINGS]
    assert float(ours["Avg"]["ours"]) == pytest.approx(np.mean(actions), abs=1e-3)  # as many frames of each, here
    assert float(ours["PA MPJPE, scaled"]["ours"]) < float(ours["Avg"]["ours"])
    assert (tmp_path / "results/smoke/table11.jpg").read_bytes().startswith(b"\xff\xd8")
    kept = json.loads((tmp_path / "results/smoke/table11-poses.json").read_text())
    assert {len(frame["people"]) for frame in kept["frames"]} == {2} and "table11" in page_of(kept)
    annotated, predicted = kept["frames"][0]["people"]
    assert annotated["name"] == "annotated" and annotated["filled"] and "filled" not in predicted
    root = kept["joints"].index("pelvis")
    assert annotated["space"][root] == [0, 0, 0] and np.ptp(annotated["space"], axis=0)[1] > 500
    low, high = np.percentile(annotated["joints"], (0, 100))
    assert low > 0 and high < 192
    assert ours["Avg"]["run_key"] == smoke(table7.TABLE.rows[3].runs[1]).key


def worker(monkeypatch: pytest.MonkeyPatch, rank: int, of: int) -> None:
    """Makes this process one of the workers on a machine with four GPUs."""
    own = distributed.Crew()
    own.rank, own.size, own.local_rank, own.local_size = rank, of, rank, of
    monkeypatch.setattr(distributed, "assembled", lambda: own)
    monkeypatch.setattr(reproduce, "parse_devices", lambda gpus: [mx.gpu(int(number)) for number in gpus.split(",")])


@pytest.mark.parametrize(("rank", "of", "gpus"), [(0, 1, [0, 1, 2, 3]), (1, 2, [1, 3]), (3, 4, [3])])
def test_workers_of_a_machine_share_its_gpus(
    monkeypatch: pytest.MonkeyPatch, rank: int, of: int, gpus: List[int]
) -> None:
    worker(monkeypatch, rank, of)
    site = reproduce._site(command._parser(TABLE).parse_args(["--gpus", "0,1,2,3"]))
    assert [device.device_id for device in site.devices] == gpus and site.crew.size == of
    assert site.alone.crew.size == 1


@pytest.mark.parametrize(("argv", "message"), [
    (["--gpus", "0,1,2,3"], "3 workers on one machine cannot share 4 GPU(s)"), (["--jobs", "2"], "Leave out --jobs"),
])
def test_what_workers_cannot_share_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, argv: List[str], message: str
) -> None:
    worker(monkeypatch, 1, 3)
    code, text = left_with(capsys, *argv)
    assert code == 2 and message in " ".join(text.split())


def test_the_loss_of_another_worker_is_told_and_ends_the_process(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: MXNet would print the error again on its way out."""
    ended: List[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    with pytest.raises(SystemExit), console.told():
        raise mx.MXNetError(f"Traceback\n{distributed.LOST}. This was caused by")
    assert ended == [1] and "Another worker of this job has ended" in words(capsys.readouterr().err)


def test_float16_has_runs_of_its_own() -> None:
    cells, halves = (list(reproduce.cells_of(TABLE, "smoke", 2, amp)) for amp in (False, True))
    assert not {link.key for cell in cells for link in cell.run.chain} & {
        link.key for cell in halves for link in cell.run.chain}
    assert {cell.run.seed for cell in cells} == {0, 1} and len(cells) == len(halves)


def test_rows_of_other_people_cannot_be_trained(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(table11.TABLE, arguments(tmp_path, tmp_path, "--rows", "Fang[56]"))
    assert left.value.code == 2 and "table11 has the rows Ours." in words(capsys.readouterr().err)


def test_a_missing_second_data_set_is_told_before_anything_is_trained(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forms.write_json(tmp_path / "human36m", forms.EVERYTHING)
    monkeypatch.setattr(reproduce, "check", lambda run, root: None)
    monkeypatch.setattr(reproduce, "train", lambda *args: pytest.fail("trained"))
    with pytest.raises(SystemExit) as left:
        command.main(table7.TABLE, [*arguments(tmp_path, tmp_path), "--profile", "paper"])
    message = words(capsys.readouterr().err)
    assert left.value.code == 2 and str(tmp_path / "mpii") in message and "there is no data set there" in message


def test_synthetic_people_are_never_made_among_real_data(
    finished: Path, smoke_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real = tmp_path / "real"
    (real / "annot").mkdir(parents=True)
    monkeypatch.setattr(reproduce, "DATA", smoke_people)
    status, said = left_with(capsys, *arguments(real, finished, "--rows", "H1", "I1"))
    assert status == 0 and f"--data {real} (DATA=) is not used" in said and str(smoke_people) in said
    assert [path.name for path in real.iterdir()] == ["annot"]
    for holds_no_data in (tmp_path / "absent", smoke_people):
        site = reproduce._site(command._parser(TABLE).parse_args(["--data", str(holds_no_data)]))
        assert (site.data, site.made) == (holds_no_data, holds_no_data)
    for profile in ("paper", "photos"):
        site = reproduce._site(command._parser(TABLE).parse_args(["--data", str(real), "--profile", profile]))
        assert (site.data, site.catalogue.root, site.catalogue.made) == (real, real, smoke_people)
