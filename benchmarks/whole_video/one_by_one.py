"""The rival: as rtmlib does it, one after the other, with our network in ONNX Runtime; nothing here imports MXNet.

A frame is read; each box is cut out, seen by the network by itself, and drawn; the frame is written.
"""
from __future__ import annotations

import json
import tempfile
from typing import Any, Dict, List, Sequence, Tuple

import cv2
import numpy as np
import onnxruntime

from benchmarks.contest import Prepared

COLOUR = (60, 200, 255)


class Network:
    """An exported network and its card."""

    def __init__(self, graph: str, threads: int) -> None:
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
        self._session = onnxruntime.InferenceSession(graph, settings, providers=["CPUExecutionProvider"])
        self.card: Dict[str, Any] = json.loads(self._session.get_modelmeta().custom_metadata_map["integral_pose"])
        given = self.card["input"]
        self._size, self._mean, self._deviation = given["size"], np.float32(given["mean"]), np.float32(
            given["deviation"])

    def joints(self, frame: np.ndarray, edge: Sequence[float]) -> np.ndarray:
        """The joints (K, 2) of a box of x, y, width and height, px."""
        x, y, width, height = edge
        scale = self._size / (self.card["box"]["margin"] * max(width, height))
        centre = np.array([x + width / 2 - 0.5, y + height / 2 - 0.5])
        shift = self._size / 2 - 0.5 - scale * centre
        matrix = np.column_stack([scale * np.eye(2), shift])
        patch = cv2.warpAffine(frame, matrix, (self._size, self._size), flags=cv2.INTER_LINEAR)
        normalised = (patch[:, :, ::-1].astype(np.float32) - self._mean) / self._deviation
        images = np.ascontiguousarray(normalised.transpose(2, 0, 1)[None])
        (fractions,) = self._session.run([self.card["output"]["name"]], {self.card["input"]["name"]: images})
        return np.asarray((fractions[0][:, :2] * self._size - 0.5 - shift) / scale)


def draw(frame: np.ndarray, joints: np.ndarray, limbs: Sequence[Tuple[int, int]]) -> None:
    """Limbs as lines and joints as discs."""
    points = [(int(x), int(y)) for x, y in joints.round()]
    for start, end in limbs:
        cv2.line(frame, points[start], points[end], COLOUR, 2, cv2.LINE_AA)
    for point in points:
        cv2.circle(frame, point, 3, COLOUR, -1, cv2.LINE_AA)


def predicting(clip: str, edges: List[List[float]], graph: str, threads: int) -> Prepared:
    """A whole video; the turn gives the mean of each person's joints, (N, 2), px."""
    cv2.setNumThreads(threads)
    network = Network(graph, threads)

    def turn() -> Any:
        reader, found = cv2.VideoCapture(clip), []
        size = int(reader.get(cv2.CAP_PROP_FRAME_WIDTH)), int(reader.get(cv2.CAP_PROP_FRAME_HEIGHT))
        code, rate = cv2.VideoWriter.fourcc(*"mp4v"), reader.get(cv2.CAP_PROP_FPS)
        with tempfile.TemporaryDirectory() as folder:
            writer = cv2.VideoWriter(f"{folder}/drawn.mp4", code, rate, size)
            while True:
                there, frame = reader.read()
                if not there:
                    break
                people = [network.joints(frame, edge) for edge in edges]
                for joints in people:
                    draw(frame, joints, network.card["limbs"])
                writer.write(frame)
                found.append(people)
            writer.release()
        return np.mean(found, axis=(0, 2))

    return onnxruntime.__version__, turn
