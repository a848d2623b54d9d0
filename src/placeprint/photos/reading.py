"""Read a photo from a path, bytes, a file object, a Pillow image or an array."""

from __future__ import annotations

import datetime
import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import PhotoError
from placeprint.photos.decoding import check_size, decode, decode_opened, read_header
from placeprint.photos.exif import Metadata
from placeprint.photos.opening import MAX_WHOLE_BYTES, open_file
from placeprint.photos.samples import check_shape, to_rgb
from placeprint.types import Image

ACCEPTED = (
    "the path of a file, its content as bytes, a file object in binary mode, an image of Pillow, or an array "
    "(H, W), (H, W, 3) or (H, W, 4) in RGB order"
)


class BinaryFile(Protocol):
    """A readable object, such as a file or `io.BytesIO`."""

    def read(self, size: int = ..., /) -> bytes:
        """Return up to this many bytes."""


class PillowImage(Protocol):
    """A Pillow image, described by its methods, so that Pillow need not be imported."""

    def getexif(self) -> Any:
        """Return its EXIF."""


Picture: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryFile | PillowImage | NDArray[Any]
"""The accepted forms of a photo; see `read_photo`."""


@dataclass(frozen=True, eq=False)
class Photo:
    """One decoded photo.

    Args:
        image: ``(H, W, 3)`` uint8 RGB, upright.
        location: ``(latitude, longitude)`` in degrees (WGS 84), or None.
        taken: the camera's local time when the photo was taken, without a time zone, to the microsecond if the camera
            wrote it; or None.
        focal: focal length in pixels of the image, from EXIF's 35 mm equivalent, or None.
        utc_offset: local time minus UTC, or None if the camera did not write it.
        whole: ``(width, height)`` of the photo where the image is a smaller copy of it, or None.
    """

    image: Image
    location: tuple[float, float] | None
    taken: datetime.datetime | None
    focal: float | None = None
    utc_offset: datetime.timedelta | None = None
    whole: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the photo in pixels."""
        return self.whole or (self.image.shape[1], self.image.shape[0])


def read_photo(source: Picture, enough: int = 0) -> Photo:
    """Read a photo.

    Args:
        source: the path of a file; its content as bytes, bytearray or memoryview; a file object in binary mode, read
            from its start; a Pillow image; or an array in RGB order: ``(H, W)``, ``(H, W, 1)``, ``(H, W, 3)`` or ``(H,
            W, 4)``, of bools, integers from 0 to 65535, or floats from 0 to 1 or 0 to 65535 (see `samples`). Files and
            Pillow images are rotated upright by their EXIF.
        enough: pixels of the longest side that are enough: the image of a larger JPEG may be a smaller copy that has
            them. 0 for the whole photo.

    Raises:
        PhotoError: the source is something else, missing, unreadable, truncated, not a picture, under 16 pixels on a
            side, or over 200 megapixels.
    """
    if isinstance(source, np.ndarray):
        image = np.ascontiguousarray(_from_array(source))
        return Photo(image, None, None)
    image, metadata = _decoded(source, enough)
    height, width = image.shape[:2]
    focal = metadata.focal(width, height)
    return Photo(image, metadata.location, metadata.taken, focal, metadata.utc_offset, metadata.whole)


def read_image(source: Picture) -> Image:
    """Read only the picture: ``(H, W, 3)`` uint8 RGB, upright. Takes and raises what `read_photo` does."""
    return read_photo(source).image


def as_image(picture: Picture) -> Image:
    """Return a picture as ``(H, W, 3)`` uint8 RGB, upright. Takes and raises what `read_photo` does."""
    return read_photo(picture).image


def read_camera_data(path: str | os.PathLike[str]) -> Metadata:
    """Read only what the camera wrote into a file: position, times, orientation; the pixels are not decoded.

    Raises:
        PhotoError: the file is missing, unreadable, or not a picture.
    """
    try:
        with open_file(os.fsdecode(path)) as file:
            return read_header(file)
    except PhotoError as error:
        raise PhotoError(f"cannot read {os.fsdecode(path)!r}: {error}") from error


def _from_array(pixels: NDArray[Any]) -> Image:
    if isinstance(pixels, np.ma.MaskedArray):
        pixels = pixels.filled(0)
    check_shape(pixels)
    check_size(pixels.shape[1], pixels.shape[0])
    return to_rgb(pixels)


def _decoded(source: Any, enough: int) -> tuple[Image, Metadata]:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return decode(io.BytesIO(_content(source)), enough)
    if isinstance(source, (str, os.PathLike)):
        return _from_path(os.fsdecode(source), enough)
    # whoever has an image has loaded Pillow; while another thread loads it, the module exists without its names
    pillow_image: Any = getattr(sys.modules.get("PIL.Image"), "Image", ())
    if isinstance(source, pillow_image):
        return decode_opened(source)
    if callable(getattr(source, "read", None)):
        return decode(_seekable(source), enough)
    raise PhotoError(f"a photo must be {ACCEPTED}; got {type(source).__name__}")


def _from_path(path: str, enough: int) -> tuple[Image, Metadata]:
    if not path:
        raise PhotoError("the path of a photo is empty")
    try:
        file = open_file(path)
    except PhotoError as error:
        raise PhotoError(f"cannot read {path!r}: {error}") from error
    with file:
        return decode(file, enough)


def _content(source: bytes | bytearray | memoryview) -> bytes:
    try:
        return bytes(source)
    except ValueError as error:  # such as a released memoryview
        raise PhotoError(f"cannot read the bytes of a photo: {error}") from error


def _seekable(file: Any) -> IO[bytes]:
    """Return a file object that can seek to its start; copy its content if needed."""
    if isinstance(file, io.TextIOBase):
        raise PhotoError("the file object of a photo is open as text; open it in binary mode, 'rb'")
    if _works(lambda: file.seek(0)):
        return file  # type: ignore[no-any-return]  # whatever has read and seek
    try:
        content = file.read(MAX_WHOLE_BYTES + 1)
    except Exception as error:  # a stranger's file object
        raise PhotoError(f"cannot read from {type(file).__name__}: {error}") from error
    if not isinstance(content, bytes):
        raise PhotoError(f"a file object of a photo must be in binary mode, its read() gave {type(content).__name__}")
    if len(content) > MAX_WHOLE_BYTES:
        raise PhotoError(f"the file has more than {MAX_WHOLE_BYTES >> 20} MB and cannot be read in parts")
    return io.BytesIO(content)


def _works(call: Callable[[], Any]) -> bool:
    try:
        call()
    except Exception:  # a stranger's file object
        return False
    return True
