"""A PMTiles file of one tile, the whole world (https://github.com/protomaps/PMTiles, version 3)."""

from __future__ import annotations

import json
import struct
from pathlib import Path

PNG, VECTORS = 2, 1
PLAIN = 1
"""Neither the directory nor the tile is compressed."""


def write_pmtiles(path: Path, tile: bytes, kind: int = PNG, credit: str = "Nobody") -> Path:
    """Write a file whose only tile, of zoom 0, has some content."""
    metadata = json.dumps({"attribution": credit}).encode()
    directory = b"\x01\x00\x01" + _varint(len(tile)) + b"\x01"  # one entry: tile 0, run 1, its length, offset 0
    start = 127
    ends = [start + len(directory), start + len(directory) + len(metadata)]
    header = b"PMTiles\x03" + struct.pack(
        "<11Q", start, len(directory), ends[0], len(metadata), ends[1], 0, ends[1], len(tile), 1, 1, 1
    )
    header += struct.pack("<6B", 1, PLAIN, PLAIN, kind, 0, 0)
    header += struct.pack("<4iB2i", -1_800_000_000, -850_000_000, 1_800_000_000, 850_000_000, 0, 0, 0)
    path.write_bytes(header + directory + metadata + tile)
    return path


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
