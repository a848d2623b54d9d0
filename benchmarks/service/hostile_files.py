"""Files that nobody should send: truncated, changed, bombs, other kinds of files; the same for the same seed."""

from __future__ import annotations

import functools
import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import PIL.Image

Random = np.random.Generator
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "JPEG2000")
SIDE = 96
"""Longest side in pixels of the pictures that are broken; small ones are broken more often per second."""


@dataclass(frozen=True)
class HostileFile:
    """One file.

    Args:
        kind: how it was made.
        name: what a client calls it.
        content: its bytes.
    """

    kind: str
    name: str
    content: bytes


def hostile_files(count: int, seed: int = 0) -> Iterator[HostileFile]:
    """Yield some files; every kind comes about as often."""
    rng = np.random.default_rng(seed)
    good = {name: _picture(rng, name) for name in FORMATS}
    names = list(KINDS)
    for number in range(count):
        kind = names[number % len(names)]
        base = good[FORMATS[int(rng.integers(len(FORMATS)))]]
        yield HostileFile(kind, NAMES[int(rng.integers(len(NAMES)))], KINDS[kind](rng, base))


NAMES = (
    "photo.jpg",
    "../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/shadow",
    "a\x00b.png",
    "x" * 5000 + ".jpg",
    "\u202egpj.exe",
    "<script>alert(1)</script>.png",
    "CON",
    ".",
    "",
)
"""Names of files; a client may send any."""


def _picture(rng: Random, kind: str) -> bytes:
    pixels = rng.integers(0, 256, (SIDE * 3 // 4 // 8, SIDE // 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def _truncated(rng: Random, base: bytes) -> bytes:
    return base[: int(rng.integers(0, len(base)))]


def _flipped(rng: Random, base: bytes) -> bytes:
    data = np.frombuffer(base, np.uint8).copy()
    at = rng.integers(0, len(data), int(rng.integers(1, 40)))
    data[at] ^= rng.integers(1, 256, len(at), dtype=np.uint8)
    return data.tobytes()


def _header_flipped(rng: Random, base: bytes) -> bytes:
    return _flipped(rng, base[:64]) + base[64:]


def _spliced(rng: Random, base: bytes) -> bytes:
    a, b = sorted(int(each) for each in rng.integers(0, len(base), 2))
    return base[:b] + base[a:]


def _long_tail(rng: Random, base: bytes) -> bytes:
    return base + rng.bytes(int(rng.integers(1, 5000)))


def _noise(rng: Random, _: bytes) -> bytes:
    return rng.bytes(int(rng.integers(0, 4000)))


def _after_magic(rng: Random, base: bytes) -> bytes:
    return base[:12] + rng.bytes(int(rng.integers(0, 2000)))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png_bomb(rng: Random, _: bytes) -> bytes:
    """Return a PNG that says it is huge; its few kilobytes would become gigabytes."""
    side = int(rng.choice([20_000, 60_000, 2**31 - 1]))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = _zeros(200_000)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _text_bomb(_: Random, base: bytes) -> bytes:
    """Return a PNG with a compressed text of 60 MB before its pixels."""
    file = io.BytesIO()
    PIL.Image.new("RGB", (32, 32)).save(file, "PNG")
    small = file.getvalue()
    return small[:33] + _chunk(b"zTXt", b"Comment\0\0" + _zeros(60_000_000)) + small[33:]


@functools.cache
def _zeros(count: int) -> bytes:
    return zlib.compress(bytes(count), 9)


def _gif_bomb(_: Random, base: bytes) -> bytes:
    return (
        b"GIF89a"
        + struct.pack("<HH", 65_535, 65_535)
        + b"\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;"
    )


def _tiff_loop(rng: Random, _: bytes) -> bytes:
    """Return a TIFF whose directory says that the next one is itself."""
    entries = struct.pack("<HHII", 256, 4, 1, 64) + struct.pack("<HHII", 257, 4, 1, 64)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + struct.pack("<I", 8) + rng.bytes(64)


def _exif(rng: Random, base: bytes) -> bytes:
    """Return a JPEG with damaged EXIF."""
    file = io.BytesIO()
    PIL.Image.new("RGB", (48, 40), (90, 120, 60)).save(file, "JPEG")
    found = file.getvalue()
    exif = b"Exif\0\0" + (b"II*\0" if rng.integers(2) else b"MM\0*") + rng.bytes(int(rng.integers(0, 300)))
    return found[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + found[2:]


def _other_file(rng: Random, base: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("../../evil.jpg", base)
    others = (
        b"",
        b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        b"#!/bin/sh\nrm -rf /\n",
        b"\x7fELF" + bytes(200),
        b"file:///etc/passwd",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n",
        gzip.compress(bytes(1_000_000)),
        archive.getvalue(),
    )
    return others[int(rng.integers(len(others)))]


def _whole(_: Random, base: bytes) -> bytes:
    return base


KINDS: dict[str, Callable[[Random, bytes], bytes]] = {
    "whole": _whole,
    "truncated": _truncated,
    "flipped": _flipped,
    "flipped header": _header_flipped,
    "spliced": _spliced,
    "long tail": _long_tail,
    "noise": _noise,
    "noise after the magic": _after_magic,
    "bomb of pixels": _png_bomb,
    "bomb of text": _text_bomb,
    "bomb of a GIF": _gif_bomb,
    "loop of a TIFF": _tiff_loop,
    "damaged EXIF": _exif,
    "another file": _other_file,
}
"""How files are made, by name."""
