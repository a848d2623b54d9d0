"""What is on disk after the first photos."""

from pathlib import Path

from placeprint import Atlas
from tests.conftest import make_scene, write_scenes


def test_descriptors_of_the_first_codebook_are_not_kept(tmp_path: Path) -> None:
    write_scenes(tmp_path / "photos", 10)
    made = Atlas.create(tmp_path / "atlas", "fast")
    report = made.add([tmp_path / "photos"])
    assert report.learned
    table = tmp_path / "atlas" / "images.lance"
    assert len(list((table / "data").iterdir())) == 1
    assert len(list((table / "_versions").glob("*.manifest"))) == 1
    assert made.search(make_scene(3)).evidence[0].path.endswith("03.png")


def test_later_changes_keep_older_versions_for_readers(tmp_path: Path) -> None:
    write_scenes(tmp_path / "photos", 3)
    made = Atlas.create(tmp_path / "atlas", "fast")
    made.add([tmp_path / "photos"])
    before = made.snapshot()
    write_scenes(tmp_path / "more", 12)
    assert made.add([tmp_path / "more"]).learned
    assert sum(len(ids) for ids, _ in before.descriptors()) == 3
