"""Batches are a function of their number alone, whoever makes them and when."""
from __future__ import annotations

import os
import threading
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, List

import cv2
import numpy as np
import pytest
from PIL import Image

from integral_pose.datasets import batches as batches_module
from integral_pose.datasets.batches import Batch, Batches, Mixed, Pictures
from integral_pose.errors import InputError
from integral_pose.geometry import Array, Box
from integral_pose.samples import DEVIATION, MEAN, Augmentation, Sample, patch_of
from integral_pose.skeletons import MPII
from integral_pose.storage import image_files

PEOPLE, SIZE, PATCH = 12, 3, 32


def write_people(folder: Path, count: int) -> List[Sample]:
    """People in pictures of one colour each, so that a pixel says who it is."""
    samples = []
    for number in range(count):
        path = folder / f"person{number}.png"
        cv2.imwrite(str(path), np.full((60 + number, 80, 3), 10 * (number + 1), np.uint8))
        joints = np.random.default_rng(number).uniform(25, 35, (len(MPII.joints), 2))
        samples.append(Sample(path, joints, np.arange(len(joints)) % 5 > 0, Box(30, 30, 40)))
    return samples


@pytest.fixture
def people(tmp_path: Path) -> Batches:
    return Batches(write_people(tmp_path, PEOPLE), MPII, PATCH, SIZE, Augmentation(), seed=3)


def who(batch: Batch) -> List[int]:
    """Numbers of the people of a batch, from the patches' middles."""
    red = batch.images[:, 0, PATCH // 2, PATCH // 2] * DEVIATION[0] + MEAN[0]
    return [int(number) for number in np.round(red / 10) - 1]


def assert_same(one: Batch, other: Batch) -> None:
    for a, b in zip(one, other):
        np.testing.assert_array_equal(a, b)


def differ(one: Array, other: Array) -> bool:
    return one.shape != other.shape or bool((one != other).any())


def test_a_batch_is_a_function_of_its_number(people: Batches) -> None:
    first = people.batch(5)
    people.batch(2)
    assert_same(people.batch(5), first)
    assert_same(replace(people, samples=tuple(people.samples)).batch(5), first)
    assert differ(people.batch(6).images, first.images)
    assert differ(replace(people, seed=4).batch(5).images, first.images)


def test_shapes_and_kinds(people: Batches) -> None:
    images, joints, weights = people.batch(1)
    assert images.shape == (SIZE, 3, PATCH, PATCH)
    assert joints.shape == weights.shape == (SIZE, len(MPII.joints), 2)
    assert images.dtype == joints.dtype == weights.dtype == np.float32
    assert set(np.unique(weights)) == {0, 1}
    np.testing.assert_array_equal(weights[..., 0], weights[..., 1])


@pytest.mark.parametrize("size, per_epoch", [(3, 4), (5, 2), (12, 1), (20, 1)])
def test_everyone_is_seen_once_an_epoch_in_another_order(people: Batches, size: int, per_epoch: int) -> None:
    batches = replace(people, size=size)
    assert batches.per_epoch == per_epoch
    orders = []
    for epoch in range(3):
        seen = [n for step in range(per_epoch) for n in who(batches.batch(epoch * per_epoch + step))]
        assert len(seen) == len(set(seen)) == min(PEOPLE, size * per_epoch)
        orders.append(tuple(seen))
    assert len(set(orders)) == 3


def test_a_person_has_another_jitter_each_epoch(people: Batches) -> None:
    everybody = replace(people, size=PEOPLE)
    epochs = []
    for epoch in range(3):
        batch = everybody.batch(epoch)
        epochs.append(batch.joints[np.argsort(who(batch))])
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert all(differ(a, b) for a, b in zip(epochs[one], epochs[other]))


def test_people_of_one_batch_have_different_jitters(people: Batches) -> None:
    twins = replace(people, samples=[people.samples[0]] * 7, size=7)
    assert len({joints.tobytes() for joints in twins.batch(0).joints}) == 7


def test_the_jitter_of_a_person_does_not_depend_on_the_batch_size(people: Batches) -> None:
    whole, parts = replace(people, size=PEOPLE).batch(0), [people.batch(step) for step in range(4)]
    assert_same(whole, Batch(*(np.concatenate(arrays) for arrays in zip(*parts))))


def test_without_augmentation_only_the_order_changes(people: Batches) -> None:
    still = replace(people, augmentation=None, size=PEOPLE)
    ordered = [batch.joints[np.argsort(who(batch))] for batch in (still.batch(0), still.batch(1), still.in_order(0))]
    np.testing.assert_array_equal(ordered[0], ordered[1])
    np.testing.assert_array_equal(ordered[0], ordered[2])


def test_colours_are_jittered(people: Batches) -> None:
    plain, coloured = people, replace(people, augmentation=Augmentation(colour=0.4))
    np.testing.assert_array_equal(plain.batch(0).joints, coloured.batch(0).joints)
    assert differ(plain.batch(0).images, coloured.batch(0).images)


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("size, lengths", [(5, [5, 5, 2]), (4, [4, 4, 4]), (13, [12])])
def test_once_is_everybody_in_order_as_annotated(
    people: Batches, workers: int, size: int, lengths: List[int]
) -> None:
    found = list(replace(people, size=size).once(workers))
    assert [len(batch.images) for batch in found] == lengths
    assert [number for batch in found for number in who(batch)] == list(range(PEOPLE))
    expected = np.array([(sample.joints - 10) / 40 for sample in people.samples])
    known = np.concatenate([batch.weights for batch in found]) > 0
    np.testing.assert_allclose(np.concatenate([batch.joints for batch in found])[known], expected[known], atol=1e-6)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("start", [0, 7])
def test_the_stream_is_the_batches_from_its_start(people: Batches, workers: int, start: int) -> None:
    for step, batch in enumerate(islice(people.stream(start, workers), 6), start):
        assert_same(batch, people.batch(step))


@pytest.mark.parametrize("workers", [1, 3])
def test_an_unreadable_image_ends_the_stream(people: Batches, workers: int) -> None:
    people.samples[8].image.write_bytes(b"damaged")
    with pytest.raises(InputError, match="person8.png"):
        list(islice(people.stream(0, workers), people.per_epoch))


def joins(work: threading.Thread) -> bool:
    work.start()
    work.join(timeout=30)
    return not work.is_alive()


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("taken", [0, 1, 5])
def test_closing_early_does_not_hang(people: Batches, workers: int, taken: int) -> None:
    before = threading.active_count()
    stream: Any = people.stream(2, workers)
    assert len(list(islice(stream, taken))) == taken
    assert joins(threading.Thread(target=stream.close, daemon=True))
    assert threading.active_count() == before


# ---------------------------------------------------------------- two data sets


@pytest.fixture
def mixed(tmp_path: Path) -> Mixed:
    (tmp_path / "more").mkdir()
    first = Batches(write_people(tmp_path, PEOPLE), MPII, PATCH, SIZE, Augmentation(), seed=3)
    return Mixed(first, replace(first, samples=write_people(tmp_path / "more", 20)[PEOPLE:], source=1))


def test_a_mixed_batch_is_half_and_half_in_turn(mixed: Mixed) -> None:
    for step in range(7):
        numbers = who(mixed.batch(step))
        assert len(numbers) == 2 * SIZE
        assert all(number < PEOPLE for number in numbers[::2]) and all(number >= PEOPLE for number in numbers[1::2])


def test_a_mixed_batch_is_a_function_of_its_number(mixed: Mixed) -> None:
    assert_same(mixed.batch(4), replace(mixed).batch(4))
    for step, batch in enumerate(islice(mixed.stream(2, workers=3), 4)):
        assert_same(batch, mixed.batch(2 + step))


def test_each_data_set_is_shuffled_in_epochs_of_its_own(mixed: Mixed) -> None:
    epochs = [[n for step in range(4 * e, 4 * e + 4) for n in who(mixed.batch(step))[::2]] for e in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(PEOPLE))
    assert epochs[0] != epochs[1]
    assert mixed.per_epoch == 8 // SIZE


def test_two_data_sets_draw_differently(tmp_path: Path) -> None:
    one = Batches(write_people(tmp_path, PEOPLE), MPII, PATCH, SIZE, Augmentation(), seed=3)
    other = replace(one, source=1)
    assert who(one.batch(0)) != who(other.batch(0))
    assert one._jitter(0, 1) != other._jitter(0, 1)


# ---------------------------------------------------------------- kept pictures


def counted(monkeypatch: pytest.MonkeyPatch) -> List[Path]:
    """The files that are decoded from now on."""
    decoded: List[Path] = []
    read = image_files.read
    monkeypatch.setattr(image_files, "read", lambda path, *how: (decoded.append(path), read(path, *how))[1])
    return decoded


def test_pictures_are_decoded_once_until_there_is_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [sample.image for sample in write_people(tmp_path, 3)]  # of 60, 61 and 62 rows of 240 bytes
    decoded, pictures = counted(monkeypatch), Pictures(240 * 125)
    for _ in range(3):
        for number, path in enumerate(paths):
            image = pictures.read(path)
            assert image.shape == (60 + number, 80, 3) and (image == 10 * (number + 1)).all()
    assert decoded == [*paths, paths[2], paths[2]]


def test_a_picture_that_changed_is_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_people(tmp_path, 1)[0].image
    decoded, pictures = counted(monkeypatch), Pictures(240 * 60)
    for value in (7, 8):
        assert cv2.imwrite(str(path), np.full((60, 80, 3), value, np.uint8))
        os.utime(path, ns=(value, value))
        assert [int(pictures.read(path)[0, 0, 0]) for _ in range(2)] == [value, value]
    assert len(decoded) == 2
    path.unlink()
    with pytest.raises(InputError, match="missing"):
        pictures.read(path)


def test_kept_pictures_change_no_number(people: Batches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "PICTURES", Pictures(0))
    decoded = [people.batch(step) for step in range(4)]
    monkeypatch.setattr(batches_module, "PICTURES", Pictures(1 << 20))
    for _ in range(2):
        for step, batch in enumerate(decoded):
            assert_same(people.batch(step), batch)


@pytest.mark.parametrize("side, times", [(50, 1), (63, 1), (65, 2), (150, 4), (700, 8)])
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_large_people_are_cut_from_reduced_pictures_at_the_same_place(
    tmp_path: Path, side: int, times: int, suffix: str
) -> None:
    path, rng = tmp_path / f"a{suffix}", np.random.default_rng(4)
    coarse = rng.integers(0, 255, (9, 12, 3)).astype(np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(coarse, (1203, 905), interpolation=cv2.INTER_CUBIC))
    box = Box(611.3, 440.8, side)
    whole = Batches([Sample(path, np.full((16, 2), 600.0), np.ones(16), box)], MPII, PATCH, 1)
    reduced = replace(whole, reduced=True)
    one, other = whole.in_order(0), reduced.in_order(0)
    assert patch_of(whole.samples[0], PATCH).reduction == times and (one.joints == other.joints).all()
    assert (one.images == other.images).all() == (times == 1)
    # In grey levels; half a px of the whole picture more to one side would be several.
    assert np.abs(one.images - other.images).mean() * 58 < 0.7


def test_people_annotated_as_seen_are_cut_from_the_picture_as_seen(tmp_path: Path) -> None:
    pixels, tag = np.random.default_rng(2).integers(0, 256, (60, 80, 3), np.uint8), Image.Exif()
    tag[0x0112] = 6
    Image.fromarray(np.rot90(pixels)).save(tmp_path / "turned.png", exif=tag)
    Image.fromarray(pixels).save(tmp_path / "plain.png")
    plain = Sample(tmp_path / "plain.png", np.full((16, 2), 30.0), np.ones(16), Box(30, 30, 40))
    turned = replace(plain, image=tmp_path / "turned.png", upright=True)
    one, other, stored = (
        Batches([sample], MPII, PATCH, 1, Augmentation(), seed=3).batch(0)
        for sample in (plain, turned, replace(turned, upright=False))
    )
    assert_same(one, other)
    assert differ(one.images, stored.images)


def test_the_limit_of_pixels_is_the_users(tmp_path: Path) -> None:
    pictures, (sample,) = Pictures(0), write_people(tmp_path, 1)
    pictures.most_pixels = 60 * 80 - 1
    with pytest.raises(InputError, match="--max-pixels 4800"):
        pictures.read(sample.image)
    pictures.most_pixels = 60 * 80
    assert pictures.read(sample.image).shape == (60, 80, 3)


def test_a_kept_picture_cannot_be_written_into(tmp_path: Path) -> None:
    image = Pictures(1 << 20).read(write_people(tmp_path, 1)[0].image)
    with pytest.raises(ValueError, match="read-only"):
        image[0] = 0


@pytest.mark.parametrize("gib, kept", [(8, 0.5), (32, 2), (512, 2)])
def test_room_is_a_sixteenth_of_memory_and_at_most_2_gib(
    monkeypatch: pytest.MonkeyPatch, gib: int, kept: float
) -> None:
    memory = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": (gib << 30) // 4096}
    monkeypatch.setattr(batches_module.os, "sysconf", memory.__getitem__)
    assert batches_module.room() == kept * (1 << 30)


def test_as_many_threads_work_as_there_are_workers(people: Batches, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits until three of them are in a batch at the same time."""
    meeting, make = threading.Barrier(3, timeout=20), Batches._made
    monkeypatch.setattr(Batches, "_made", lambda self, draws: (meeting.wait(), make(self, draws))[1])
    stream: Any = people.stream(0, workers=3)
    assert len(list(islice(stream, 3))) == 3
    meeting.abort()
    stream.close()


def test_a_stream_that_was_closed_starts_again_where_it_is_told(people: Batches) -> None:
    stream: Any = people.stream(0, workers=2)
    for step in range(3):
        assert_same(next(stream), people.batch(step))
    stream.close()
    assert_same(next(people.stream(3, workers=2)), people.batch(3))
