from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeprint.errors import AtlasFormatError, OptionError, ShapeError
from placeprint.store.encoding import (
    ZSTANDARD,
    codes_of,
    decode_features,
    decode_rows,
    encode_features,
    encode_rows,
    pack_descriptor,
    row_bytes,
    stored_bytes,
)
from placeprint.types import Floats, LocalFeatures
from tests.conftest import random_features

WORST = {8: 0.9999, 6: 0.998, 4: 0.96}


@given(seed=st.integers(0, 1000), bits=st.sampled_from([4, 6, 8]), dim=st.sampled_from([4, 64, 128]))
def test_rows_come_back_nearly_unchanged_and_of_unit_length(seed: int, bits: int, dim: int) -> None:
    rows = random_features(20, dim, seed).descriptors.astype(np.float32)
    codes = encode_rows(rows, bits)
    assert codes.shape == (20, dim * bits // 8) and codes.dtype == np.uint8
    back = decode_rows(codes, dim, bits)
    np.testing.assert_allclose(np.linalg.norm(back, axis=1), 1, atol=1e-5)
    assert (back * rows).sum(axis=1).min() > WORST[bits]


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_all_steps_survive_packing(bits: int) -> None:
    top = 2 ** (bits - 1) - 1
    steps = np.array([[top, -top, 0, 1]], np.float32)
    back = decode_rows(encode_rows(steps / np.linalg.norm(steps), bits), 4, bits)
    np.testing.assert_allclose(back * np.linalg.norm(steps), steps, atol=1e-4)


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_zero_rows_stay_zero(bits: int) -> None:
    assert not decode_rows(encode_rows(np.zeros((2, 8), np.float32), bits), 8, bits).any()


def test_encoding_twice_changes_nothing_more() -> None:
    rows = random_features(50, 64).descriptors.astype(np.float32)
    once = encode_rows(rows, 6)
    np.testing.assert_array_equal(encode_rows(decode_rows(once, 64, 6), 6), once)


def test_odd_bits_and_lengths_are_refused() -> None:
    with pytest.raises(OptionError, match="use 8"):
        row_bytes(64, 5)
    with pytest.raises(OptionError, match="use 8"):
        row_bytes(66, 6)
    with pytest.raises(ShapeError, match=r"\(n, 48\)"):
        decode_rows(np.zeros((2, 64), np.uint8), 64, 6)


@pytest.mark.parametrize("count", [0, 1, 300])
def test_features_come_back(count: int) -> None:
    features = random_features(count, 64)
    back = decode_features(encode_features(features, 8), (320, 240), 64, 8)
    np.testing.assert_allclose(back.keypoints, features.keypoints, atol=0.01)
    np.testing.assert_allclose(back.scores, features.scores / max(features.scores.max(initial=0), 1e-9), atol=5e-3)
    assert back.scales is not None and features.scales is not None
    np.testing.assert_allclose(back.scales, features.scales, rtol=1e-3)
    assert back.image_size == (320, 240)


def test_scales_beyond_float16_stay_finite() -> None:
    photo = random_features(2, 8)
    big = LocalFeatures(
        photo.keypoints,
        photo.descriptors,
        photo.scores,
        (90_000, 90_000),
        np.array([70_000.0, 5.0]),
        np.array([359.99, 1.0]),
    )
    back = decode_features(encode_features(big, 8), (90_000, 90_000), 8, 8)
    assert back.scales is not None and back.scales.tolist() == [65504.0, 5.0]


def test_descriptors_of_older_atlases_are_read_too() -> None:
    codes = encode_rows(unit_row(64)[None], 4)
    old = zlib.compress(codes.tobytes(), 6)
    new = pack_descriptor(unit_row(64), 4)
    assert new[:4] == ZSTANDARD and old[:4] != ZSTANDARD
    for packed in (old, new):
        np.testing.assert_array_equal(codes_of(packed, 64, 4), codes[0])


@pytest.mark.parametrize("count", [0, 1, 300])
def test_local_descriptors_are_compressed_and_plain_ones_are_read_too(count: int) -> None:
    features = random_features(count, 64)
    columns = encode_features(features, 4)
    plain = encode_rows(features.descriptors, 4).tobytes()
    assert len(columns["descriptors"] or b"") <= (0.96 if count == 300 else 1) * len(plain)
    new, old = (decode_features(each, (320, 240), 64, 4) for each in (columns, columns | {"descriptors": plain}))
    np.testing.assert_array_equal(new.descriptors, old.descriptors)


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: data[:20], lambda _: b"", lambda _: b"no rows"])
def test_damaged_local_descriptors_give_one_kind_of_error(spoil: Callable[[bytes], bytes]) -> None:
    columns = encode_features(random_features(300, 64), 4)
    columns["descriptors"] = spoil(columns["descriptors"] or b"")
    with pytest.raises(AtlasFormatError, match="rows are damaged"), stored_bytes("rows"):
        decode_features(columns, (320, 240), 64, 4)


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-1], lambda data: data[:20], lambda _: b"", lambda _: b"no codes"]
)
def test_damaged_descriptors_give_one_kind_of_error(spoil: Callable[[bytes], bytes]) -> None:
    packed = pack_descriptor(unit_row(640), 4)
    with pytest.raises(AtlasFormatError, match="rows are damaged"), stored_bytes("rows"):
        codes_of(spoil(packed), 640, 4)
    with pytest.raises(ShapeError, match="320 bytes"):
        codes_of(zlib.compress(bytes(320)), 64, 4)


def unit_row(dim: int) -> Floats:
    """Return a row of unit length."""
    row = np.random.default_rng(3).standard_normal(dim).astype(np.float32)
    return np.asarray(row / np.linalg.norm(row), np.float32)
