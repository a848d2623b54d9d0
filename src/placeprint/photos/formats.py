"""Decide which files are photos: by suffix in a folder, by their first bytes when they are read."""

from __future__ import annotations

SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".insp",
        ".png",
        ".apng",
        ".webp",
        ".tif",
        ".tiff",
        ".heic",
        ".heics",
        ".heif",
        ".heifs",
        ".hif",
        ".avif",
        ".bmp",
        ".gif",
        ".jp2",
        ".j2k",
        ".jpc",
        ".jpf",
        ".jpx",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
    ]
)
"""Suffixes of the files in a folder that are photos."""

RAW_SUFFIXES = frozenset(
    [
        ".3fr",
        ".arw",
        ".cr2",
        ".cr3",
        ".crw",
        ".dcr",
        ".dng",
        ".erf",
        ".iiq",
        ".kdc",
        ".mef",
        ".mos",
        ".mrw",
        ".nef",
        ".nrw",
        ".orf",
        ".pef",
        ".raf",
        ".raw",
        ".rw2",
        ".rwl",
        ".sr2",
        ".srf",
        ".srw",
        ".x3f",
    ]
)
VIDEO_SUFFIXES = frozenset(
    [
        ".3gp",
        ".avi",
        ".flv",
        ".insv",
        ".m2ts",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".ogv",
        ".webm",
        ".wmv",
    ]
)
PICTURE_SUFFIXES = frozenset(
    [
        ".ai",
        ".dds",
        ".eps",
        ".exr",
        ".hdr",
        ".ico",
        ".jxl",
        ".jxr",
        ".pcx",
        ".pdf",
        ".psb",
        ".psd",
        ".svg",
        ".svgz",
        ".tga",
        ".xcf",
    ]
)
LEFT_OUT = RAW_SUFFIXES | VIDEO_SUFFIXES | PICTURE_SUFFIXES
"""Suffixes of files that a person may take for photos. They are not read, but counted."""

READ_WHOLE = frozenset({"WEBP", "HEIF", "AVIF"})
"""Formats whose decoders load the whole file into memory."""

_STARTS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    *((b"P%d" % number, "PPM") for number in range(1, 7)),
)
HEAD = 64
"""Number of first bytes that identify the format."""


def format_of(head: bytes) -> str | None:
    """Return the name of a file's format from its first `HEAD` bytes, or None if the format is not supported.

    Example:
        >>> format_of(b"RIFF....WEBPVP8 "), format_of(b"%PDF-1.7")
        ('WEBP', None)
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        brands = {
            head[8:12],
            *(head[place : place + 4] for place in range(16, min(int.from_bytes(head[:4], "big"), HEAD), 4)),
        }
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        return "HEIF" if brands & {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"} else None
    return next((name for start, name in _STARTS if head.startswith(start)), None)
