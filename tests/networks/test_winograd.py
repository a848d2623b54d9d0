"""Convolutions with fewer products: equal to the plain ones, and used only where they may be."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import pytest
import torch
from torch import nn

from placeprint.networks import winograd
from placeprint.networks.graphs import exported
from placeprint.networks.winograd import Conv3x3


@pytest.fixture
def quicker() -> Iterator[mock.Mock]:
    """Count the convolutions that NNPACK computes."""
    if not winograd._is_there():
        pytest.skip("NNPACK does not run on this processor")
    real = torch._nnpack_spatial_convolution
    with mock.patch.object(torch, "_nnpack_spatial_convolution", side_effect=real) as called:
        yield called


def _pair(before: int = 64, after: int = 96) -> tuple[Conv3x3, nn.Conv2d]:
    torch.manual_seed(0)
    made, plain = Conv3x3(before, after), nn.Conv2d(before, after, 3, padding=1)
    plain.load_state_dict(made.state_dict())
    return made, plain


@pytest.mark.parametrize("size", [(40, 40), (33, 47), (21, 61)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_values_are_those_of_a_plain_convolution(
    quicker: mock.Mock, size: tuple[int, int], layout: torch.memory_format
) -> None:
    made, plain = _pair()
    x = torch.randn(1, 64, *size).contiguous(memory_format=layout)
    with torch.inference_mode():
        found, expected = made(x), plain(x)
    assert quicker.call_count == 1 and found.shape == expected.shape
    assert float((found - expected).abs().max() / expected.abs().max()) < 1e-4


@pytest.mark.parametrize(
    ("shape", "channels"), [((1, 64, 20, 20), 96), ((2, 64, 40, 40), 96), ((1, 3, 40, 40), 64)], ids=str
)
def test_small_maps_few_channels_and_batches_take_the_plain_way(
    quicker: mock.Mock, shape: tuple[int, ...], channels: int
) -> None:
    made, plain = _pair(shape[1], channels)
    with torch.inference_mode():
        assert torch.equal(made(torch.ones(shape)), plain(torch.ones(shape)))
    assert not quicker.called


def test_training_sixteen_bits_and_export_take_the_plain_way(quicker: mock.Mock) -> None:
    made, _ = _pair()
    x = torch.randn(1, 64, 40, 40)
    made(x).sum().backward()
    assert made.weight.grad is not None
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert made(x).dtype == torch.bfloat16
    with torch.no_grad():
        assert b"Conv" in exported(made, x, any_size=True)
    assert not quicker.called
