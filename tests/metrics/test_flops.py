"""Multiply-adds and parameters: the paper's own, and a network small enough to count by hand."""
from __future__ import annotations

import pytest
from mxnet.gluon import nn

from experiments import table2, table3
from integral_pose.metrics import flops
from integral_pose.models import build

COLUMNS = [
    pytest.param(run, table.costs.flops[i], table.costs.parameters[i], own, id=f"{table.name}-{row.name}-{i}")
    for table, millions in ((table2.TABLE, (34.0, 32.95, 34.0, 32.95)), (table3.TABLE, (14.33, 32.95, 51.94)))
    for row in table.rows
    for i, (run, own) in enumerate(zip(row.runs, millions))
]


@pytest.mark.parametrize("run, giga, millions, own", COLUMNS)
def test_the_paper_printed_these(run, giga, millions, own):
    net = build.network(run)
    assert round(flops.multiply_adds(net, run.patch) / 1e9, 1) == giga
    assert round(flops.classifier_parameters(run.backbone) / 1e6) == millions
    assert round(flops.parameters(net) / 1e6, 2) == own


@pytest.mark.parametrize("backbone, millions", [("resnet18", 11.69), ("resnet50", 25.56), ("resnet101", 44.55)])
def test_classifiers_have_the_published_parameters(backbone, millions):
    assert round(flops.classifier_parameters(backbone) / 1e6, 2) == millions


def chain(*blocks):
    net = nn.HybridSequential()
    net.add(*blocks)
    return net


NETWORKS = {
    # Block, its multiply-adds and its parameters, for an image of 3 x 9 x 9.
    "stride and padding": (nn.Conv2D(5, 4, 2, 1, in_channels=3), 3 * 5 * 4 * 4 * 4 * 4, 3 * 5 * 4 * 4 + 5),
    "groups": (nn.Conv2D(6, 3, groups=3, in_channels=3), 6 * 3 * 3 * 7 * 7, 6 * 3 * 3 + 6),
    "deconvolution": (
        nn.Conv2DTranspose(7, 4, 2, 1, use_bias=False, in_channels=3), 3 * 7 * 4 * 4 * 9 * 9, 3 * 7 * 4 * 4,
    ),
    "fully connected": (nn.Dense(11, in_units=3 * 9 * 9), 11 * 243, 11 * 243 + 11),
    "batch normalisation": (nn.BatchNorm(in_channels=3), 3 * 9 * 9, 2 * 3),
    "not counted": (chain(nn.Activation("relu"), nn.MaxPool2D(3, 2), nn.GlobalAvgPool2D()), 0, 0),
    "all in a row": (
        chain(
            nn.Conv2D(5, 4, 2, 1, in_channels=3), nn.BatchNorm(in_channels=5), nn.Activation("relu"),
            nn.Conv2DTranspose(8, 2, 2, groups=1, in_channels=5), nn.GlobalAvgPool2D(), nn.Dense(13, in_units=8),
        ),
        240 * 16 + 5 * 16 + 5 * 8 * 4 * 16 + 8 * 13,
        240 + 5 + 2 * 5 + 5 * 8 * 4 + 8 + 8 * 13 + 13,
    ),
}


@pytest.mark.parametrize("net, count, learnt", NETWORKS.values(), ids=list(NETWORKS))
def test_counted_by_hand(net, count, learnt):
    assert (flops.multiply_adds(net, 9), flops.parameters(net)) == (count, learnt)
