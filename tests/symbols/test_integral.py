"""The integral operator against loops, limits and identities, in every form that it is used in."""
from __future__ import annotations

import inspect
import json

import mxnet as mx
import numpy as np
import pytest
from mxnet.gluon import HybridBlock, nn
from scipy import special

from symbols.compensated import CompensatedIntegral
from symbols.integral import Expectation, HeatVectors, Integral
from symbols.maps import portable
from symbols.native import marginals
from symbols.pose_net import MapsBeside
from tests.helpers.forms import IN_GRAPHS, exported, gradient, hybrid_parent, run

pytestmark = pytest.mark.memory
N, K, D, H, W = 2, 3, 4, 5, 7
S = 5  # cells along each side of a cube, for heat vectors
both_depths = pytest.mark.parametrize("depth", [1, D], ids=["2D", "3D"])
every_block = pytest.mark.parametrize("kind, size", [
    pytest.param(Integral, (1, H, W), id="integral-2D"), pytest.param(Integral, (D, H, W), id="integral-3D"),
    pytest.param(HeatVectors, (S, S, S), id="heat-vectors"),
    pytest.param(CompensatedIntegral, (1, H, W), id="compensated-2D"),
    pytest.param(CompensatedIntegral, (D, H, W), id="compensated-3D"),
])


@pytest.fixture(autouse=True, params=[True, False], ids=["fused", "plain"])
def fused(request, monkeypatch):
    """Runs the test once with the compiled operator, where it is built, and once with MXNet's own."""
    if request.param and not marginals.loaded():
        pytest.skip("the compiled operator is not built: `make setup` does where g++ is")
    if not request.param:
        monkeypatch.setattr(marginals, "loaded", lambda: False)
    return request.param


def made(kind, size, hybridize):
    depth, height, width = size
    block = kind(K, height, width, depth)
    block.hybridize(hybridize)
    return block


def draw(depth, height=H, width=W):
    return np.random.normal(0, 3, (N, K * depth, height, width)).astype(np.float32)


def probabilities(logits, depth):
    """(N, K, D, H, W), of which each joint's sum to 1."""
    maps = logits.astype(np.float64).reshape(len(logits), K, depth, *logits.shape[2:])
    powers = np.exp(maps - maps.max(axis=(2, 3, 4), keepdims=True))
    return powers / powers.sum(axis=(2, 3, 4), keepdims=True)


def centre(cell, depth):
    """(z, y, x) as numbered -> (x, y[, z]) in fractions."""
    z, y, x = cell
    return np.array([(x + 0.5) / W, (y + 0.5) / H, (z + 0.5) / depth])[: 2 if depth == 1 else 3]


def by_loop(logits, depth):
    joints = np.zeros((len(logits), K, 2 if depth == 1 else 3))
    for (n, k, *cell), share in np.ndenumerate(probabilities(logits, depth)):
        joints[n, k] += share * centre(cell, depth)
    return joints


@both_depths
def test_equals_a_loop(hybridize, depth):
    logits = draw(depth)
    found = run(made(Integral, (depth, H, W), hybridize), logits)[0]
    np.testing.assert_allclose(found, by_loop(logits, depth), atol=1e-6)


def test_heat_vectors_equal_a_loop(hybridize):
    logits = draw(S, S, S)
    expected = np.zeros((N, K, 3, S))
    for (n, k, z, y, x), share in np.ndenumerate(probabilities(logits, S)):
        for axis, cell in enumerate((x, y, z)):
            expected[n, k, axis, cell] += share
    np.testing.assert_allclose(run(made(HeatVectors, (S, S, S), hybridize), logits)[0], expected, atol=1e-6)


class TwoSteps(HybridBlock):
    """Eq. 5, then Eq. 6."""

    def __init__(self, side):
        super().__init__()
        self.vectors, self.expectation = HeatVectors(K, side, side, side), Expectation(side)

    def hybrid_forward(self, F, logits):
        return self.expectation(self.vectors(logits))


@pytest.mark.parametrize("side", [S, 16])
def test_two_steps_equal_one(hybridize, side):
    one, two = made(Integral, (side, side, side), hybridize), TwoSteps(side)
    two.hybridize(hybridize, static_alloc=True, static_shape=True)
    logits, head = draw(side, side, side), np.random.normal(0, 1, (N, K, 3))
    np.testing.assert_allclose(run(two, logits)[0], run(one, logits)[0], atol=1e-5)
    slopes = gradient(one, logits, head=head)
    np.testing.assert_allclose(gradient(two, logits, head=head), slopes, atol=1e-5 * np.abs(slopes).max())


def test_the_gradient_of_a_heat_vector_is_that_of_the_cells_it_sums(hybridize):
    logits, head = draw(S, S, S), np.random.normal(0, 1, (N, K, 3, S))
    shares = probabilities(logits, S)
    x, y, z = (head[:, :, axis] for axis in range(3))
    each = z[..., None, None] + y[:, :, None, :, None] + x[:, :, None, None]
    expected = shares * (each - (shares * each).sum(axis=(2, 3, 4), keepdims=True))
    found = gradient(made(HeatVectors, (S, S, S), hybridize), logits, head=head)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-6)


@pytest.mark.parametrize("size", [(D, S, S), (S, D, S), (S, S, D), (1, S, S)])
def test_heat_vectors_of_other_lengths_do_not_stack(size):
    depth, height, width = size
    with pytest.raises(ValueError, match=f"of {width}, {height} and {depth} cells along x, y and z do not stack"):
        HeatVectors(K, height, width, depth)


@every_block
@pytest.mark.parametrize("form", IN_GRAPHS)
def test_is_the_same_in_a_graph(tmp_path, form, kind, size):
    logits = draw(*size)
    inside = form(made(kind, size, False), tmp_path, mx.nd.array(logits))
    np.testing.assert_allclose(run(inside, logits[::-1])[0], run(made(kind, size, False), logits[::-1])[0], atol=1e-7)


@both_depths
def test_a_lone_peak_is_its_cells_centre(hybridize, depth):
    cells = list(np.ndindex(depth, H, W))
    logits = np.zeros((len(cells), K, len(cells)), np.float32)
    peaks = (np.arange(len(cells))[:, None] + 13 * np.arange(K)) % len(cells)
    np.put_along_axis(logits, peaks[..., None], 1e4, axis=2)
    joints = run(made(Integral, (depth, H, W), hybridize), logits.reshape(len(cells), K * depth, H, W))[0]
    np.testing.assert_allclose(joints, [[centre(cells[i], depth) for i in row] for row in peaks], atol=1e-6, rtol=0)


@both_depths
def test_huge_logits_stay_finite(hybridize, depth):
    block = made(Integral, (depth, H, W), hybridize)
    for logits in (np.full_like(draw(depth), 1e4), np.full_like(draw(depth), -1e4), 1e4 * np.sign(draw(depth))):
        joints = run(block, logits)[0]
        assert joints.min() > 0 and joints.max() < 1
        np.testing.assert_allclose(joints, by_loop(logits, depth), atol=1e-6)
        assert np.isfinite(gradient(block, logits)).all()


def test_huge_logits_give_finite_heat_vectors(hybridize):
    block = made(HeatVectors, (S, S, S), hybridize)
    for logits in (np.full_like(draw(S, S, S), 1e4), np.full_like(draw(S, S, S), -1e4), 1e4 * np.sign(draw(S, S, S))):
        np.testing.assert_allclose(run(block, logits)[0].sum(axis=3), 1, atol=1e-6)
        assert np.isfinite(gradient(block, logits)).all()


@both_depths
def test_gradient_is_the_share_times_the_distance_from_the_joint(hybridize, depth):
    logits = draw(depth)
    joints, shares = by_loop(logits, depth), probabilities(logits, depth)
    centres = np.array([centre(cell, depth) for cell in np.ndindex(depth, H, W)]).reshape(depth, H, W, -1)
    for c in range(joints.shape[2]):
        head = np.zeros_like(joints)
        head[..., c] = 1
        expected = shares * (centres[..., c] - joints[:, :, None, None, None, c])
        found = gradient(made(Integral, (depth, H, W), hybridize), logits, head=head)
        np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-6)


@every_block
def test_float16_logits_are_summed_in_float32(hybridize, kind, size):
    logits = draw(*size).astype(np.float16)
    found = made(kind, size, hybridize)(mx.nd.array(logits, dtype="float16")).asnumpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, run(made(kind, size, hybridize), logits)[0], atol=1e-6)


def test_a_large_flat_float16_map_keeps_its_middle(hybridize):
    block = Integral(1, 96, 160)
    block.hybridize(hybridize)
    np.testing.assert_allclose(block(mx.nd.zeros((1, 1, 96, 160), dtype="float16")).asnumpy(), 0.5, atol=1e-6)


@every_block
def test_works_on_the_device_of_its_input(hybridize, kind, size):
    with mx.gpu(0):  # stands for any other device: constants there would raise
        assert made(kind, size, hybridize)(mx.nd.array(draw(*size), ctx=mx.cpu(1))).context == mx.cpu(1)


def other_sizes(channels, height, width):
    """Shapes (N, channels, H, W), two an axis, then as many elements on other axes, then more and fewer axes."""
    return [(N, *size) for size in [
        (channels + 1, height, width), (channels + K, height, width), (channels, height + 1, width),
        (channels, 1, width), (channels, height, width + 1), (channels, height, 1), (channels, 1, height * width),
        (channels * height, 1, width), (channels, height * width), (1, channels, height, width),
    ]]


OTHERS = [pytest.param(kind, (depth, *plane), shape, id=f"{kind.__name__}-{depth}-{'x'.join(map(str, shape))}")
          for kind, depth, *plane in [(Integral, 1, H, W), (Integral, D, H, W), (HeatVectors, S, S, S),
                                      (CompensatedIntegral, D, H, W)]
          for shape in [*other_sizes(K * depth, *plane), (N, K * depth, *plane, 1)]]


@pytest.mark.parametrize("kind, size, shape", OTHERS)
def test_refuses_another_size(hybridize, kind, size, shape):
    depth, height, width = size
    with pytest.raises(ValueError, match=rf"built for maps \(N, {K * depth}, {height}, {width}\), given \({N}, "):
        run(made(kind, size, hybridize), np.ones(shape))


@every_block
@pytest.mark.parametrize("form", IN_GRAPHS)
def test_refuses_another_size_in_a_graph(tmp_path, form, kind, size):
    """Each time anew, and takes its own size before and after."""
    logits = draw(*size)
    inside = form(made(kind, size, False), tmp_path, mx.nd.array(logits))
    expected = run(inside, logits)[0]
    for shape in other_sizes(K * size[0], *size[1:]):
        with pytest.raises((ValueError, mx.MXNetError)):
            run(inside, np.ones(shape))
        np.testing.assert_array_equal(run(inside, logits)[0], expected)


@both_depths
def test_a_place_in_the_cell_moves_all_joints_alike(hybridize, depth):
    logits = draw(depth)
    block = Integral(K, H, W, depth, place=0.0)
    block.hybridize(hybridize)
    half_cells = 0.5 / np.array([W, H, depth])[: 2 if depth == 1 else 3]
    np.testing.assert_allclose(run(block, logits)[0], by_loop(logits, depth) - half_cells, atol=1e-6)


@both_depths
@pytest.mark.parametrize("height", [1, 1.5, 3, 20, 90])
def test_a_peak_over_a_flat_map_is_pulled_to_the_middle_and_compensated(hybridize, depth, height):
    """n cells of 0 and one of b more: E = 1/2 + (x - 1/2) (e^b - 1) / (n - 1 + e^b), and the rest is its undoing."""
    places = np.random.default_rng(4).integers((depth, H, W), size=(N, K, 3))
    logits = np.zeros((N, K, depth, H, W))
    for n, k in np.ndindex(N, K):
        logits[(n, k, *places[n, k])] = height
    logits = logits.reshape(N, K * depth, H, W)
    truth = np.array([[centre(places[n, k], depth) for k in range(K)] for n in range(N)])
    share = (np.exp(height) - 1) / (depth * H * W - 1 + np.exp(height))
    pulled = run(made(Integral, (depth, H, W), hybridize), logits)[0]
    np.testing.assert_allclose(pulled, 0.5 + (truth - 0.5) * share, atol=1e-6)
    found = run(made(CompensatedIntegral, (depth, H, W), hybridize), logits)[0]
    np.testing.assert_allclose(found, truth, atol=2e-6 / share)


@both_depths
@pytest.mark.parametrize("level", [-1e4, -100, -1, 0, 1e4])
def test_compensation_of_a_flat_map_is_its_middle_and_has_a_finite_gradient(hybridize, depth, level):
    block, flat = made(CompensatedIntegral, (depth, H, W), hybridize), np.full((N, K * depth, H, W), level)
    np.testing.assert_allclose(run(block, flat)[0], 0.5, atol=2e-6 / CompensatedIntegral.LEAST)
    for logits in (flat, flat + draw(depth), flat * np.sign(draw(depth))):
        assert np.isfinite(run(block, logits)[0]).all() and np.isfinite(gradient(block, logits)).all()


@both_depths
def test_the_gradient_of_a_compensated_integral_is_that_of_its_formula(hybridize, depth):
    """Against differences: n / C changes with a logit too."""
    logits, block = draw(depth) / 3 + 1, made(CompensatedIntegral, (depth, H, W), hybridize)
    head = np.random.normal(0, 1, (N, K, 2 if depth == 1 else 3))
    found = gradient(block, logits, head=head)

    def value(at):
        shares, powers = probabilities(at, depth), np.exp(at.astype(np.float64)).reshape(N, K, -1).sum(axis=2)
        peak = 1 - depth * H * W / powers
        assert (peak > 0.05).all()
        joints = np.zeros(head.shape)
        for (n, k, *cell), share in np.ndenumerate(shares):
            joints[n, k] += share * (centre(cell, depth) - 0.5) / peak[n, k]
        return (head * (joints + 0.5)).sum()

    for index in [(0, 1, 2, 3), (1, K * depth - 1, 0, W - 1), (1, 0, H - 1, 0)]:
        step = np.zeros(logits.shape)
        step[index] = 1e-4
        slope = (value(logits + step) - value(logits - step)) / 2e-4
        assert found[index] == pytest.approx(slope, rel=1e-3, abs=1e-5)


@both_depths
@pytest.mark.parametrize("kind", [Integral, CompensatedIntegral])
def test_maps_that_are_shown_beside_joints_have_both_gradients(hybridize, kind, depth):
    """Behind a layer, where a graph may work in place."""
    layer, image = nn.Conv2D(K * depth, 1, in_channels=2), np.random.normal(0, 1, (N, 2, H, W))
    layer.initialize(mx.init.Normal(2))
    net = nn.HybridSequential()
    net.add(layer, MapsBeside(made(kind, (depth, H, W), False)))
    net.hybridize(hybridize, static_alloc=hybridize, static_shape=hybridize)
    heads = [mx.nd.random.normal(shape=output.shape) for output in net(mx.nd.array(image))]
    assert [head.shape for head in heads] == [(N, K * depth, H, W), (N, K, 2 if depth == 1 else 3)]

    def both(pixels):
        return sum((head * output).sum() for head, output in zip(heads, net(pixels)))

    alone = made(kind, (depth, H, W), False)
    expected = gradient(lambda x: (heads[0] * layer(x)).sum(), image)
    expected = expected + gradient(lambda x: (heads[1] * alone(layer(x))).sum(), image)
    for _ in range(2):  # the second time with the memory of the first
        np.testing.assert_allclose(gradient(both, image), expected, rtol=1e-4, atol=1e-5)


def test_an_expectation_refuses_another_length(hybridize):
    block = Expectation(W)
    block.hybridize(hybridize)
    with pytest.raises(mx.MXNetError):
        run(block, np.ones((N, K, H)))


def operators(symbol):
    return {node["op"] for node in json.loads(symbol.tojson())["nodes"]}


@every_block
def test_takes_the_compiled_operator_where_it_is(fused, kind, size):
    assert (marginals.OPERATOR in operators(made(kind, size, False)(mx.sym.var("data")))) == fused


@every_block
def test_takes_mxnets_own_operators_when_told_to_and_off_the_cpu(kind, size):
    depth, height, width = size
    told = kind(K, height, width, depth, fused=False)
    assert marginals.OPERATOR not in operators(told(mx.sym.var("data")))
    with mx.gpu(0):  # where Gluon traces a block that is given logits on a GPU
        assert marginals.OPERATOR not in operators(made(kind, size, False)(mx.sym.var("data")))


@every_block
def test_a_portable_network_is_exported_without_the_compiled_operator(tmp_path, kind, size):
    logits = draw(*size)
    net = hybrid_parent(made(kind, size, True), tmp_path, mx.nd.array(logits))
    before = run(net, logits)[0]
    assert portable(net) is net
    with pytest.raises(RuntimeError, match="hybridize"):  # and nothing of what was traced before is written
        net.export(str(tmp_path / "too-early"))
    read = exported(net, tmp_path, mx.nd.array(logits))
    assert marginals.OPERATOR not in (tmp_path / "block-symbol.json").read_text()
    for form in (net, read):
        np.testing.assert_allclose(run(form, logits)[0], before, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 95, 161), (40, 48, 56)], ids=["2D", "3D"])
def test_a_large_map_is_summed_without_loss(hybridize, size):
    logits = draw(*size)
    shares = probabilities(logits, size[0])
    along = [(np.arange(cells) + 0.5) / cells for cells in size]
    joints = np.stack([shares.sum((2, 3)) @ along[2], shares.sum((2, 4)) @ along[1], shares.sum((3, 4)) @ along[0]], 2)
    found = run(made(Integral, size, hybridize), logits)[0]
    np.testing.assert_allclose(found, joints[..., :found.shape[2]], atol=1e-6)


@pytest.mark.skipif(not marginals.loaded(), reason="needs the compiled operator")
def test_the_exponential_is_right_to_a_few_units_in_the_last_place():
    """One logit of 0 in each row of 16 cells: the other probabilities are that one's times their own e^logit."""
    logits = np.zeros((1, 4000, 1, 16), np.float32)
    logits[..., 1:] = np.linspace(-86.9, -1e-6, 60000, dtype=np.float32).reshape(1, 4000, 1, 15)
    shares = mx.nd.softmax_marginals(mx.nd.array(logits), joints=4000, depth=1, height=1, width=16)[0].asnumpy()
    ratio = shares[..., 1:].astype(np.float64) / shares[..., :1]
    wrong = np.abs(ratio / np.exp(logits[:, :, 0, 1:].astype(np.float64)) - 1)
    assert wrong[ratio > 1e-30].max() < 4 * np.finfo(np.float32).eps  # two more roundings are the probabilities'


@every_block
def test_adds_to_a_gradient_when_asked(hybridize, kind, size):
    block, values = made(kind, size, hybridize), draw(*size)
    once, logits = gradient(block, values), mx.nd.array(values)
    logits.attach_grad("add")
    for _ in range(3):
        with mx.autograd.record():
            output = block(logits)
        output.backward()
    np.testing.assert_allclose(logits.grad.asnumpy(), 3 * once, atol=1e-6)


@every_block
def test_logits_that_others_read_too_get_the_sum_of_the_gradients(hybridize, kind, size):
    readers = 10  # MXNet adds in place from 8 on

    class Shared(HybridBlock):
        def __init__(self):
            super().__init__()
            self.blocks = [made(kind, size, False) for _ in range(readers)]
            for block in self.blocks:
                self.register_child(block)

        def hybrid_forward(self, F, logits):
            return F.add_n(*[block(logits) * (i + 1) for i, block in enumerate(self.blocks)])

    shared, logits = Shared(), draw(*size)
    shared.hybridize(hybridize, static_alloc=True, static_shape=True)
    expected = gradient(made(kind, size, False), logits) * sum(range(1, readers + 1))
    np.testing.assert_allclose(gradient(shared, logits), expected, atol=1e-4)


@every_block
def test_is_the_same_behind_a_convolution(hybridize, kind, size):
    """Whose output oneDNN lays out in its own way, in memory that static_alloc uses again."""
    depth, height, width = size
    net = nn.HybridSequential()
    net.add(nn.Conv2D(K * depth, 3, padding=1, in_channels=16), made(kind, size, False))
    net.initialize(mx.init.Normal(1))
    net.hybridize(hybridize, static_alloc=True, static_shape=True)
    for _ in range(3):
        images = mx.nd.random.normal(0, 1, (N, 16, height, width))
        logits = net[0](images).asnumpy()
        with mx.autograd.record():
            output = net(images)
        output.backward(mx.nd.arange(output.size).reshape(output.shape))
        np.testing.assert_allclose(output.asnumpy(), run(made(kind, size, False), logits)[0], atol=1e-6)
        slopes = gradient(made(kind, size, False), logits, head=np.arange(output.size).reshape(output.shape))
        np.testing.assert_allclose(net[0].bias.grad().asnumpy(), slopes.sum(axis=(0, 2, 3)), atol=1e-4)


@every_block
def test_two_devices_at_once_equal_one(hybridize, kind, size):
    block, batches = made(kind, size, hybridize), [draw(*size) for _ in range(2)]
    parts = [mx.nd.array(batch, ctx=mx.cpu(i)) for i, batch in enumerate(batches)]
    for part in parts:
        part.attach_grad()
    with mx.autograd.record():
        outputs = [block(part) for part in parts]
    mx.autograd.backward(outputs)
    for part, output, batch in zip(parts, outputs, batches):
        assert output.context == part.context
        np.testing.assert_allclose(output.asnumpy(), run(made(kind, size, False), batch)[0], atol=1e-7)
        np.testing.assert_allclose(part.grad.asnumpy(), gradient(made(kind, size, False), batch), atol=1e-7)


@every_block
def test_a_logit_that_is_no_number_shows(hybridize, kind, size):
    logits = draw(*size)
    logits[0, 0, 1, 2] = np.nan
    found = run(made(kind, size, hybridize), logits)[0]
    assert np.isnan(found[0, 0]).any() and np.isfinite(found[1:]).all() and np.isfinite(found[0, 1:]).all()


@both_depths
def test_minus_infinity_leaves_a_cell_out(hybridize, depth):
    logits = draw(depth)
    logits[:, :, :2] = -np.inf
    joints = run(made(Integral, (depth, H, W), hybridize), logits)[0]
    logits[:, :, :2] = -1e4
    np.testing.assert_allclose(joints, by_loop(logits, depth), atol=1e-6)


@pytest.mark.parametrize("place", [0.5, 0.0])
@pytest.mark.parametrize("depth", [1, 3])
def test_the_lines_of_the_docstring_are_equivalent(depth: int, place: float) -> None:
    assert Integral.__doc__
    lines = [line for line in Integral.__doc__.splitlines() if line.startswith("        ") and " = " in line][:5]
    size = dict(zip("NKDHW", (2, 3, depth, 5, 7)))
    logits = np.random.default_rng(0).normal(0, 3, (2, 3 * depth, 5, 7)).astype(np.float32)
    known = {**size, "place": place, "logits": logits, "softmax": special.softmax, "arange": np.arange,
             "stack": np.stack}
    exec(inspect.cleandoc("\n".join(lines)), known)
    found = Integral(3, 5, 7, depth, place=place)(mx.nd.array(logits)).asnumpy()
    np.testing.assert_allclose(found, known["joints"], atol=1e-6)
