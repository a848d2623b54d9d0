"""A disk that is full, a folder that is read-only, and permissions that are lost in the middle: said in one line."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from placeprint import Atlas
from placeprint.care.verifying import verify
from placeprint.errors import AtlasWriteError
from tests.conftest import make_scene, write_photo, write_scenes

PHOTOS = 9
CAUSES = {
    errno.ENOSPC: "the disk is full",
    errno.EROFS: "the folder is read-only",
    errno.EACCES: "the folder is read-only",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("failing")
    Atlas.create(folder / "atlas", "sift-vlad").add([write_scenes(folder / "photos", PHOTOS)])
    return folder / "atlas"


@pytest.fixture
def path(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "atlas"))


def changes(path: Path) -> dict[str, Callable[[], object]]:
    """Return what changes an atlas, by name."""
    atlas = Atlas.open(path)
    new = [write_photo(path.parent / "new" / f"{number}.png", make_scene(50 + number)) for number in range(3)]
    return {
        "add": lambda: atlas.add(new, learn=False),
        "remove": lambda: atlas.remove([record.path for record in list(atlas.snapshot().usable().values())[:3]]),
        "compact": lambda: atlas.compact(readers=False),
        "refit": atlas.refit,
    }


def fail_after(calls: int, number: int, usual: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that works so many times and then fails as the system does."""
    left = [calls]

    def call(*args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(number, "as the system says it")
        return usual(*args, **options)

    return call


@pytest.mark.parametrize(("number", "calls"), [(errno.ENOSPC, 0), (errno.EACCES, 1), (errno.EROFS, 0)])
@pytest.mark.parametrize("name", ["add", "remove", "compact", "refit"])
def test_a_failure_at_any_write_is_said_and_nothing_is_lost(
    path: Path, name: str, calls: int, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lance

    before = set(Atlas.open(path).snapshot().usable())
    change = changes(path)[name]
    with monkeypatch.context() as patch:
        patch.setattr(lance, "write_dataset", fail_after(calls, number, lance.write_dataset))
        for method in ("delete", "cleanup_old_versions"):
            usual = getattr(lance.LanceDataset, method)
            patch.setattr(lance.LanceDataset, method, fail_after(calls, number, usual))
        try:
            change()
        except AtlasWriteError as error:
            assert CAUSES[number] in str(error) and "\n" not in str(error)
    after = set(Atlas.open(path).snapshot().usable())
    assert verify(path).whole
    assert before <= after if name != "remove" else len(before - after) in {0, 3}
    change()
    assert verify(path).whole
    best = Atlas.open(path).search(make_scene(7)).best
    assert best is not None and Path(best.path).stem == "07"
