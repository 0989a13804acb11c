"""Float16: what can be seen of it without a GPU, in one process of its own, as MXNet goes over to it for good."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PLAIN = """
import integral_pose
import mxnet as mx, numpy as np
from mxnet import gluon
from integral_pose.models import float16
from integral_pose.datasets.batches import Batch
from integral_pose.training.loop import forward_backward

class Scale(gluon.HybridBlock):  # no operator that is computed in float16, which this stack cannot on a CPU
    def __init__(self):
        super().__init__()
        self.scale = self.params.get("scale", shape=(1, 3, 2), init="ones")
    def hybrid_forward(self, F, x, scale):
        return F.broadcast_mul(x, scale)

def squares(output, joints, weights):
    return mx.nd.sum(mx.nd.square(output - joints), axis=(1, 2))

def trained(half, poison=False):
    net, rng = Scale(), np.random.default_rng(0)
    net.initialize()
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.01}, update_on_kvstore=False)
    scaled = float16.scaling(trainer) if half else list
    for step in range(6):
        images, joints = rng.random((2, 5, 3, 2), np.float32)
        if poison and step == 3:
            joints[0] = np.inf
        batch = Batch(images, joints, np.ones_like(joints))
        forward_backward(net, squares, batch, [mx.cpu()], scaled)
        gradient = float(net.scale.grad().asnumpy().max())
        trainer.step(5)
    return net.scale.data().asnumpy(), gradient

plain, small = trained(half=False)

from integral_pose.methods import H1
from integral_pose.profiles import smoke
from integral_pose.report import publish
cost = publish._cost(smoke(H1))
"""

TYPES = """
from dataclasses import replace
from integral_pose.methods import H1, H2, H3, I_STAR, R1, on_human36m
from integral_pose.models import build, decode
from integral_pose.profiles import smoke
hourglass = {"backbone": "hourglass", "pretrained": False, "stages": 2}
for run in (R1, H1, H2, H3, I_STAR, replace(I_STAR, stages=2), on_human36m(H1), on_human36m(H2, extra="mpii"),
            on_human36m(I_STAR, **hourglass)):
    run = replace(smoke(run), start=None, amp=True)
    images, joints, weights = map(mx.sym.var, ("images", "joints", "weights"))
    output = build.network(run)(images)
    loss = build.loss(run)(output, joints, weights)
    last = decode.last_stage(output)
    float32 = {name: np.float32 for name in ("images", "joints", "weights")}
    parameters, (joints_or_maps, losses), _ = mx.sym.Group([last, loss]).infer_type(**float32)
    inside = loss.get_internals()
    convolutions = {np.dtype(kind).name for name, kind in zip(inside.list_outputs(), inside.infer_type(**float32)[1])
                    if "conv" in name and name.endswith("fwd_output")}
    assert convolutions == {"float16"}, (run, convolutions)
    assert {np.dtype(kind).name for kind in parameters} == {"float32"}, run
    assert losses is np.float32, run
    assert run.output != "integral" or joints_or_maps is np.float32, run
"""

COSTS = """
from integral_pose.evaluation import progress
from integral_pose.report import publish
one, other = (replace(smoke(run), amp=True) for run in (H1, replace(H1, upsamplings=3)))
assert publish._cost(one) == cost
rates = [progress.Progress(one, 1, False, 10.0), progress.Progress(other, 0, False)]
assert progress.seconds_left(rates) > 2 * progress.seconds_left(rates[:1])  # the larger network is the slower one
"""

SCALES = """
float16.choose(half=True)
float16.choose(half=True)
half, large = trained(half=True)
np.testing.assert_allclose(half, plain, rtol=1e-6)
assert abs(large / small) > 1000, (large, small)
assert np.isfinite(trained(half=True, poison=True)[0]).all()
try:
    float16.choose(half=False)
    raise SystemExit("float32 was promised")
except integral_pose.errors.InputError as error:
    assert "another process" in str(error)
"""


def test_in_a_process_of_its_own() -> None:
    """Types: convolutions are in float16, parameters, integrals and losses in float32, in every kind of network.

    Costs: a table's multiply-adds are counted as before, and the time that is left is estimated.

    Steps: losses are multiplied and gradients divided again, a step that overflows is left out, and no run of float32
    follows. The types come first: it is their networks that choose float16.
    """
    done = subprocess.run([sys.executable, "-c", PLAIN + TYPES + COSTS + SCALES], cwd=ROOT, capture_output=True,
                          text=True, env={**os.environ, "PYTHONPATH": "src:."})
    assert done.returncode == 0, done.stderr
