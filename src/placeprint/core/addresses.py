"""Addresses of object stores where a path is expected: ``s3://bucket/folder``, ``gs://...``."""

from __future__ import annotations

import os
import re
from pathlib import Path, PosixPath

PROTOCOLS = ("s3", "gs", "gcs", "az", "abfs", "memory", "file")
"""What an address may begin with. The web is not among them: it has no listings, and no times of files."""
_ADDRESS = re.compile(rf"({'|'.join(PROTOCOLS)}):/+(?=[^/])")


class UrlPath(PosixPath):
    """An address where a path is expected; its text is the address.

    Example:
        >>> photo = UrlPath("s3://walks/lund/1.jpg")
        >>> str(photo), photo.name, str(photo.parent)
        ('s3://walks/lund/1.jpg', '1.jpg', 's3://walks/lund')
    """

    def __str__(self) -> str:
        return url_of(super().__str__()) or super().__str__()


def as_path(text: str) -> Path:
    """Return the path or the address in a text."""
    return Path(text) if url_of(text) is None else UrlPath(text)


def url_of(path: str | os.PathLike[str]) -> str | None:
    """Return the address that a path is, or None for a path of this machine; a `Path` may have taken a slash away.

    Example:
        >>> url_of("s3:/walks/1.jpg"), url_of("file:/photos/1.jpg"), url_of("/photos/1.jpg")
        ('s3://walks/1.jpg', 'file:///photos/1.jpg', None)
    """
    text = os.fsdecode(path)
    found = _ADDRESS.match(text)
    if found is None:
        return None
    return f"{found[1]}://{'/' if found[1] == 'file' else ''}{text[found.end() :]}"
