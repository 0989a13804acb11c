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

from integral_pose.commands import evaluate
from integral_pose.datasets import coco
from integral_pose.datasets.human36m import read as read_human36m
from integral_pose.metrics import average_precision, mpjpe
from tests.helpers import coco_forms
from tests.helpers import human36m_forms as forms
from tests.helpers.printed import paragraph, words

ROOT = Path(__file__).resolve().parents[2]
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
    assert not printed.out and predictions in paragraph(printed.err)


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


CLIPS = {  # name -> test frames
    "s_09_act_02_subact_01_ca_01": 3,
    "s_09_act_09_subact_02_ca_01": 1,
    "s_11_act_02_subact_01_ca_01": 2,
    "s_11_act_16_subact_02_ca_01": 1,
}
ACTIONS = ["Directions"] * 3 + ["Sitting"] + ["Directions"] * 2 + ["WalkTogether"]
NAMES = [f"{clip}/{clip}_{64 * n + 1:06d}.jpg" for clip, count in CLIPS.items() for n in range(count)]
S9 = 4  # frames
ROTATION = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # looks along the room's y; its z is up
POSITION = np.array([0.0, -5000, 1200])


def write_human36m(folder):
    """Two subjects in 3DMPPE's layout, a test frame and another one at a time; returns the test frames' (N, 17, 3)."""
    rng, truth = np.random.default_rng(8), []
    (folder / "annotations").mkdir(parents=True)
    for subject in (9, 11):
        images, joints = [], {}
        for name in [name for name in CLIPS if name.startswith(f"s_{subject:02d}")]:
            action, subaction, count = int(name[9:11]), int(name[19:21]), CLIPS[name]
            for frame in [64 * n + extra for n in range(count) for extra in (0, 7)]:
                world = rng.normal([0, 0, 900], 300, (17, 3))
                joints.setdefault(str(action), {}).setdefault(str(subaction), {})[str(frame)] = world.tolist()
                images.append({"id": 1000 * subject + len(images), "file_name": f"{name}/{name}_{frame + 1:06d}.jpg",
                               "width": 1000, "height": 1000, "subject": subject, "action_idx": action,
                               "subaction_idx": subaction, "cam_idx": 1, "frame_idx": frame})
                truth += [(world - POSITION) @ ROTATION.T] if frame % 64 == 0 else []
        camera = {"1": {"R": ROTATION.tolist(), "t": POSITION.tolist(), "f": [1145, 1144], "c": [512, 515]}}
        content = {"data": {"images": images, "annotations": []}, "camera": camera, "joint_3d": joints}
        for kind, value in content.items():
            (folder / "annotations" / f"Human36M_subject{subject}_{kind}.json").write_text(json.dumps(value))
    return np.stack(truth)


@pytest.fixture
def human36m(tmp_path):
    """A data set, and predictions that are off by 10 mm in five of 17 joints; those on S11 are turned besides."""
    truth = write_human36m(tmp_path / "h36m")
    predicted = truth.copy()
    predicted[:, 12:, 0] += 10
    predicted[S9:] = predicted[S9:] @ ROTATION
    np.save(tmp_path / "truth.npy", truth)
    np.save(tmp_path / "ours.npy", predicted)
    (tmp_path / "ours.json").write_text(json.dumps(dict(zip(NAMES[::-1], predicted[::-1].tolist()))))
    return tmp_path


def command36(folder, predictions="ours.npy", *options):
    return ["human36m", "--annotations", str(folder / "h36m"), "--predictions", str(folder / predictions), *options]


def test_list_prints_the_test_images_in_order(human36m, capsys):
    assert evaluate.main(["human36m", "--annotations", str(human36m / "h36m"), "--list"]) == 0
    assert capsys.readouterr().out.split() == NAMES
    assert evaluate.main(["human36m", "--annotations", str(human36m / "h36m"), "--list", "--protocol", "1"]) == 0
    assert capsys.readouterr().out.split() == NAMES[S9:]


def test_human36m_prints_the_table_by_action_and_the_protocol(human36m, capsys):
    assert evaluate.main(command36(human36m)) == 0
    headings, *rows, empty, legend, protocol = capsys.readouterr().out.splitlines()
    assert headings.split() == ["mm", *mpjpe.HEADINGS, "Avg", "actions"]
    assert "mean over frames" in legend and not empty and protocol == mpjpe.protocol(len(NAMES), 2)
    assert len({len(line) for line in (headings, *rows)}) == 1
    for line, name in zip(rows, ("MPJPE", "PA MPJPE (rigid)", "PA MPJPE (with scale)")):
        assert line.startswith(name + "  ") and line.count(" -") == 12
    assert rows[0].split()[1 + mpjpe.ACTIONS.index("Sitting")] == f"{50 / 17:.1f}"


@pytest.mark.parametrize("predictions", ["ours.npy", "ours.json"])
def test_human36m_json_holds_what_the_metric_says(human36m, capsys, predictions):
    expected = mpjpe.score(np.load(human36m / "ours.npy"), np.load(human36m / "truth.npy"), ACTIONS)
    assert evaluate.main(command36(human36m, predictions, "--json")) == 0
    printed = capsys.readouterr().out
    assert "NaN" not in printed
    found = json.loads(printed)
    for metric in ("mpjpe", "pa_mpjpe", "pa_mpjpe_scaled"):
        assert found[metric] == pytest.approx(getattr(expected, metric))
        assert found["over_actions"][metric] == pytest.approx(expected.over_actions[metric])
        for action in mpjpe.ACTIONS:
            value = expected.by_action[metric][action]
            assert found["by_action"][metric][action] == (pytest.approx(value) if action in ACTIONS else None)
    assert found["mpjpe"] > 100 and found["pa_mpjpe"] < 5


def test_protocol_1_scores_s11_alone(human36m, capsys):
    np.save(human36m / "s11.npy", np.load(human36m / "ours.npy")[S9:])
    assert evaluate.main(command36(human36m, "s11.npy", "--protocol", "1", "--json")) == 0
    assert json.loads(capsys.readouterr().out)["protocol"] == mpjpe.protocol(len(NAMES) - S9, 1)
    assert evaluate.main(command36(human36m, "ours.npy", "--protocol", "1")) == 2


def test_metres_are_scored_as_metres_and_not_taken_for_millimetres(human36m, capsys):
    np.save(human36m / "m.npy", np.load(human36m / "ours.npy") / 1000)
    found = []
    for options in (["ours.npy"], ["m.npy", "--unit", "m"]):
        assert evaluate.main(command36(human36m, *options, "--json")) == 0
        found.append(json.loads(capsys.readouterr().out)["mpjpe"])
    assert found[0] == pytest.approx(found[1])
    for options in (["m.npy"], ["ours.npy", "--unit", "m"]):
        assert evaluate.main(command36(human36m, *options)) == 2
        assert "with --unit" in words(capsys.readouterr().err)


def test_3dmppes_own_results_are_scored(human36m, capsys):
    predicted = np.load(human36m / "ours.npy")
    ids = [image["id"] for subject in (9, 11) for image in json.loads(
        (human36m / "h36m" / "annotations" / f"Human36M_subject{subject}_data.json").read_text())["images"][::2]]
    records = [{"image_id": i, "joint_cam": (pose - pose[0]).tolist()} for i, pose in zip(ids, predicted)]
    (human36m / "results.json").write_text(json.dumps(records[::-1]))
    numbers = []
    for name in ("ours.npy", "results.json"):
        assert evaluate.main(command36(human36m, name, "--json")) == 0
        numbers.append(json.loads(capsys.readouterr().out)["mpjpe"])
    assert numbers[0] == pytest.approx(numbers[1])


def test_wrong_poses_are_one_paragraph_and_exit_code_2(human36m, capsys):
    predicted = np.load(human36m / "ours.npy")
    np.save(human36m / "few.npy", predicted[:-1])
    np.save(human36m / "nan.npy", np.where(predicted == predicted[4, 3, 2], np.nan, predicted))
    (human36m / "few.json").write_text(json.dumps(dict(zip(NAMES[1:], predicted[1:].tolist()))))
    for name, message in [("missing.npy", "missing.npy"), ("few.npy", "holds 6 frames, and there are 7"),
                          ("nan.npy", f"{Path(NAMES[4]).name}, joint 3"), ("few.json", f"lacks 1 of 7 test frames "
                          f"(the first: {NAMES[0]})"), ("ours.txt", "end in")]:
        assert evaluate.main(command36(human36m, name)) == 2
        printed = capsys.readouterr()
        assert not printed.out and message in paragraph(printed.err)


@pytest.mark.parametrize("write", [forms.write_json, forms.write_npz, forms.write_h5])
def test_predictions_go_by_the_listed_names_in_every_layout(tmp_path, capsys, write):
    folder = write(tmp_path / "h36m", {clip: frames for clip, frames in forms.EVERYTHING.items() if clip[0] > 8})
    assert evaluate.main(["human36m", "--annotations", str(folder), "--list"]) == 0
    names = capsys.readouterr().out.split()
    truth = [sample.pose.joints.tolist() for sample in read_human36m(folder, "test", 2)]
    (tmp_path / "ours.json").write_text(json.dumps(dict(zip(names[::-1], truth[::-1]))))
    assert evaluate.main(command36(tmp_path, "ours.json", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["mpjpe"] == 0 and found["protocol"] == mpjpe.protocol(len(names), 2)


def test_annotations_that_are_not_there_are_exit_code_2(human36m, capsys):
    assert evaluate.main(["human36m", "--annotations", str(human36m / "elsewhere"), "--list"]) == 2
    assert "elsewhere" in words(capsys.readouterr().err)


def test_help_on_human36m_teaches_order_and_kinds(capsys):
    with pytest.raises(SystemExit):
        evaluate.main(["human36m", "--help"])
    printed = capsys.readouterr().out
    for part in ("example:\n  python -m scripts.evaluate human36m", "--list", "image,joint,x,y,z", "joint_cam"):
        assert part in printed


@pytest.fixture
def coco_files(tmp_path):
    """COCO's annotations, and poses in three forms: found, none, and of the truth itself."""
    rng = np.random.default_rng(0)
    content = coco_forms.truth(rng)
    coco_forms.write(tmp_path, content)
    coco.write_results(tmp_path / "ours.json", *coco_forms.found(rng, content))
    coco.write_results(tmp_path / "none.json", np.empty(0, int), np.empty((0, 17, 2)), np.empty(0))
    people = coco.annotated(tmp_path)
    coco.write_results(tmp_path / "perfect.json", people.images, np.stack([s.joints for s in people.samples]),
                       people.scores)
    return tmp_path


def command_coco(folder, predictions="ours.json", *options):
    annotations = folder / "annotations" / "person_keypoints_val2017.json"
    return ["coco", "--annotations", str(annotations), "--predictions", str(folder / predictions), *options]


def test_coco_prints_the_table_and_the_protocol(coco_files, capsys):
    assert evaluate.main(command_coco(coco_files, "perfect.json")) == 0
    headings, values, empty, legend, protocol = capsys.readouterr().out.splitlines()
    assert headings.split() == ["%", "AP", "AP50", "AP75", "APM", "APL", "AR"] and values.split() == 6 * ["100.00"]
    assert len(headings) == len(values) and not empty and "average recall" in legend
    assert protocol.startswith("coco|images:6|people:15 ") and protocol.endswith("|pycocotools")


def test_coco_json_holds_what_the_metric_says(coco_files, capsys):
    truth = coco.truth_file(coco_files)
    expected = average_precision.score(average_precision.match(truth, *coco.read_results(coco_files / "ours.json")))
    assert evaluate.main(command_coco(coco_files, "ours.json", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found.pop("protocol").startswith("coco|images:6|")
    assert found == expected and 0 < found["AP"] < found["AP50"] < 100


def test_coco_without_anybody_of_a_size_says_so(coco_files, capsys):
    path = coco.truth_file(coco_files)
    content = json.loads(path.read_text())
    content["annotations"] = [one for one in content["annotations"] if one["area"] > 96**2]
    path.write_text(json.dumps(content))
    assert evaluate.main(command_coco(coco_files, "none.json")) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["0.00", "0.00", "0.00", "-", "0.00", "0.00"]
    assert evaluate.main(command_coco(coco_files, "none.json", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["APM"] is None and found["APL"] == 0


def test_of_poses_in_all_of_coco_those_in_the_annotated_pictures_count(coco_files, capsys):
    records = json.loads((coco_files / "ours.json").read_text())
    elsewhere = [{**records[0], "image_id": image} for image in (5, 6, 7)]
    (coco_files / "all.json").write_bytes(b"\xef\xbb\xbf" + json.dumps([*elsewhere, *records]).encode())
    truth, found = coco.truth_file(coco_files), []
    for name in ("ours.json", "all.json"):
        assert evaluate.main(command_coco(coco_files, name, "--json")) == 0
        found.append(json.loads(capsys.readouterr().out))
        truth.write_bytes(json.dumps(json.loads(truth.read_bytes())).encode("utf-16"))
    assert found[1].pop("protocol") == found[0].pop("protocol") + "|left out, in other images: 3"
    assert found[0] == found[1]
    assert evaluate.main(command_coco(coco_files, "all.json")) == 0
    assert f"note: 3 of {3 + len(records)} poses are in images that" in words(capsys.readouterr().err)


@pytest.mark.parametrize("change, said", [
    ({"category_id": 2}, "no annotation of category 1, which is people in COCO; there are: 25 of category 2 (horse)."),
    ({"num_keypoints": 0}, "none of its 25 people has labelled joints"),
    ({"iscrowd": 1}, "none of its 25 people has labelled joints"),
    (None, "there are: none."),
])
def test_annotations_with_nobody_to_be_found_are_refused(coco_files, capsys, change, said):
    path = coco.truth_file(coco_files)
    content = json.loads(path.read_text())
    people = [] if change is None else [{**one, **change} for one in content["annotations"]]
    path.write_text(json.dumps({**content, "annotations": people, "categories": [{"id": 2, "name": "horse"}]}))
    assert evaluate.main(command_coco(coco_files)) == 2
    printed = capsys.readouterr()
    assert said in words(printed.err) and not printed.out


def test_results_of_other_categories_are_refused_with_their_names(coco_files, capsys):
    records = json.loads((coco_files / "ours.json").read_text())
    (coco_files / "other.json").write_text(json.dumps([{**one, "category_id": 3} for one in records]))
    assert evaluate.main(command_coco(coco_files, "other.json")) == 2
    assert "`category_id` must be 1, which is people; in the file: 3" in words(capsys.readouterr().err)


def test_wrong_coco_files_are_one_paragraph_and_exit_code_2(coco_files, capsys):
    records = json.loads((coco_files / "ours.json").read_text())
    for name, changed in [("short", {"keypoints": [1, 2, 3]}), ("nan", {"score": None})]:
        (coco_files / f"{name}.json").write_text(json.dumps([*records, {**records[0], **changed}]))
    (coco_files / "strange.json").write_text(json.dumps([{**records[0], "image_id": image} for image in (5, 6)]))
    last = len(records)
    for name, message in [("missing.json", "missing.json"), ("strange.json", "none of its 2 records is in one of"),
                          ("short.json", f"result {last} "), ("nan.json", "`score` must be one finite number"),
                          ("annotations/person_keypoints_val2017.json", "holds no list of results")]:
        assert evaluate.main(command_coco(coco_files, name)) == 2
        printed = capsys.readouterr()
        assert not printed.out and message in paragraph(printed.err)
    assert evaluate.main(["coco", "--annotations", str(coco_files / "ours.json"), *command_coco(coco_files)[3:]]) == 2
    assert "no list `images`" in words(capsys.readouterr().err)


def test_help_on_coco_teaches_the_layout(capsys):
    with pytest.raises(SystemExit):
        evaluate.main(["coco", "--help"])
    printed = capsys.readouterr().out
    for part in ("example:\n  python -m scripts.evaluate coco --annotations", '"category_id": 1', "nose, left eye"):
        assert part in printed
