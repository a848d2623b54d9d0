"""Photos in: find them, decode them upright, read where and when they were taken.

Decoding is Pillow's (HEIC by pillow-heif). Formats: JPEG, PNG, WebP, TIFF, HEIC / HEIF; grey, palette,
alpha and 16-bit pictures become 8-bit RGB. The EXIF orientation is applied, so every pixel coordinate in
placeprint counts in the photo as a person sees it.
"""

from __future__ import annotations

import datetime
import io
import math
import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import PhotoError
from placeprint.types import Image

if TYPE_CHECKING:
    from PIL.Image import Exif
    from PIL.Image import Image as PilImage

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif"})
MAX_PIXELS = 200_000_000
"""Photos with more pixels are refused before they are decoded: 200 megapixels take 600 MB."""
FILM_DIAGONAL = math.hypot(36, 24)
"""Millimeters."""
MIN_SIDE = 16
"""Shorter sides hold no place."""


@dataclass(frozen=True, eq=False)
class Photo:
    """One decoded photo.

    Args:
        image: ``(H, W, 3)`` uint8 RGB, upright.
        location: ``(latitude, longitude)`` in degrees (WGS 84), or None.
        taken: local time of the camera when the photo was taken, or None.
        focal: focal length in pixels of the image, by what EXIF says of a 35 mm film, or None.
    """

    image: Image
    location: tuple[float, float] | None
    taken: datetime.datetime | None
    focal: float | None = None


def read_photo(source: Path | str | bytes) -> Photo:
    """Read a photo from a path or from the bytes of a file.

    Raises:
        PhotoError: the file is missing, unreadable, truncated, not a picture, under 16 pixels
            on a side, or over 200 megapixels.
    """
    data = source if isinstance(source, bytes) else _read_bytes(Path(source))
    if not data:
        raise PhotoError("the file is empty")
    from PIL import ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of what is raised below in our own words
        opened = _open(data)
        exif = opened.getexif()
        location, taken = _location(exif), _taken(exif)
        try:
            upright = ImageOps.exif_transpose(opened)
            image = _to_rgb(upright)
        except PhotoError:
            raise
        except Exception as error:  # decoders of damaged files raise nearly anything
            raise PhotoError(f"the picture is damaged ({_one_line(error)})") from error
    return Photo(image, location, taken, _focal(exif, image))


def read_image(source: Path | str | bytes) -> Image:
    """Read only the picture: ``(H, W, 3)`` uint8 RGB, upright. Raises like `read_photo`."""
    return read_photo(source).image


def as_image(picture: Path | str | bytes | Image) -> Image:
    """Return an image from a path, the bytes of a file, or an array.

    Arrays may be ``(H, W)`` grey or ``(H, W, 3)``, uint8.

    Raises:
        PhotoError: as `read_photo`, or the array has another shape or dtype.
    """
    if not isinstance(picture, np.ndarray):
        return read_image(picture)
    image = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise PhotoError(f"an image must be an (H, W, 3) uint8 array in RGB, got {picture.shape} {picture.dtype}")
    _check_size(image.shape[1], image.shape[0])
    return image


def find_photos(places: Iterable[Path | str]) -> Iterator[Path]:
    """Yield the absolute paths of all photos in files and folders, in a fixed order, none twice.

    A folder gives the files below it with a photo's suffix, hidden ones left out, those of linked folders too; a file
    named outright is given whatever its suffix.

    Raises:
        PhotoError: a path does not exist.
    """
    seen: set[Path] = set()
    for place in map(Path, places):
        if not place.exists():
            raise PhotoError(f"there is no file or folder {str(place)!r}")
        for path in _walk(place) if place.is_dir() else [place]:
            absolute = normalized(path)
            if absolute not in seen:
                seen.add(absolute)
                yield absolute


def list_photos(places: Iterable[Path | str]) -> list[Path]:
    """Return what `find_photos` yields.

    Raises:
        PhotoError: a path does not exist, or there is no photo in any.
    """
    places = list(places)
    paths = list(find_photos(places))
    if not paths:
        raise PhotoError(f"there are no photos in {', '.join(repr(str(place)) for place in places)}")
    return paths


def normalized(path: Path | str) -> Path:
    """Return a path as the atlas stores it: absolute, without ``..``, symbolic links kept."""
    return Path(os.path.abspath(path))  # noqa: PTH100  # Path.absolute keeps "..", Path.resolve follows links


def _walk(folder: Path, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[Path]:
    """Yield the photos in a folder, then those in its folders, linked ones too, but none inside itself."""
    try:
        told = folder.stat()
        with os.scandir(folder) as entries:
            kinds = {each.name: _is_folder(each) for each in entries if not each.name.startswith(".")}
    except OSError:
        return  # as of a folder that may not be read
    here = told.st_dev, told.st_ino
    if here in above:
        return
    names = sorted(kinds)
    yield from (folder / name for name in names if not kinds[name] and Path(name).suffix.lower() in SUFFIXES)
    for name in names:
        if kinds[name]:
            yield from _walk(folder / name, above | {here})


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # as of a link to itself
        return False


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PhotoError(f"cannot read {str(path)!r}: {error.strerror or error}") from error


def _open(data: bytes) -> PilImage:
    """Read the header only, so that a picture too large is refused before it takes memory."""
    import PIL.Image
    import pillow_heif

    pillow_heif.register_heif_opener()
    try:
        opened = PIL.Image.open(io.BytesIO(data))
    except PIL.Image.DecompressionBombError as error:
        raise PhotoError(f"the picture has more than {MAX_PIXELS // 1_000_000} megapixels") from error
    except Exception as error:
        raise PhotoError("not a picture, or of a format that is not supported") from error
    _check_size(*opened.size)
    return opened


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PhotoError(f"the picture has {width} x {height} pixels, more than {MAX_PIXELS // 1_000_000} megapixels")
    if min(width, height) < MIN_SIDE:
        raise PhotoError(f"the picture has {width} x {height} pixels, each side must have at least {MIN_SIDE}")


def _to_rgb(picture: PilImage) -> Image:
    if picture.mode in {"I", "I;16", "I;16B", "I;16L", "F"}:
        values = np.asarray(picture, np.float64)
        top = 255.0 if values.max(initial=0) <= 255 else 65535.0
        grey = np.clip(values * (255.0 / top), 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    return np.array(picture.convert("RGB"), np.uint8)


def _location(exif: Exif) -> tuple[float, float] | None:
    from PIL.ExifTags import GPS, IFD

    gps = exif.get_ifd(IFD.GPSInfo)
    latitude = _degrees(gps.get(GPS.GPSLatitude), gps.get(GPS.GPSLatitudeRef), 90)
    longitude = _degrees(gps.get(GPS.GPSLongitude), gps.get(GPS.GPSLongitudeRef), 180)
    if latitude is None or longitude is None:
        return None
    return latitude, longitude


def _degrees(parts: Any, reference: Any, limit: float) -> float | None:
    """Return signed degrees from (degrees, minutes, seconds), None for anything odd."""
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
        sign = -1.0 if str(reference).strip().upper() in {"S", "W"} else 1.0
        value = sign * (degrees + minutes / 60 + seconds / 3600)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return value if math.isfinite(value) and abs(value) <= limit else None


def _taken(exif: Exif) -> datetime.datetime | None:
    from PIL.ExifTags import IFD, Base

    text = exif.get_ifd(IFD.Exif).get(Base.DateTimeOriginal) or exif.get(Base.DateTime)
    try:
        return datetime.datetime.strptime(str(text).strip("\x00 "), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None


def _focal(exif: Exif, image: Image) -> float | None:
    """Return the focal length in pixels: 35 mm film has a diagonal of `FILM_DIAGONAL`."""
    from PIL.ExifTags import IFD, Base

    try:
        millimeters = float(exif.get_ifd(IFD.Exif).get(Base.FocalLengthIn35mmFilm))  # type: ignore[arg-type]  # None raises
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if not (math.isfinite(millimeters) and millimeters > 0):
        return None
    return millimeters / FILM_DIAGONAL * math.hypot(image.shape[0], image.shape[1])


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def resize(image: Image, size: tuple[int, int]) -> Image:
    """Scale to ``(width, height)``: averaging pixels when it shrinks, bicubic when it grows."""
    import cv2

    if size == (image.shape[1], image.shape[0]):
        return image
    shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC), np.uint8)


def crop_image(image: Image, box: tuple[float, float, float, float]) -> Image:
    """Cut out the part between left, top, right and bottom, rounded to pixels and kept within the image.

    Raises:
        PhotoError: less than 16 pixels of a side are left.

    Example:
        >>> crop_image(np.zeros((100, 200, 3), np.uint8), (10.4, 20, 500, 60)).shape
        (40, 190, 3)
    """
    height, width = image.shape[:2]
    left, right = (min(max(round(edge), 0), width) for edge in (box[0], box[2]))
    top, bottom = (min(max(round(edge), 0), height) for edge in (box[1], box[3]))
    if min(right - left, bottom - top) < MIN_SIDE:
        raise PhotoError(f"the box {box} leaves less than {MIN_SIDE} pixels of a picture of {width} x {height}")
    return np.ascontiguousarray(image[top:bottom, left:right])


def turn_image(image: Image, degrees: float) -> Image:
    """Turn an image counter-clockwise; the canvas grows to hold all of it, black where nothing was.

    Quarter turns move pixels and change none.
    """
    quarters, rest = divmod(degrees % 360, 90)
    if rest == 0:
        return np.ascontiguousarray(np.rot90(image, int(quarters)))
    import cv2

    matrix, size = turn_matrix((image.shape[1], image.shape[0]), degrees)
    return np.asarray(cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)


def turn_matrix(size: tuple[int, int], degrees: float) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Return the ``(2, 3)`` matrix from points of an image to points of the turned one, and its size.

    Example:
        >>> matrix, size = turn_matrix((640, 480), 90)
        >>> size, (matrix @ [639, 0, 1]).round(6).tolist()
        ((480, 640), [0.0, 0.0])
    """
    width, height = size
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    new_width = round(abs(width * cosine) + abs(height * sine))
    new_height = round(abs(width * sine) + abs(height * cosine))
    turn = np.array([[cosine, sine], [-sine, cosine]])
    center = np.array([(width - 1) / 2, (height - 1) / 2])
    new_center = np.array([(new_width - 1) / 2, (new_height - 1) / 2])
    return np.column_stack([turn, new_center - turn @ center]), (new_width, new_height)


def trim_border(image: Image, darkest: int = 2) -> tuple[Image, tuple[int, int]]:
    """Cut off rows and columns at the border that are black throughout.

    Args:
        image: ``(H, W, 3)`` uint8.
        darkest: grey levels up to this are black.

    Returns:
        The rest, and the ``(x, y)`` of its first pixel in the image. An image that is all black stays whole.
    """
    lit = image.max(axis=2) > darkest
    rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    if not len(rows):
        return image, (0, 0)
    left, top = int(columns[0]), int(rows[0])
    return np.ascontiguousarray(image[top : rows[-1] + 1, left : columns[-1] + 1]), (left, top)
