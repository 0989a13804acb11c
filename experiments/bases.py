"""The runs that several tables share, each derived from the one it differs from in one thing."""
from __future__ import annotations

from dataclasses import replace

from integral_pose.run import Run

# Sec. 5, Training; ResNet-50 with setting (b) of Table 2: 256 px, two deconvolutions, 32 x 32 cells.
I_STAR = Run(output="integral", loss="joint-l1")
R1 = replace(I_STAR, output="direct")
H1 = replace(I_STAR, output="heat map", loss="gaussian-mse")
H2 = replace(H1, loss="softmax-ce")
H3 = replace(H1, loss="disc-bce")


def integral_of(heat_map: Run) -> Run:
    """I1 of H1, and so on: trained on heat maps first, "and then, only integral loss is used"."""
    return replace(heat_map, output="integral", loss="joint-l1", start=heat_map)


I1, I2, I3 = integral_of(H1), integral_of(H2), integral_of(H3)
