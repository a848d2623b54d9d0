from __future__ import annotations

import datetime
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from placeprint.errors import PhotoError
from placeprint.photos import find_photos, read_image, read_photo, rotate_image, rotation_matrix
from tests.conftest import make_scene, write_photo


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg", ".heic"])
def test_every_format_is_read_as_rgb(tmp_path: Path, suffix: str) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    scene = make_scene(0, 64, 48)
    image = read_image(write_photo(tmp_path / f"a{suffix}", scene, quality=95))
    assert image.shape == (48, 64, 3) and image.dtype == np.uint8
    assert np.abs(image.astype(int) - scene.astype(int)).mean() < 12


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "LA", "CMYK", "1"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    buffer = io.BytesIO()
    PIL.Image.fromarray(make_scene(0, 37, 53)).convert(mode).save(buffer, "TIFF")
    assert read_image(buffer.getvalue()).shape == (53, 37, 3)


def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path) -> None:
    gray = (np.arange(40 * 40, dtype=np.uint16).reshape(40, 40) * 40).astype(np.uint16)
    PIL.Image.fromarray(gray).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    np.testing.assert_allclose(image[..., 0], gray / 257, atol=1)


def test_the_exif_turn_is_applied(tmp_path: Path) -> None:
    scene = make_scene(1, 64, 48)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it turned clockwise
    image = read_image(write_photo(tmp_path / "a.png", scene, exif=exif))
    np.testing.assert_array_equal(image, np.rot90(scene, -1))


def test_place_and_time_come_from_exif(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif.get_ifd(0x8825).update({1: "S", 2: (33.0, 30.0, 36.0), 3: "E", 4: (151.0, 0.0, 0.0)})
    exif.get_ifd(0x8769)[0x9003] = "2021:05:04 03:02:01"
    photo = read_photo(write_photo(tmp_path / "a.jpg", make_scene(0, 64, 48), exif=exif))
    assert photo.location == pytest.approx((-33.51, 151.0))
    assert photo.taken == datetime.datetime(2021, 5, 4, 3, 2, 1)


def test_real_photos_have_the_places_their_cameras_wrote(data: Path) -> None:
    for folder, latitude, longitude in (("lund", 55.7, 13.2), ("berlin", 52.5, 13.3)):
        for path in find_photos([data / "gps" / folder]):
            photo = read_photo(path)
            assert photo.location == pytest.approx((latitude, longitude), abs=0.3), path


def test_odd_exif_is_no_location(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (133.0, 30.0, 36.0), 3: "E", 4: (151.0, 0.0, 0.0)})
    exif[0x0132] = "not a time"
    photo = read_photo(write_photo(tmp_path / "a.jpg", make_scene(0, 64, 48), exif=exif))
    assert photo.location is None and photo.taken is None


def _bomb() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def _truncated() -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(make_scene(0)).save(buffer, "JPEG")
    return buffer.getvalue()[:2000]


def _tiny() -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (1, 1)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"this is text", "not a picture"),
        (_bomb(), "megapixels"),
        (_truncated(), "damaged"),
        (_tiny(), "1 x 1"),
    ],
)
def test_bad_files_are_refused_with_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(PhotoError, match=reason):
        read_image(content)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(PhotoError, match=r"nowhere\.jpg"):
        read_image("nowhere.jpg")


def test_a_folder_is_walked_in_order_without_hidden_and_other_files(tmp_path: Path) -> None:
    for name in ("b.JPG", "a/z.png", "a/.hidden.png", ".git/c.png", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_photos([tmp_path, tmp_path / "b.JPG"])]
    assert found == ["b.JPG", "a/z.png"]


def test_linked_folders_are_walked_but_no_folder_inside_itself(tmp_path: Path) -> None:
    photos, shared = tmp_path / "photos", tmp_path / "elsewhere"
    for path in (photos / "a.png", shared / "oak" / "b.png"):
        path.parent.mkdir(parents=True)
        path.touch()
    (photos / "trees").symlink_to(shared)
    (shared / "oak" / "back").symlink_to(photos)
    (photos / "itself").symlink_to(photos / "itself")
    found = [path.relative_to(photos).as_posix() for path in find_photos([photos])]
    assert found == ["a.png", "trees/oak/b.png"]


def test_a_missing_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no such file or folder"):
        list(find_photos([tmp_path / "nope"]))


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 30, -45])
def test_a_turn_moves_pixels_where_its_matrix_says(degrees: float) -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    image[10:13, 20:23] = 255  # a dot around (21, 11)
    turned = rotate_image(image, degrees)
    matrix, size = rotation_matrix((80, 60), degrees)
    assert turned.shape[:2] == (size[1], size[0])
    rows, columns = np.nonzero(turned[..., 0] > 100)
    np.testing.assert_allclose(matrix @ [21, 11, 1], [columns.mean(), rows.mean()], atol=0.3)
