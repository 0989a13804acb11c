"""The command that scores anyone's predictions."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from scripts import evaluate

ROOT = Path(__file__).parents[1]
PEOPLE = 3


@pytest.fixture
def files(tmp_path):
    joints = np.random.default_rng(0).uniform(5, 400, (PEOPLE, 16, 2))
    boxes = np.stack([np.zeros((2, PEOPLE)), np.full((2, PEOPLE), 50.0)])
    gt = {"jnt_missing": np.zeros((16, PEOPLE)), "pos_gt_src": joints.transpose(1, 2, 0), "headboxes_src": boxes}
    scipy.io.savemat(tmp_path / "gt_valid.mat", gt)
    (tmp_path / "predictions.json").write_text(json.dumps((joints - 1).tolist()))
    return tmp_path


def command(folder, predictions="predictions.json", *options):
    names = ["--annotations", str(folder / "gt_valid.mat"), "--predictions", str(folder / predictions)]
    return ["mpii", *names, *options]


def test_prints_the_table_and_the_protocol(files, capsys):
    assert evaluate.main(command(files)) == 0
    printed = capsys.readouterr().out
    assert "head  shoulder     elbow     wrist       hip      knee     ankle" in printed
    assert "@0.5 100.00   @0.1 100.00   AUC 100.00" in printed
    assert printed.rstrip().endswith("|counted: annotated")


def test_json_holds_the_same_numbers(files, capsys):
    assert evaluate.main(command(files, "predictions.json", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["at_05"] == found["at_01"] == found["mean14"] == found["groups"]["ankle"] == 100
    assert found["protocol"].startswith(f"mpii|people:{PEOPLE}|")


def test_a_joint_nobody_has_is_null_in_json(files, capsys):
    gt = scipy.io.loadmat(files / "gt_valid.mat")
    gt["jnt_missing"][9] = 1
    scipy.io.savemat(files / "gt_valid.mat", {name: gt[name] for name in gt if name[0] != "_"})
    assert evaluate.main(command(files, "predictions.json", "--json")) == 0
    printed = capsys.readouterr().out
    assert "NaN" not in printed and json.loads(printed)["groups"]["head"] is None


def test_base_moves_the_predictions_by_a_pixel(files, capsys):
    evaluate.main(command(files, "predictions.json", "--json", "--base", "1"))
    moved = 2**0.5 / (0.6 * 50 * 2**0.5)
    assert 0.03 < moved < 0.04
    assert json.loads(capsys.readouterr().out)["auc"] == pytest.approx(100 * 47 / 51)


@pytest.mark.parametrize("predictions", ["missing.h5", "gt_valid.mat", "half.json", "what.txt"])
def test_wrong_input_is_one_paragraph_and_exit_code_2(files, capsys, predictions):
    (files / "half.json").write_text((files / "predictions.json").read_text()[:100])
    assert evaluate.main(command(files, predictions)) == 2
    printed = capsys.readouterr()
    assert not printed.out and printed.err.count("\n") == 1 and predictions in printed.err


@pytest.mark.parametrize("how", [["-m", "scripts.evaluate"], ["scripts/evaluate.py"]])
def test_runs_as_module_and_as_file_without_a_traceback(files, how):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    run = [sys.executable, *how, *command(files, "missing.csv")]
    done = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "missing.csv" in done.stderr and "Traceback" not in done.stderr


def test_help_teaches_by_example(capsys):
    with pytest.raises(SystemExit):
        evaluate.main(["mpii", "--help"])
    assert "example:\n  python -m scripts.evaluate mpii --annotations" in capsys.readouterr().out
