"""An archive with one of everything that can be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.errors import OptionError
from placeprint.photos import rotate_image
from placeprint.places.doctor import examine
from placeprint.places.findings import KINDS, Finding
from placeprint.places.loners import rotation_of
from tests.conftest import make_scene, write_photo, write_scenes

HERE = (-33.85, 151.21)


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    folder = tmp_path_factory.mktemp("doctor")
    photos = write_scenes(folder / "photos", 5)
    for number in (1, 2):
        for time in range(2):
            write_photo(
                photos / f"{number:02d}-{time}.png", rephotograph(make_scene(number), corners=0.06, seed=time)[0]
            )
    write_photo(photos / "02-rotated.png", rotate_image(rephotograph(make_scene(2), corners=0.06, seed=9)[0], 90))
    write_photo(photos / "03-copy.jpg", make_scene(3), quality=60)
    (photos / "04-copy.png").write_bytes((photos / "04.png").read_bytes())
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    write_photo(photos / "gone.png", make_scene(30))
    atlas = Atlas.create(folder / "atlas", "fast")
    atlas.add([photos], learn=False)
    (photos / "gone.png").unlink()
    right = {str(path): HERE for path in photos.iterdir()}
    atlas.set_positions(right | {str(photos / "01-1.png"): (-33.95, 151.21)})
    return examine(atlas)


def named(findings: list[Finding], kind: str) -> set[str]:
    return {Path(each.photo).stem for each in findings if each.finding == kind}


def test_each_kind_of_fault_is_found_and_nothing_else(findings: list[Finding]) -> None:
    assert {kind: named(findings, kind) for kind in KINDS} == {
        "wrong-position": {"01-1"},
        "wrong-time": set(),
        "same-file": {"04", "04-copy"},
        "same-shot": {"03", "03-copy"},
        "rotated": {"02-rotated"},
        "unreadable": {"broken", "gone"},
        "alone": {"00"},
    }


def test_details_say_what_to_do(findings: list[Finding]) -> None:
    details = {Path(each.photo).stem: each.detail for each in findings}
    assert "11 km away, at -33.85" in details["01-1"]
    assert details["02-rotated"].startswith("rotate it by 270 degrees counter-clockwise")
    assert details["03-copy"].endswith(f"keep {Path(findings[0].photo).parent / '03.png'}")
    assert all(0.5 <= each.certainty <= 1 for each in findings)
    order = [KINDS.index(each.finding) for each in findings]
    assert order == sorted(order)


def test_a_preset_without_probabilities_finds_what_needs_no_matches(tmp_path: Path) -> None:
    photos = write_scenes(tmp_path / "photos", 2)
    (photos / "copy.png").write_bytes((photos / "00.png").read_bytes())
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add([photos])
    assert {each.finding for each in examine(atlas, kinds=["same-file"])} == {"same-file"}
    with pytest.raises(OptionError, match="probabilit"):
        examine(atlas, kinds=["alone"])


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 33])
def test_rotations_are_those_that_rotate_a_photo(degrees: int) -> None:
    from placeprint.photos import rotation_matrix

    here = np.random.default_rng(0).uniform(0, 300, (20, 2))
    matrix, _ = rotation_matrix((300, 200), degrees)
    there = here @ matrix[:, :2].T + matrix[:, 2]
    assert (rotation_of(np.stack([here, there], axis=1).astype(np.float32)) - degrees + 180) % 360 == pytest.approx(180)
