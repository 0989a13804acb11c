"""People found by GluonCV's detectors: networks of random weights, from their files to boxes in the picture's px."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401

import json
import os
import signal
import warnings
from pathlib import Path

import cv2
import mxnet as mx
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from integral_pose.commands import detect as command
from integral_pose.errors import InputError
from integral_pose.inference import detector
from integral_pose.inference.detector import DETECTORS, Detector, View

LIGHTEST = "center_net_mobilenetv3_small_duc_coco"
SSD = "ssd_512_mobilenet1.0_coco"
YOLO = "yolo3_mobilenet1.0_coco"
SMALL = {
    SSD: View(64, 64, square=True), LIGHTEST: View(96, 96, multiple=32), YOLO: View(64, 64, square=True),
}


def made(name):
    """The network for 80 classes, with random values, and its parameters' shapes known."""
    net = detector.network(name, mx.cpu())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.initialize()
    net(mx.nd.zeros((1, 3, 64, 64)))
    if name == LIGHTEST:
        net.heads[0][-1].bias.set_data(mx.nd.array(np.linspace(-2, 2, 80)))  # so that no class has another's scores
        net.heads[1][-1].bias.set_data(mx.nd.array([5, 4]))  # the box's sides: at random they may be negative
    return net


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with the lightest detector's file, of random weights, named as GluonCV names it."""
    mx.random.seed(3)
    folder = tmp_path_factory.mktemp("models")
    made(LIGHTEST).save_parameters(str(folder / f"{LIGHTEST}-00000000.params"))
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Views of few px, so that a picture takes a moment."""
    for name, view in SMALL.items():
        monkeypatch.setitem(DETECTORS, name, view)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise ConnectionError("no route")

    monkeypatch.setattr("gluoncv.model_zoo.model_store.download", refuse)
    monkeypatch.delenv("MXNET_HOME", raising=False)


def picture(folder, name, height=90, width=70):
    pixels = np.random.default_rng(len(name)).integers(0, 256, (height, width, 3), np.uint8)
    cv2.imwrite(str(folder / name), pixels)
    return folder / name


@pytest.mark.parametrize("view, size, shown, scale", [
    (View(800, 1333), (600, 400), (1200, 800), (2, 2)),
    (View(800, 1333), (2000, 500), (1333, 333), (0.6665, 0.666)),
    (View(800, 1333), (3000, 1), (1333, 1), (1333 / 3000, 1)),
    (View(608, 608, square=True), (304, 76), (608, 608), (2, 8)),
    (View(512, 512, multiple=32), (256, 201), (512, 416), (2, 2)),
])
def test_a_picture_is_shown_at_the_size_of_the_view(view, size, shown, scale):
    pixels, found = view.of(np.full((size[1], size[0], 3), 255, np.uint8))
    assert pixels.shape == (shown[1], shown[0], 3)
    np.testing.assert_allclose(found, scale)


def test_what_is_added_is_black_and_on_the_right_and_below():
    pixels, _ = View(64, 64, multiple=32).of(np.full((40, 64, 3), 200, np.uint8))
    assert pixels.shape == (64, 64, 3) and (pixels[:40] == 200).all() and (pixels[40:] == 0).all()


def test_boxes_map_back_to_the_picture():
    """Boxes drawn in the picture, as a network would name them in what it is shown, come back; the rest is dropped."""
    boxes = np.array([[12, 30, 100, 150], [0, 0, 320, 200], [300.5, 190, 10, 5]])
    scale = (1.5, 2.25)
    ends = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:] - 1]) * np.tile(scale, 2)
    classes, scores = np.array([0, 0, 0, 5, -1]), np.array([0.2, 0.9, 0.4, 1.0, -1])
    corners = np.vstack([ends, [[3, 3, 9, 9], [-1, -1, -1, -1]]])[None]
    for shape in ((1, 5), (1, 5, 1)):
        found, sure = detector.boxes_of(classes.reshape(shape), scores.reshape(shape), corners, scale, (320, 200))
        np.testing.assert_allclose(found, boxes[[1, 2, 0]], atol=1e-9)
        np.testing.assert_array_equal(sure, [0.9, 0.4, 0.2])


def test_boxes_end_where_the_picture_does():
    corners = np.array([[[-40, -10, 29, 19], [150, 20, 900, 39], [400, 2, 500, 9]]])
    found, _ = detector.boxes_of(np.zeros((1, 3)), np.ones((1, 3)), corners, (1, 1), (200, 60))
    np.testing.assert_allclose(found, [[0, 0, 30, 20], [150, 20, 50, 20]])


class Bright:
    """A detector's network that sees whatever is white."""

    def __call__(self, images):
        white = images.asnumpy()[0].min(axis=0) > 1
        rows, columns = np.flatnonzero(white.any(axis=1)), np.flatnonzero(white.any(axis=0))
        corners = np.array([[[columns[0], rows[0], columns[-1], rows[-1]]]], np.float32)
        return [mx.nd.zeros((1, 1)), mx.nd.ones((1, 1)), mx.nd.array(corners)]


@pytest.mark.parametrize("view", [
    View(400, 1000), View(512, 512, square=True), View(256, 256, multiple=32), View(75, 2000), View(120, 120),
])
def test_what_is_seen_in_the_view_is_where_it_is_in_the_picture(view):
    detector = Detector.__new__(Detector)
    detector._net, detector._view, detector._device = Bright(), view, mx.cpu()
    image = np.zeros((150, 240, 3), np.uint8)
    image[60:120, 80:100] = 255
    boxes, _ = detector.people(image)
    np.testing.assert_allclose(boxes, [[80, 60, 20, 60]], atol=2 * 150 / min(view.shorter, 150))


@pytest.mark.parametrize("anchors, rest", [(1, ()), (3, (2, 5))])
def test_person_or_not_is_the_softmax_of_all_classes(anchors, rest):
    rng = np.random.default_rng(7)
    logits = 30 * rng.standard_normal((2, anchors * 11, *rest)).astype(np.float32)
    block = detector._PersonOrNot(mx.gluon.nn.HybridLambda("identity"), 11, 4)
    two = block(mx.nd.array(logits)).asnumpy().reshape(2, anchors, 2, *rest)
    whole = mx.nd.softmax(mx.nd.array(logits).reshape((2, anchors, 11, *rest)), axis=2).asnumpy()
    np.testing.assert_allclose(mx.nd.softmax(mx.nd.array(two), axis=2).asnumpy()[:, :, 1], whole[:, :, 4], atol=1e-6)


@pytest.mark.parametrize("name", [LIGHTEST, SSD, YOLO])
def test_scores_of_people_stay_those_of_the_whole_network(name):
    net = made(name)
    if name != LIGHTEST:
        net.set_nms(nms_thresh=0)
    else:
        net.decoder._topk = 80 * 16**2  # all there are
    image = mx.nd.random.uniform(-2, 2, shape=(1, 3, 64, 64))
    classes, scores, corners = (part.asnumpy()[0] for part in net(image))
    detector.people_only(net)
    if name == LIGHTEST:
        net.decoder._topk = 16**2
    _, ours, places = (part.asnumpy()[0] for part in net(image))
    people = (classes == 0).ravel()
    surer = scores[people].ravel() > 0  # what is below a network's own threshold has lost its class
    assert surer.any()
    np.testing.assert_allclose(np.sort(ours[ours > 0]), np.sort(scores[people].ravel()[surer]), rtol=1e-4)
    best = ours.ravel().argmax()
    distances = np.abs(corners[people][surer] - places[best]).max(axis=1)
    assert distances.min() < 1e-3 * np.abs(places[best]).max()


def test_a_detector_is_the_network_of_its_file(models):
    file = next(models.glob("*.params"))
    image = np.random.default_rng(1).integers(0, 256, (60, 96, 3), np.uint8)
    boxes, scores = Detector(LIGHTEST, None, models, mx.cpu()).people(image)
    assert 0 < len(boxes) <= 100 and (np.diff(scores) <= 0).all() and (boxes >= 0).all()
    assert (boxes[:, 0] + boxes[:, 2]).max() <= 96 and (boxes[:, 1] + boxes[:, 3]).max() <= 60
    again, _ = Detector(LIGHTEST, file, Path("nowhere"), mx.cpu()).people(image)
    np.testing.assert_array_equal(boxes, again)


def test_weights_that_cannot_be_downloaded_are_named_with_their_place(tmp_path, no_network):
    with pytest.raises(InputError, match=r"/center_net_mobilenetv3_small_duc_coco-\w{8}.zip .* into") as raised:
        Detector(LIGHTEST, None, tmp_path, mx.cpu())
    assert str(tmp_path) in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"no parameters"])
def test_damaged_weights_are_named(tmp_path, content):
    file = tmp_path / "mine.params"
    file.write_bytes(content)
    with pytest.raises(InputError, match="mine.params: .*save_parameters"):
        Detector(LIGHTEST, file, tmp_path, mx.cpu())


def test_weights_of_another_network_are_refused(models):
    with pytest.raises(InputError, match="not the parameters of this network"):
        Detector(YOLO, next(models.glob("*.params")), models, mx.cpu())


def test_an_unknown_detector_is_refused(models):
    with pytest.raises(InputError, match="no such detector. Choose one of faster_rcnn"):
        Detector("yolo9", None, models, mx.cpu())


def test_gluoncv_has_every_detector_and_its_weights():
    from gluoncv.model_zoo import model_store, model_zoo

    for name in DETECTORS:
        assert name in model_zoo._models and len(model_store.short_hash(name)) == 8


def test_faster_rcnn_takes_weights_without_what_only_its_training_has():
    """GluonCV 0.9 and later write such files, as do those of its own that are downloaded."""
    names = detector.network("faster_rcnn_resnet50_v1b_coco", mx.cpu())._collect_params_with_prefix()
    assert "class_predictor.weight" in names and not any("target" in name for name in names)


@pytest.mark.parametrize("name, number", [
    ("000000000785.jpg", 785), ("COCO_val2014_000000196141.jpg", 196141), ("IMG_2024.jpg", "IMG_2024.jpg"),
    ("0785.png", "0785.png"), ("a000000000785.jpg", "a000000000785.jpg"),
])
def test_image_ids_are_cocos_numbers_or_names(name, number):
    assert detector.image_id(Path("somewhere") / name) == number


def test_the_command_writes_what_coco_reads(tmp_path, models, capsys):
    folder = tmp_path / "coco" / "val2017"
    folder.mkdir(parents=True)
    names = ("000000000785.jpg", "000000040083.jpg")
    for name in names:
        picture(folder, name)
    out = tmp_path / "new" / "boxes.json"
    options = ["--out", str(out), "--detector", LIGHTEST, "--models", str(models), "--min-score", "0.001"]
    assert command.main(["--coco", str(tmp_path / "coco"), *options]) == 0
    found = json.loads(out.read_text())
    assert f"{len(found)} people in 2 images" in capsys.readouterr().out
    assert {record["image_id"] for record in found} == {785, 40083}
    truth = COCO()
    truth.dataset = {"images": [{"id": 785}, {"id": 40083}], "annotations": [], "categories": [{"id": 1}]}
    truth.createIndex()
    assert len(truth.loadRes(str(out)).anns) == len(found)


def test_the_command_takes_files_and_folders_and_leaves_out_the_unsure(tmp_path, models):
    (tmp_path / "folder").mkdir()
    single = picture(tmp_path, "one.png")
    picture(tmp_path / "folder", "two.JPG")
    (tmp_path / "folder" / "notes.txt").write_text("no image")
    out = tmp_path / "boxes.json"
    options = ["--out", str(out), "--detector", LIGHTEST, "--models", str(models)]
    places = [str(single), str(tmp_path / "folder")]
    assert command.main([*places, *options, "--min-score", "0"]) == 0
    found = json.loads(out.read_text())
    assert {record["image_id"] for record in found} == {"one.png", "two.JPG"}
    least = sorted(record["score"] for record in found)[-3]
    assert command.main([*places, *options, "--min-score", str(least)]) == 0
    assert [r for r in found if r["score"] >= least] == json.loads(out.read_text())


class Sizes:
    """A detector that finds one person, who is as large as the picture."""

    def __init__(self, *arguments):
        pass

    def people(self, image):
        return np.array([[0.0, 0, image.shape[1], image.shape[0]]]), np.array([0.9])


def test_one_bad_picture_loses_nothing_and_photographs_are_upright(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "Detector", Sizes)
    tag = Image.Exif()
    tag[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "turned.jpg", exif=tag)
    picture(tmp_path, "one.png")
    content = picture(tmp_path, "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    out = tmp_path / "boxes.txt"
    assert command.main([str(tmp_path), "--out", str(out)]) == 1
    assert {one["image_id"]: one["bbox"][2:] for one in json.loads(out.read_text())} == {
        "one.png": [70, 90], "turned.jpg": [30, 40]}
    said = capsys.readouterr()
    assert "2 people in 2 images, 2 could not be used" in said.out
    told = " ".join(said.err.split())
    assert "cut.png: is a PNG image that cannot be decoded" in told and "a.heic: is a HEIC" in told
    (tmp_path / "val2017").mkdir()
    (tmp_path / "turned.jpg").rename(tmp_path / "val2017" / "000000000785.jpg")
    assert command.main(["--coco", str(tmp_path), "--out", str(out)]) == 0  # COCO's joints are of what is stored
    assert json.loads(out.read_text())[0]["bbox"][2:] == [40, 30]
    assert command.main([str(tmp_path / "one.png"), "--out", str(out), "--max-pixels", "6299"]) == 2
    assert "one.png: is 70 x 90 px" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("after", [0, 2])
def test_what_was_found_before_a_signal_is_kept(tmp_path, monkeypatch, capsys, after):
    class Ended(Sizes):
        looked_at = 0

        def __init__(self, *arguments):
            self.end_after(0)

        def end_after(self, pictures):
            if self.looked_at == after == pictures:
                os.kill(os.getpid(), signal.SIGTERM)

        def people(self, image):
            self.looked_at += 1
            self.end_after(self.looked_at)
            return super().people(image)

    monkeypatch.setattr(command, "Detector", Ended)
    for name in ("a.png", "b.png", "c.png"):
        picture(tmp_path, name)
    assert command.main([str(tmp_path), "--out", str(tmp_path / "boxes.txt")]) == 128 + signal.SIGTERM
    said = capsys.readouterr()
    if after:
        assert said.out.startswith("Stopped early, of 3: 2 people in 2 images")
        assert [one["image_id"] for one in json.loads((tmp_path / "boxes.txt").read_text())] == ["a.png", "b.png"]
    else:
        assert "Stopped. Nothing was written." in said.err and not (tmp_path / "boxes.txt").exists()


@pytest.mark.parametrize("arguments, said", [
    (["missing.jpg"], "missing.jpg: there is no such file"),
    (["empty"], "empty: has no images"),
    (["one.jpg", "empty/../one.jpg"], "one.jpg: several images"),
    (["one.jpg", "--min-score", "2"], "--min-score 2.0"),
    (["one.jpg", "--min-score", "nan"], "--min-score nan"),
    (["one.jpg", "--out", "empty"], "--out empty: no file can be written"),
    (["one.jpg", "--out", "one.jpg/x.json"], "no file can be written"),
    (["one.jpg", "--gpus", "x"], "--gpus x"),
    (["--coco", "empty"], "empty: has no folder val2017"),
    (["one.jpg", "--weights", "none.params"], "none.params: "),
    (["one.jpg"], "could not download"),
    (["cut.jpg", "--models", "MODELS"], "cut.jpg: is a JPEG image that cannot be decoded"),
])
def test_wrong_input_is_one_paragraph_and_exit_code_2(
    tmp_path, monkeypatch, capsys, models, no_network, arguments, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    content = picture(tmp_path, "one.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) // 2])
    words = [str(models) if word == "MODELS" else word for word in arguments]
    assert command.main(["--out", "boxes.json", "--detector", LIGHTEST, *words]) == 2
    printed = capsys.readouterr().err
    assert said in " ".join(printed.split()) and "\n\n" not in printed
    assert not (tmp_path / "boxes.json").exists()


def test_help_teaches(capsys):
    with pytest.raises(SystemExit):
        command.main(["--help"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in DETECTORS)
    assert "python -m scripts.detect photo.jpg --out boxes.json" in printed and '"image_id": 785' in printed
