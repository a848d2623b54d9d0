"""Encode unit vectors and local features in few bytes.

A unit row is divided by its largest magnitude, or by `CLIP` times the root mean square of its non-zero values if that
is less, and rounded to ``b``-bit signed steps, -m ... m with ``m = 2 ** (b - 1) - 1``. Since the row has unit length,
decoding needs no scale: the steps are normalized again.

A global descriptor is then compressed by Zstandard: the cells of a large codebook without features are runs of zeros,
and small steps are more frequent than large ones. Atlases of format 1 have zlib instead: as many bytes, but 5 times the
time to write and 3 times the time to read.

The rows of local descriptors are compressed by Zstandard too: steps of 4 bits shrink by a fifth. Where that is not
shorter they are stored as they are, so the number of bytes says which of the two it is.

Keypoints are 16-bit fractions of the photo's size: 0.01 px in a 640 px photo, 0.06 px in one of 4000 px. Scores are
stored relative to the highest of the photo, in 255 steps of their square root; the order of the features carries the
rest.
"""

from __future__ import annotations

import contextlib
import math
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.arrays import LARGEST_HALF
from placeprint.core.numerics import normalize
from placeprint.errors import AtlasFormatError, OptionError, ShapeError
from placeprint.types import Floats, LocalFeatures

Bytes = NDArray[np.uint8]
Columns = dict[str, bytes | None]

LOCAL_COLUMNS = ("keypoints", "descriptors", "scores", "scales", "angles")
"""The columns for the features of one extractor."""

LEVEL = 7
"""How hard Zstandard tries: from here on reading takes a quarter less time than at 3; no level saves bytes."""
ZSTANDARD = b"\x28\xb5\x2f\xfd"
"""How its data begin."""

CLIP = {4: 3.5, 6: 5.0, 8: 12.0}
"""Largest encoded value by number of bits, in root mean squares: few steps are better spent on frequent values."""


def row_bytes(dim: int, bits: int) -> int:
    """Return the bytes of one encoded row of ``dim`` values.

    Raises:
        OptionError: ``bits`` is not 4, 6 or 8, or the row does not fill whole bytes.
    """
    if bits not in CLIP or dim % {4: 2, 6: 4, 8: 1}[bits]:
        raise OptionError(f"rows of {dim} values cannot be stored with {bits} bits; use 8")
    return dim * bits // 8


def encode_rows(rows: Floats, bits: int) -> Bytes:
    """Encode ``(n, d)`` unit rows as ``(n, row_bytes(d, bits))`` uint8.

    Zero rows come back as zero rows.

    Raises:
        OptionError: see `row_bytes`.
    """
    row_bytes(rows.shape[1], bits)
    top = _top(bits)
    magnitude = np.abs(rows)
    count = np.maximum(np.count_nonzero(rows, axis=1, keepdims=True), 1)
    usual = np.sqrt((magnitude * magnitude).sum(axis=1, keepdims=True) / count)
    largest = np.minimum(magnitude.max(axis=1, keepdims=True, initial=0), CLIP[bits] * usual)
    steps = np.clip(np.rint(rows * (top / np.where(largest > 0, largest, 1))), -top, top)
    codes = (steps + top).astype(np.uint8)
    return _pack(codes, bits)


def decode_rows(codes: Bytes, dim: int, bits: int) -> Floats:
    """Return the ``(n, dim)`` float32 unit rows of `encode_rows`.

    Raises:
        ShapeError: the codes do not have the length of rows of ``dim`` values.
    """
    if codes.ndim != 2 or codes.shape[1] != row_bytes(dim, bits):
        raise ShapeError(f"codes must have shape (n, {row_bytes(dim, bits)}), got {codes.shape}")
    return normalize(_steps(codes, bits))


@contextlib.contextmanager
def stored_bytes(what: str) -> Iterator[None]:
    """Turn a failure to decode stored bytes into the error that the atlas is damaged.

    Raises:
        AtlasFormatError: the bytes are not what was written.
    """
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, OSError, zlib.error) as error:
        raise AtlasFormatError(
            f"{what} are damaged ({' '.join(str(error).split())[:120]}); restore it, or make the atlas again"
        ) from error


def pack_descriptor(descriptor: Floats, bits: int) -> bytes:
    """Encode one global descriptor, ``(d,)``, as bytes."""
    return bytes(_codec().compress(encode_rows(descriptor[None], bits).tobytes(), asbytes=True))


def codes_of(packed: bytes, dim: int, bits: int) -> Bytes:
    """Return the encoded row of a ``(dim,)`` descriptor of `pack_descriptor`, not compressed.

    Raises:
        ShapeError: it has another length.
        ValueError, OSError, zlib.error: the bytes are damaged.
    """
    size = row_bytes(dim, bits)
    new = packed[: len(ZSTANDARD)] == ZSTANDARD
    codes = np.frombuffer(_codec().decompress(packed, size) if new else zlib.decompress(packed), np.uint8)
    if len(codes) != size:
        raise ShapeError(f"a descriptor has {len(codes)} bytes, not that of {dim} values")
    return codes


def compressed(data: bytes) -> bytes:
    """Return bytes compressed by Zstandard, or as they are where that is not shorter."""
    packed = bytes(_codec().compress(data, asbytes=True))
    return packed if len(packed) < len(data) else data


def decompressed(data: bytes, size: int) -> bytes:
    """Return the ``size`` bytes that `compressed` was given.

    Raises:
        OSError: the bytes are damaged.
    """
    return data if len(data) == size else bytes(_codec().decompress(data, size, asbytes=True))


def _codec() -> Any:
    import pyarrow as pa

    return pa.Codec("zstd", compression_level=LEVEL)


def unit_rows(codes: Sequence[Bytes], bits: int) -> Floats:
    """Return the ``(n, d)`` unit rows of n encoded rows."""
    found = np.zeros((len(codes), len(codes[0]) * 8 // bits if codes else 0), np.float32)
    for row, each in zip(found, codes, strict=True):  # one by one: a row fits the cache of the processor
        (steps,) = _steps(each[None], bits)
        np.divide(steps, math.sqrt(steps @ steps) or 1.0, out=row)
    return found


def cosine(codes: Bytes, bits: int, descriptor: Floats) -> float:
    """Return the cosine of one encoded row and a ``(d,)`` unit row; the decoded row is not kept."""
    (steps,) = _steps(codes[None], bits)
    return float(steps @ descriptor) / (math.sqrt(steps @ steps) or 1.0)


def encode_features(features: LocalFeatures, bits: int) -> Columns:
    """Encode local features as the binary columns of the ``local`` table."""
    size = np.array(features.image_size, np.float64)
    keypoints = np.clip(np.rint((features.keypoints + 0.5) / size * 65535), 0, 65535).astype("<u2")
    return {
        "keypoints": keypoints.tobytes(),
        "descriptors": compressed(encode_rows(np.asarray(features.descriptors, np.float32), bits).tobytes()),
        "scores": _encode_scores(features.scores),
        "scales": None
        if features.scales is None
        else np.minimum(features.scales, LARGEST_HALF).astype("<f2").tobytes(),
        "angles": None
        if features.angles is None or not features.angles.any()
        else (features.angles % 360).astype("<f2").tobytes(),
    }


def decode_features(columns: Columns, image_size: tuple[int, int], dim: int, bits: int) -> LocalFeatures:
    """Return the local features of `encode_features`; their scores are in [0, 1]."""
    fractions = np.frombuffer(columns["keypoints"] or b"", "<u2").reshape(-1, 2).astype(np.float64)
    shape = len(fractions), row_bytes(dim, bits)
    codes = np.frombuffer(decompressed(columns["descriptors"] or b"", math.prod(shape)), np.uint8).reshape(shape)

    def numbers(name: str) -> Floats | None:
        data = columns[name]
        return None if data is None else np.frombuffer(data, "<f2").astype(np.float32)

    return LocalFeatures(
        (fractions / 65535 * np.array(image_size) - 0.5).astype(np.float32),
        decode_rows(codes, dim, bits),
        _decode_scores(columns["scores"] or b""),
        image_size,
        numbers("scales"),
        numbers("angles"),
    )


def numbered(columns: Columns, number: int) -> Columns:
    """Return the columns under the table's names for the extractor of this number."""
    return {column_name(name, number): value for name, value in columns.items()}


def numbered_back(columns: Columns, number: int) -> Columns:
    """Return the columns of one extractor number, under their plain names (the inverse of `numbered`)."""
    return {name: columns[column_name(name, number)] for name in LOCAL_COLUMNS}


def column_name(name: str, number: int) -> str:
    """Return the name of a column in the table; those of the first extractor have the plain names.

    Example:
        >>> column_name("scores", 0), column_name("scores", 2)
        ('scores', 'scores_2')
    """
    return f"{name}_{number}" if number else name


def _encode_scores(scores: Floats) -> bytes:
    relative = np.maximum(scores, 0) / max(float(scores.max(initial=0)), 1e-12)
    return bytes(np.rint(255 * np.sqrt(relative)).astype(np.uint8))


def _decode_scores(data: bytes) -> Floats:
    return np.asarray((np.frombuffer(data, np.uint8) / 255) ** 2, np.float32)


def _top(bits: int) -> int:
    return int(2 ** (bits - 1) - 1)


def _pack(codes: Bytes, bits: int) -> Bytes:
    if bits == 8:
        return codes
    if bits == 4:
        return np.asarray(codes[:, 0::2] | codes[:, 1::2] << 4, np.uint8)
    a, b, c, d = (codes[:, i::4] for i in range(4))
    packed = np.stack([a | b << 6, b >> 2 | c << 4, c >> 4 | d << 2], axis=2)
    return packed.reshape(len(codes), 3 * a.shape[1])


def _steps(packed: Bytes, bits: int) -> Floats:
    """Return the signed steps of packed rows, as float32."""
    if bits == 4:  # a byte becomes the two bytes of one number, so that no strided array is written
        wide = packed.astype("<u2")
        steps = ((wide | wide << 4) & 0x0F0F).view(np.int8)
        steps -= np.int8(_top(bits))
        return np.asarray(steps, np.float32)
    return _unpack(packed, bits).astype(np.float32) - np.float32(_top(bits))


def _unpack(packed: Bytes, bits: int) -> Bytes:
    if bits == 8:
        return packed
    x, y, z = (packed[:, i::3] for i in range(3))
    codes = np.stack([x & 63, (x >> 6 | y << 2) & 63, (y >> 4 | z << 4) & 63, z >> 2], axis=2)
    return codes.reshape(len(packed), 4 * x.shape[1])
