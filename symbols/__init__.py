"""Gluon HybridBlocks: backbones, heads, the integral operator and losses.  They take plain numbers.

Letters: N images, K joints, C coordinates (2, or 3 with depth), D x H x W cells of a heat map.
"""
