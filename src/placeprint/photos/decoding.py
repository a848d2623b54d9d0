"""Decode a photo file to upright 8-bit RGB. Only this module reads files through Pillow, pillow-heif and OpenCV.

Whatever a decoder raises becomes a PhotoError here. Decoders are chosen by the first bytes of a file, not by
`PIL.Image.open`: that tries every format Pillow knows, even some that run other programs, and its pixel limit and
warnings belong to the whole process. This module changes nothing in the process: no warning filter, no limit, no
registry.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from placeprint.core.one_line import one_line
from placeprint.errors import PhotoError
from placeprint.photos.exif import Metadata, read_metadata
from placeprint.photos.formats import HEAD, READ_WHOLE, format_of
from placeprint.photos.opening import MAX_HEADER_BYTES, MAX_WHOLE_BYTES, MeteredFile
from placeprint.photos.repairs import bare_png, end_jpeg, hide_exif
from placeprint.photos.samples import to_rgb
from placeprint.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage
    from PIL.ImageFile import ImageFile

MAX_PIXELS = 200_000_000
"""Most pixels of a photo; larger photos are refused before decoding. 200 megapixels take 600 MB."""
MIN_SIDE = 16
"""Shortest allowed side in pixels; smaller pictures cannot show a place."""
BYTES_PER_PIXEL = 16
"""Bytes of the largest pixel: four floats."""
_GREY_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N", "F"})
_ALPHA_MODES = frozenset({"RGBA", "LA", "PA", "La", "RGBa"})
Result = TypeVar("Result")


def check_header(file: IO[bytes]) -> None:
    """Read only the header, so that a file that is not a photo is refused before it is read.

    Args:
        file: a seekable file object in binary mode; read from its start.

    Raises:
        PhotoError: the file is empty, is not a picture, or has a size that is refused.
    """

    def look() -> None:
        kind = _kind(file)
        if kind in READ_WHOLE:
            MeteredFile(file, MAX_WHOLE_BYTES).check_rest()
        elif kind == "TIFF":
            with contextlib.suppress(SyntaxError):  # OpenCV may know it
                _open(file, kind)
        elif kind != "PNG":  # its chunks may need a repair before the picture opens
            _open(file, kind)

    _guarded(look)


def read_header(file: IO[bytes]) -> Metadata:
    """Return what the camera wrote, without decoding the pixels.

    Args:
        file: a seekable file object in binary mode; read from its start.

    Raises:
        PhotoError: the file is empty, is not a picture, or has a size that is refused.
    """
    return _guarded(lambda: read_metadata(_open(file, _kind(file)).getexif))


def decode(file: IO[bytes], enough: int = 0) -> tuple[Image, Metadata]:
    """Return ``(H, W, 3)`` uint8 RGB, upright, and what the camera wrote.

    Args:
        file: a seekable file object in binary mode; read from its start.
        enough: pixels of the longest side that are enough: a JPEG may come as a half, a fourth or an eighth of its size
            that still has them, which takes less time. 0 for full size.

    Raises:
        PhotoError: the file is empty, is not a picture, is damaged, or has a size that is refused.
    """
    return _upright(*_guarded(lambda: _decode(file, enough)))


def decode_opened(picture: PilImage) -> tuple[Image, Metadata]:
    """Return the same for a Pillow image in its current state.

    Raises:
        PhotoError: the image is damaged, or has a size that is refused.
    """

    def read() -> tuple[Image, Metadata]:
        check_size(*picture.size)
        picture.load()
        return _pixels(picture), read_metadata(picture.getexif)

    return _upright(*_guarded(read))


def check_size(width: int, height: int) -> None:
    """Refuse a picture with too many pixels or too short a side.

    Raises:
        PhotoError: the picture breaks a limit, which the message names.
    """
    if width * height > MAX_PIXELS:
        raise PhotoError(f"the picture has {width} x {height} pixels, more than {MAX_PIXELS // 1_000_000} megapixels")
    if min(width, height) < MIN_SIDE:
        raise PhotoError(f"the picture has {width} x {height} pixels, each side must have at least {MIN_SIDE}")


def _guarded(read: Callable[[], Result]) -> Result:
    """Call a function that reads a file, and turn whatever it raises into a PhotoError."""
    try:
        return read()
    except PhotoError:
        raise
    except MemoryError as error:
        raise PhotoError("there is not enough memory to read the picture") from error
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise PhotoError(f"the picture is damaged ({_in_ascii(error)})") from error


def _kind(file: IO[bytes]) -> str:
    file.seek(0)
    head = file.read(HEAD)
    if not head:
        raise PhotoError("the file is empty")
    kind = format_of(head)
    if kind is None:
        raise PhotoError("not a picture, or in an unsupported format")
    return kind


def _open(file: IO[bytes], kind: str) -> ImageFile:
    """Read the header, and set how much of the file may be read for the pixels."""
    from placeprint.photos.openers import OPENERS

    file.seek(0)
    metered = MeteredFile(file, MAX_WHOLE_BYTES if kind in READ_WHOLE else MAX_HEADER_BYTES)
    picture = OPENERS[kind](metered)
    if kind == "TIFF" and _is_small_copy(picture):
        raise PhotoError("the file begins with a small preview, as raw camera files do; convert it to JPEG")
    metered.allow(_budget(*picture.size))
    return picture


def _is_small_copy(picture: Any) -> bool:
    """Return whether a TIFF calls its first picture a copy of lower resolution (bit 0 of NewSubfileType)."""
    kind = picture.tag_v2.get(254)
    return isinstance(kind, int) and bool(kind & 1)


def _decode(file: IO[bytes], enough: int) -> tuple[Image, Metadata]:
    kind = _kind(file)
    try:
        picture = _open(file, kind)
        if enough and kind == "JPEG":
            return _load_smaller(picture, file, enough)
        return _load(picture, file)
    except MemoryError:
        raise
    except Exception as error:
        return _repaired(file, kind, error)


def _repaired(file: IO[bytes], kind: str, error: Exception) -> tuple[Image, Metadata]:
    """Repair and decode a file that cannot be decoded unchanged; raise the error if no repair is known."""

    def load(repaired: IO[bytes]) -> tuple[Image, Metadata]:
        return _load(_open(repaired, kind), repaired)

    if kind == "PNG":
        return load(bare_png(file, _budget))
    if isinstance(error, PhotoError):
        raise error
    if kind in {"AVIF", "HEIF"}:
        return load(hide_exif(_content(file, MAX_WHOLE_BYTES), error))
    if kind == "TIFF" and isinstance(error, SyntaxError):
        return _other_tiff(file, error)
    if kind == "JPEG":
        return end_jpeg(_content(file, _budget(*_open(file, kind).size)), load, error)
    raise error


def _content(file: IO[bytes], max_bytes: int) -> bytes:
    file.seek(0)
    return MeteredFile(file, max_bytes).read()


def _budget(width: int, height: int) -> int:
    """Return how many bytes may be read for a picture of this size; raise a PhotoError if the size is refused."""
    check_size(width, height)
    return MAX_HEADER_BYTES + BYTES_PER_PIXEL * width * height


def _load(picture: ImageFile, file: IO[bytes]) -> tuple[Image, Metadata]:
    deep = picture.mode not in _GREY_MODES and any(";16" in str(tile.args) for tile in picture.tile)
    early = read_metadata(picture.getexif) if picture.format == "TIFF" else None  # decoding may close the file
    picture.load()
    metadata = early or read_metadata(picture.getexif)
    pixels = _deep_pixels(picture, file) if deep else None
    if pixels is None:
        return _pixels(picture), metadata
    return pixels, replace(metadata, orientation=1) if picture.format == "TIFF" else metadata


def _load_smaller(picture: ImageFile, file: IO[bytes], enough: int) -> tuple[Image, Metadata]:
    """Load a JPEG as a copy that the decoder makes of fewer coefficients of each block (Pillow's draft mode)."""
    whole, share = picture.size, enough / max(picture.size)
    picture.draft(None, (math.ceil(whole[0] * share), math.ceil(whole[1] * share)))
    pixels, metadata = _load(picture, file)
    return pixels, metadata if whole == (pixels.shape[1], pixels.shape[0]) else replace(metadata, whole=whole)


def _pixels(picture: PilImage) -> Image:
    if picture.mode in _GREY_MODES:
        return to_rgb(np.asarray(picture))
    if picture.mode in _ALPHA_MODES or "transparency" in picture.info:
        return to_rgb(np.asarray(picture.convert("RGBA")))
    return np.array(picture.convert("RGB"), np.uint8)


def _deep_pixels(picture: PilImage, file: IO[bytes]) -> Image | None:
    """Return a 16-bit color picture through OpenCV (Pillow keeps only the upper 8 bits), or None if it cannot."""
    try:
        pixels = _by_opencv(file, *picture.size)
    except PhotoError:  # the file is too long to read whole, such as one with many pages
        return None
    return to_rgb(pixels) if pixels is not None and pixels.dtype == np.uint16 and pixels.ndim == 3 else None


def _other_tiff(file: IO[bytes], error: Exception) -> tuple[Image, Metadata]:
    """Decode a TIFF that Pillow cannot read, such as one with float colors, through OpenCV."""
    from PIL.ExifTags import Base
    from PIL.Image import Exif
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    file.seek(0)
    head = file.read(8)
    tags = ImageFileDirectory_v2(head)
    metered = MeteredFile(file)
    metered.seek(tags.next)
    tags.load(metered)  # type: ignore[arg-type]  # it has what is used of a file
    width, height = tags.get(Base.ImageWidth), tags.get(Base.ImageLength)
    pixels = _by_opencv(file, width, height) if isinstance(width, int) and isinstance(height, int) else None
    if pixels is None:
        raise error

    def exif() -> Exif:
        found = Exif()
        file.seek(0)
        found.load_from_fp(MeteredFile(file))  # type: ignore[arg-type]  # as above
        return found

    return to_rgb(pixels), replace(read_metadata(exif), orientation=1)


def _by_opencv(file: IO[bytes], width: int, height: int) -> NDArray[Any] | None:
    """Return pixels of any type, red first, or None if OpenCV cannot read them at this size.

    OpenCV always returns TIFFs upright; it does not rotate other formats.
    """
    import cv2

    data = np.frombuffer(_content(file, _budget(width, height)), np.uint8)
    try:
        pixels: NDArray[Any] | None = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if pixels is None or sorted(pixels.shape[:2]) != sorted((height, width)):
        return None
    return pixels[..., [2, 1, 0, 3][: pixels.shape[2]]] if pixels.ndim == 3 else pixels


def _upright(image: Image, metadata: Metadata) -> tuple[Image, Metadata]:
    """Apply EXIF's orientation."""
    number = metadata.orientation
    if number in {5, 6, 7, 8}:
        image = image.transpose(1, 0, 2)
        if metadata.whole is not None:
            metadata = replace(metadata, whole=metadata.whole[::-1])
    if number in {2, 3, 6, 7}:
        image = image[:, ::-1]
    if number in {3, 4, 7, 8}:
        image = image[::-1]
    return np.ascontiguousarray(image), metadata


def _in_ascii(error: Exception) -> str:
    return one_line(error).encode("ascii", "backslashreplace").decode()
