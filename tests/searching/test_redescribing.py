"""Describing again is a job: it goes on where it was, others may write meanwhile, and its parts are never mixed up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.describing.describer import Describer
from placeprint.errors import AtlasBusyError
from placeprint.searching import learning, redescribing
from placeprint.searching.redescribing import FOLDER
from placeprint.store import Store
from placeprint.types import Floats, PhotoFeatures
from tests.conftest import make_scene, write_photo, write_scenes

COUNT = 10


class Stop(Exception):  # noqa: N818  # it is a moment
    """Ends a job in the middle."""


@pytest.fixture
def atlas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Atlas:
    monkeypatch.setattr(redescribing, "BLOCK", 4)
    made = Atlas.create(tmp_path / "atlas", "sift-vlad")
    made.add([write_scenes(tmp_path / "photos", COUNT)], learn=False)
    return made


def interrupt(atlas: Atlas, after: int) -> None:
    def progress(done: int, _: int) -> None:
        if done >= after:
            raise Stop

    with pytest.raises(Stop):
        atlas.refit(progress)


def described(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with each photo that is described."""
    counted: list[int] = []
    usual = Describer.descriptor

    def descriptor(self: Describer, features: PhotoFeatures) -> Floats:
        counted.append(1)
        return usual(self, features)

    monkeypatch.setattr(Describer, "descriptor", descriptor)
    return counted


def check(atlas: Atlas, count: int = COUNT) -> None:
    """Check that all descriptors are those of the learned state."""
    now = Atlas.open(atlas.folder).snapshot()
    stored = {int(i): row for part in now.descriptors() for i, row in zip(*part, strict=True)}
    assert len(stored) == count
    for number, features in now.features(list(stored)):
        assert float(stored[number] @ now.describer.descriptor(features)) > 0.97


def test_an_interrupted_job_goes_on_where_it_was(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    before = atlas.snapshot().stored.state_name
    interrupt(atlas, 8)
    assert atlas.snapshot().stored.state_name == before
    counted = described(monkeypatch)
    monkeypatch.setattr(learning, "_learned_state", None)  # nothing is learned again
    atlas.refit()
    assert len(counted) == COUNT - 8 and atlas.snapshot().stored.state_name != before
    assert not list((atlas.folder / FOLDER).glob("*.npz"))
    check(atlas)


def test_photos_that_come_go_and_change_meanwhile_are_described(atlas: Atlas, tmp_path: Path) -> None:
    interrupt(atlas, COUNT)
    photos = sorted((tmp_path / "photos").iterdir())
    atlas.remove([photos[-1]])
    write_photo(photos[2], make_scene(77))
    atlas.add([photos[2], write_photo(tmp_path / "new.png", make_scene(99))], learn=False)
    atlas.refit()
    check(atlas, COUNT)
    for scene, path in ((77, photos[2]), (99, tmp_path / "new.png")):
        best = Atlas.open(atlas.folder).search(make_scene(scene)).best
        assert best is not None and best.path == str(path)


def test_others_may_write_while_descriptors_are_made(atlas: Atlas, tmp_path: Path) -> None:
    other = Atlas.open(atlas.folder)

    def progress(done: int, _: int) -> None:
        if done == 4:
            other.add([write_photo(tmp_path / "new.png", make_scene(99))], learn=False)
            with pytest.raises(AtlasBusyError, match="another process is describing"):
                other.refit()

    atlas.refit(progress)
    check(atlas, COUNT + 1)


def test_a_damaged_part_is_made_again(atlas: Atlas) -> None:
    interrupt(atlas, 8)
    parts = sorted((atlas.folder / FOLDER).glob("0*.npz"))
    parts[0].write_bytes(b"PK\x03\x04junk")
    np.savez(parts[1], ids=np.arange(3))
    atlas.refit()
    check(atlas)


def test_an_atlas_that_has_doubled_learns_anew(atlas: Atlas, tmp_path: Path) -> None:
    interrupt(atlas, 4)
    pending = sorted((atlas.folder / FOLDER).glob("*.npz"))
    assert pending
    more = [write_photo(tmp_path / "more" / f"{n}.png", make_scene(100 + n)) for n in range(COUNT)]
    report = Atlas.open(atlas.folder).add(more)
    assert report.added == COUNT and report.learned
    assert learning.learned_from(Atlas.open(atlas.folder).snapshot()) == 2 * COUNT
    check(atlas, 2 * COUNT)


def test_photos_are_stored_before_anything_is_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise Stop

    made = Atlas.create(tmp_path / "atlas", "sift-vlad")
    with monkeypatch.context() as patch:
        patch.setattr(learning, "_learned_state", stop)
        with pytest.raises(Stop):
            made.add([write_scenes(tmp_path / "photos", COUNT)])
    assert len(Atlas.open(tmp_path / "atlas")) == COUNT
    assert made.add([tmp_path / "photos"]).learned


def test_a_large_atlas_is_frozen_until_asked(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    atlas.refit()
    now = atlas.snapshot()
    monkeypatch.setattr(learning, "learned_from", lambda _: 4)
    assert learning.should_learn(now)
    monkeypatch.setattr(learning, "FROZEN", 4)
    assert not learning.should_learn(now)
    atlas.refit()


def test_describing_again_keeps_the_state(atlas: Atlas) -> None:
    atlas.refit()
    store = Store(atlas.folder)
    name = store.snapshot().state_name
    learning.describe_again(store, store.preset)
    assert store.snapshot().state_name == name
    check(atlas)
