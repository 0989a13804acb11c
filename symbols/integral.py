"""From heat maps to joints by expectation (Sec. 2): differentiable, and without parameters.

The equations stand here in the order of the paper. How they are computed fast, and how sizes are checked, is in
`symbols.maps`. Shapes: N people, K joints, maps of D x H x W cells, D = 1 in 2D. Coordinates are fractions of the map:
cell i of n has its centre at (i + 0.5) / n.
"""
from __future__ import annotations

from typing import Any

from mxnet.gluon import HybridBlock

from symbols.maps import OnLogits, Tensor, centres


class Integral(OnLogits):
    """Eq. 4: logits (N, K * D, H, W) -> joints (N, K, C), ordered x, y, z; C = 2 where D = 1, and 3 else.

    Equivalent to these lines, in NumPy's words:

        p = softmax(logits.reshape(N, K, D * H * W), axis=2).reshape(N, K, D, H, W)  # Eq. 3
        x = p.sum(axis=(2, 3)) @ ((arange(W) + place) / W)
        y = p.sum(axis=(2, 4)) @ ((arange(H) + place) / H)
        z = p.sum(axis=(3, 4)) @ ((arange(D) + place) / D)
        joints = stack([x, y, z][:2 if D == 1 else 3], axis=2)

    Args:
        joints: K.
        height, width, depth: H, W and D of the maps, cells.
        fused: whether the compiled operator may be taken, where it is there and the logits are on the CPU.
        place: of a cell's coordinate within the cell; 0.5 is its centre. With 0 cell i of n is at i / n.

    Raises:
        ValueError, mx.MXNetError: the map's size is not the one the block was built for.
    """

    def __init__(
        self, joints: int, height: int, width: int, depth: int = 1, fused: bool = True, place: float = 0.5
    ) -> None:
        super().__init__(joints, height, width, depth, fused)
        self._place = place

    def hybrid_forward(self, F: Any, logits: Tensor) -> Tensor:
        if not self._in_one_pass:
            return self._expectations(F, logits, self._place)
        depth, height, width = self._cells
        of_columns, of_rows, of_planes = self._marginals(F, logits)
        x = F.dot(of_columns, centres(F, width, self._place))
        y = F.dot(of_rows, centres(F, height, self._place))
        if depth == 1:
            return F.stack(x, y, axis=2)
        return F.stack(x, y, F.dot(of_planes, centres(F, depth, self._place)), axis=2)


class HeatVectors(OnLogits):
    """Eq. 5: logits (N, K * D, H, W), D = H = W -> heat vectors (N, K, 3, cells) along x, y and z.

    Raises:
        ValueError: the three sides differ, so that the vectors would not stack; or as `Integral`.
        mx.MXNetError: as `Integral`.
    """

    def __init__(self, joints: int, height: int, width: int, depth: int, fused: bool = True) -> None:
        if not height == width == depth:
            raise ValueError(f"heat vectors of {width}, {height} and {depth} cells along x, y and z do not stack")
        super().__init__(joints, height, width, depth, fused)

    def hybrid_forward(self, F: Any, logits: Tensor) -> Tensor:
        along = self._marginals(F, logits) if self._in_one_pass else self._projections(F, logits)
        return F.stack(*along, axis=2)


class Expectation(HybridBlock):
    """Eq. 6: heat vectors (N, K, C, cells) -> joints (N, K, C)."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self._cells = cells

    def hybrid_forward(self, F: Any, vectors: Tensor) -> Tensor:
        return F.dot(vectors, centres(F, self._cells))
