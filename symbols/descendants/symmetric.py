"""The integral with AlphaPose's gradient (Fang et al., TPAMI 2022, "symmetric integral keypoints regression")."""
from __future__ import annotations

from typing import Any

from symbols.maps import OnLogits, Tensor, centres


class SymmetricIntegral(OnLogits):
    """As `symbols.integral.Integral` in 2D; its gradient for a cell does not grow with the cell's coordinate.

    With the L1 loss, the gradient of Eq. 4 for the probability at x is x sign(J - truth): the further from the map's
    first cell, the larger, whatever the joint. This one is the same on both sides of the predicted joint J:

        A sign(x - J) sign(J - truth),    A = 1 / 8 of the map

    Where J is too far right, the probabilities of all cells to its right fall and those of all to its left rise,
    equally fast. The softmax then has its part in it: for the logit of a cell with the probability p, Eq. 4 has
    p (x - J), which grows with the distance from the joint, and this p A (sign(x - J) - its mean). With Adam the factor
    A is immaterial; the paper has an eighth of the map, the authors' release 2 cells.

    Raises:
        ValueError, mx.MXNetError: the map's size is not the one the block was built for.
    """

    AMPLITUDE = 1 / 8

    def __init__(self, joints: int, height: int, width: int, fused: bool = True, place: float = 0.5) -> None:
        super().__init__(joints, height, width, 1, fused)
        self._place = place

    def hybrid_forward(self, F: Any, logits: Tensor) -> Tensor:
        if self._in_one_pass:
            of_columns, of_rows = self._marginals(F, logits)[:2]
        else:
            probabilities = self._probabilities(F, logits)
            of_columns, of_rows = F.sum(probabilities, axis=2), F.sum(probabilities, axis=3)
        return F.stack(self._expectation(F, of_columns, self._cells[2]),
                       self._expectation(F, of_rows, self._cells[1]), axis=2)

    def _expectation(self, F: Any, mass: Tensor, cells: int) -> Tensor:
        """The mean of mass (N, K, cells), with a gradient of A on one side of it and -A on the other: (N, K)."""
        places = F.reshape(centres(F, cells, self._place), (1, 1, -1))
        mean = F.BlockGrad(F.sum(F.broadcast_mul(mass, places), axis=2))
        middle = F.expand_dims(mean, axis=2)
        sides = F.broadcast_greater(places, middle) - F.broadcast_lesser(places, middle)  # F.sign has no form in ONNX
        slope = self.AMPLITUDE * F.sum(mass * sides, axis=2)
        return mean + (slope - F.BlockGrad(slope))
