"""A tiny backbone for CGD, and all of its configurations."""

from __future__ import annotations

import itertools

from torch import nn

CHANNELS = 5
CONFIGS = ["".join(letters) for count in (1, 2, 3) for letters in itertools.permutations("SMG", count)]


class Backbone(nn.Conv2d):
    """A backbone of one layer that says how many channels its maps have."""

    channels = CHANNELS

    def __init__(self) -> None:
        super().__init__(3, CHANNELS, 3, 2)
