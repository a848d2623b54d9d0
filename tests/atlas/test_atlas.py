"""The main job: add, search, change, remove, interrupt; on made pictures with the preset that needs no network."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.errors import (
    AtlasExistsError,
    AtlasMismatchError,
    AtlasMissingError,
    OptionError,
    PhotoError,
)
from placeprint.photos import rotate_image
from placeprint.presets import load_preset, write_preset
from placeprint.searching.learning import ADAPT_PHOTOS
from tests.conftest import HEAR_INTERRUPTS, PRESET, make_scene, write_photo, write_scenes

PLACES = 12


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("photos"), PLACES)


@pytest.fixture(scope="module")
def built(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("built") / "atlas"
    Atlas.create(path, "sift-vlad").add([photos])
    return path


@pytest.fixture
def atlas(built: Path, tmp_path: Path) -> Atlas:
    return Atlas.open(shutil.copytree(built, tmp_path / "atlas"))


def _names(atlas: Atlas) -> list[str]:
    return sorted(Path(record.path).name for record in atlas._store.snapshot().usable().values())


@pytest.mark.parametrize("number", [0, 5, 11])
def test_a_place_seen_again_is_found_and_proved(atlas: Atlas, number: int) -> None:
    seen, homography = rephotograph(make_scene(number), corners=0.08, exposure=0.7, blur=0.7, seed=number)
    answer = atlas.search(seen, top=3)
    assert answer.best is not None and Path(answer.best.path).name == f"{number:02d}.png"
    assert len(answer.evidence) == 3 and answer.rotation == 0
    check = answer.best.verification
    assert check is not None
    points = check.points[check.inliers]
    back = np.column_stack([points[:, 0], np.ones(len(points))]) @ np.linalg.inv(homography).T
    errors = np.linalg.norm(back[:, :2] / back[:, 2:] - points[:, 1], axis=1)
    assert np.median(errors) < 2


def test_another_place_is_not_confirmed(atlas: Atlas) -> None:
    answer = atlas.search(make_scene(77), rotations=False)
    assert answer.best is None
    assert {evidence.verdict for evidence in answer.evidence} <= {"not confirmed", "possible"}


@pytest.mark.parametrize("degrees", [90, 180, 270, 30])
def test_a_turned_photo_is_found_and_its_points_are_those_of_the_photo_as_given(atlas: Atlas, degrees: float) -> None:
    answer = atlas.search(rotate_image(make_scene(4), degrees))
    assert answer.best is not None and Path(answer.best.path).name == "04.png"
    assert (answer.rotation + degrees + 180) % 360 == pytest.approx(180, abs=20) or answer.rotation == 0
    from placeprint.photos import rotation_matrix

    matrix, _ = rotation_matrix((320, 240), degrees)
    check = answer.best.verification
    assert check is not None
    points = check.points[check.inliers]
    expected = points[:, 1] @ matrix[:, :2].T + matrix[:, 2]
    assert np.median(np.linalg.norm(expected - points[:, 0], axis=1)) < 3


def test_search_without_verification_ranks_by_similarity(atlas: Atlas) -> None:
    answer = atlas.search(make_scene(3), verify=0, top=99)
    assert len(answer.evidence) == PLACES and answer.best is None
    similarities = [evidence.similarity for evidence in answer.evidence]
    assert similarities == sorted(similarities, reverse=True)
    assert Path(answer.evidence[0].path).name == "03.png"
    assert {evidence.verdict for evidence in answer.evidence} == {"not verified"}


def test_a_blank_query_finds_nothing(atlas: Atlas) -> None:
    assert atlas.search(np.full((100, 100, 3), 9, np.uint8)).best is None


def test_an_empty_atlas_gives_no_candidates(tmp_path: Path) -> None:
    atlas = Atlas.create(tmp_path / "a", "sift-vlad")
    assert len(atlas) == 0 and atlas.info().codebook == "none yet"
    assert atlas.search(make_scene(0)).evidence == ()


def test_a_bad_query_is_refused(atlas: Atlas) -> None:
    with pytest.raises(PhotoError, match="nowhere"):
        atlas.search("nowhere.jpg")


def test_adding_again_reads_nothing(atlas: Atlas, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import placeprint.describing.bulk

    monkeypatch.setattr(placeprint.describing.bulk, "describe_file", None)
    report = atlas.add([photos])
    assert (report.added, report.unchanged, report.skipped) == (0, PLACES, [])


def test_only_new_and_changed_photos_are_described(atlas: Atlas, photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(photos, folder)
    assert atlas.add([folder]).added == PLACES
    write_photo(folder / "01.png", make_scene(50))
    write_photo(folder / "new.png", make_scene(51))
    os.utime(folder / "02.png")  # touched, but the same
    report = atlas.add([folder])
    assert (report.added, report.changed, report.unchanged) == (1, 1, PLACES - 1)
    answer = atlas.search(make_scene(50))
    assert answer.best is not None and Path(answer.best.path) == folder / "01.png"
    assert len(atlas) == 2 * PLACES + 1


def test_bad_photos_are_recorded_and_skipped(atlas: Atlas, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    write_photo(folder / "good.png", make_scene(60))
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("hello")
    write_photo(folder / "blank.png", np.full((64, 64, 3), 200, np.uint8))
    report = atlas.add([folder])
    assert report.added == 1
    reasons = {Path(path).name: reason for path, reason in report.skipped}
    assert reasons.keys() == {"empty.jpg", "text.jpg", "blank.png"}
    assert "no keypoints" in reasons["blank.png"]
    again = atlas.add([folder])
    assert again.unchanged == 1 and len(again.skipped) == 3
    assert len(atlas.info().errors) == 3
    write_photo(folder / "empty.jpg", make_scene(61))
    assert atlas.add([folder]).added == 1
    assert len(atlas.info().errors) == 2


def test_a_photo_that_broke_keeps_what_was_stored(atlas: Atlas, tmp_path: Path) -> None:
    path = write_photo(tmp_path / "mine" / "a.png", make_scene(60))
    atlas.add([path])
    path.write_bytes(path.read_bytes()[:500])
    report = atlas.add([path])
    assert [Path(p) for p, _ in report.skipped] == [path]
    answer = atlas.search(make_scene(60))
    assert answer.best is not None and Path(answer.best.path) == path


def test_photos_are_removed_by_path_and_by_folder(atlas: Atlas, photos: Path) -> None:
    assert atlas.remove([photos / "00.png"]) == 1
    assert "00.png" not in _names(atlas)
    with pytest.raises(AtlasMissingError, match="nothing was removed"):
        atlas.remove([photos / "01.png", photos / "00.png"])
    assert len(atlas) == PLACES - 1
    assert atlas.search(make_scene(0), rotations=False).best is None
    assert atlas.remove([photos]) == PLACES - 1
    assert len(atlas) == 0


def test_another_process_sees_what_was_added(atlas: Atlas, tmp_path: Path) -> None:
    other = Atlas.open(atlas.info().path)
    assert other.search(make_scene(70), rotations=False).best is None
    atlas.add([write_photo(tmp_path / "mine" / "a.png", make_scene(70))])
    assert other.search(make_scene(70)).best is not None


def test_a_small_atlas_adapts_the_codebook_and_a_larger_one_learns_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for number in range(ADAPT_PHOTOS - 1):
        write_photo(folder / f"{number}.png", make_scene(number))
    preset = load_preset("sift-vlad")
    write_preset(replace(preset, codebook=replace(preset.codebook, min_photos=9)), tmp_path / "own.toml")
    atlas = Atlas.create(tmp_path / "atlas", str(tmp_path / "own.toml"))
    assert not atlas.add([folder]).learned
    assert atlas.info().codebook == "shipped"
    with pytest.raises(OptionError, match="at least 8"):
        atlas.refit()
    write_photo(folder / "another.png", make_scene(99))
    assert atlas.add([folder]).learned
    assert atlas.info().codebook == "shipped, adapted to 8 photos"
    write_photo(folder / "ninth.png", make_scene(100))
    assert atlas.add([folder]).learned
    assert atlas.info().codebook == "own, learned from 9 photos"
    answer = atlas.search(make_scene(100))
    assert answer.best is not None and Path(answer.best.path).name == "ninth.png"
    assert atlas.refit() == 9


def test_stored_descriptors_are_what_the_photo_itself_would_give(atlas: Atlas, photos: Path) -> None:
    answer = atlas.search(photos / "02.png", verify=0, top=1)
    assert answer.evidence[0].similarity > 0.97


def test_a_preset_is_kept(atlas: Atlas) -> None:
    path = atlas.info().path
    assert Atlas.open(path, "sift-vlad").preset == "sift-vlad"
    with pytest.raises(AtlasMismatchError, match="made with the preset 'sift-vlad', not 'xfeat-vlad'"):
        Atlas.open(path, "xfeat-vlad")
    with pytest.raises(AtlasExistsError, match="an atlas is at"):
        Atlas.create(path, "sift-vlad")


def test_other_weights_are_refused(atlas: Atlas) -> None:
    path = Path(atlas.info().path) / "atlas.toml"
    path.write_text(path.read_text().replace("[weights]", '[weights]\nxfeat = "0123"'))
    with pytest.raises(AtlasMismatchError, match="different network weights"):
        Atlas.open(path.parent)


def test_a_folder_without_photos_and_a_missing_one_are_refused(atlas: Atlas, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(PhotoError, match="no photos in"):
        atlas.add([tmp_path / "nothing"])
    with pytest.raises(PhotoError, match="no such file or folder"):
        atlas.add([tmp_path / "nowhere"])


def test_progress_counts_to_the_end(photos: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    Atlas.create(tmp_path / "a", "sift-vlad").add([photos], progress=lambda done, total: seen.append((done, total)))
    assert seen[:PLACES] == [(number, PLACES) for number in range(1, PLACES + 1)]
    assert seen[-1] == (PLACES, PLACES)


ADD = (
    HEAR_INTERRUPTS
    + """
import sys
import placeprint.atlas.adding
placeprint.atlas.adding.COMMIT_PHOTOS = 2
from placeprint import Atlas
Atlas.open_or_create(sys.argv[1], "sift-vlad").add([sys.argv[2]], workers=1, progress=lambda d, t: print(d, flush=True))
"""
)


@pytest.mark.parametrize(
    ("stop", "after"), [(signal.SIGKILL, 1), (signal.SIGKILL, 5), (signal.SIGKILL, 9), (signal.SIGINT, 5)]
)
@pytest.mark.slow
def test_an_interrupted_run_is_resumed_without_loss(
    photos: Path, tmp_path: Path, stop: signal.Signals, after: int
) -> None:
    path = tmp_path / "atlas"
    with subprocess.Popen(
        [sys.executable, "-c", ADD, str(path), str(photos)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= after:
                break
        process.send_signal(stop)
    assert process.returncode != 0
    stored = len(Atlas.open(path))
    assert after - 2 <= stored < PLACES
    report = Atlas.open(path).add([photos])
    assert report.unchanged == stored and report.added == PLACES - stored
    assert len(Atlas.open(path)) == PLACES
    answer = Atlas.open(path).search(make_scene(PLACES - 1))
    assert answer.best is not None


@pytest.mark.slow
def test_killed_at_any_moment_nothing_acknowledged_is_lost(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "atlas"
    generator = np.random.default_rng(0)
    stored = 0
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", ADD, str(path), str(photos)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(float(generator.uniform(0.8, 2.5)))
        process.kill()
        process.wait()
        if (path / "atlas.toml").exists():
            now = len(Atlas.open(path))
            assert now >= stored
            stored = now
    Atlas.open_or_create(path, "sift-vlad").add([photos])
    assert len(Atlas.open(path)) == PLACES


def test_the_default_preset_finds_a_photo_seen_again(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for number in range(3):
        write_photo(folder / f"{number}.png", make_scene(number))
    atlas = Atlas.create(tmp_path / "atlas")
    assert atlas.preset == "balanced"
    atlas.add([folder])
    answer = atlas.search(rephotograph(make_scene(1), corners=0.06)[0])
    assert answer.best is not None and Path(answer.best.path).name == "1.png"
    assert answer.confidence is not None and answer.confidence > 0.5
    info = atlas.info()
    assert (info.num_photos, info.dim) == (3, 65536 + 12288)


def test_an_atlas_too_small_to_shorten_descriptors_keeps_long_ones(photos: Path, tmp_path: Path) -> None:
    tables = {stage: dict(table) for stage, table in load_preset("sift-vlad").components.items()}
    tables["whitener"] = {"name": "pca-whitening", "dim": 64, "min_photos": 4}
    import tomli_w

    preset = tmp_path / "short.toml"
    preset.write_text(tomli_w.dumps(tables))
    atlas = Atlas.create(tmp_path / "atlas", str(preset))
    atlas.add([photos])
    atlas.refit()
    assert atlas.info().dim > 64 and atlas.describer.shortened_at == (64, 65)


def test_whitening_is_fitted_when_there_are_photos_enough(photos: Path, tmp_path: Path) -> None:
    tables = {stage: dict(table) for stage, table in load_preset("sift-vlad").components.items()}
    tables["whitener"] = {"name": "pca-whitening", "dim": 6, "min_photos": 10}
    import tomli_w

    preset = tmp_path / "short.toml"
    preset.write_text(tomli_w.dumps(tables))
    atlas = Atlas.create(tmp_path / "atlas", str(preset))
    atlas.add([photos])
    assert atlas.info().dim == 6 and atlas.preset == "short"
    again = Atlas.open(tmp_path / "atlas")
    answer = again.search(photos / "07.png", verify=0)
    assert Path(answer.evidence[0].path).name == "07.png" and answer.evidence[0].similarity > 0.95


@pytest.mark.slow
def test_street_photos_are_found_and_proved(data: Path, tmp_path: Path) -> None:
    folder = data / "sf_landmarks"
    atlas = Atlas.create(tmp_path / "atlas")
    atlas.add([folder / "database" / f"{number:04d}.jpg" for number in range(12)])
    found = 0
    for number in range(12):
        answer = atlas.search(folder / "queries" / f"{number:04d}.jpg", rotations=False)
        found += Path(answer.evidence[0].path).stem == f"{number:04d}"
    assert found >= 11


@pytest.mark.slow
def test_the_classic_preset_never_loads_torch(photos: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from placeprint import Atlas\n"
        "a = Atlas.create(sys.argv[1], 'sift-vlad'); a.add([sys.argv[2]]); a.search(sys.argv[2] + '/00.png')\n"
        "assert 'torch' not in sys.modules, 'torch was loaded'"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a"), str(photos)], check=True)


@pytest.mark.parametrize(
    "aggregator",
    [
        'name = "bow"\nnum_words = 64',
        'name = "fisher"\nnum_gaussians = 4\nlocal_dim = 16',
        'name = "netvlad"\nnum_clusters = 8',
        'name = "gem"\nuse_scores = false',
        'name = "vlad"\nnum_words = 16',
    ],
)
@pytest.mark.slow
def test_a_preset_without_a_codebook_learns_one_from_the_first_photos(
    aggregator: str, photos: Path, tmp_path: Path
) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text(PRESET.format(searched=f"[aggregator]\n{aggregator}", codebook="min_photos = 50"))
    atlas = Atlas.create(tmp_path / "atlas", str(preset))
    assert atlas.add([photos]).added == PLACES
    assert atlas.info().codebook == f"own, learned from {PLACES} photos"
    write_photo(tmp_path / "more.png", make_scene(40))
    atlas.add([tmp_path / "more.png"])
    seen, _ = rephotograph(make_scene(40), corners=0.05)
    answer = Atlas.open(tmp_path / "atlas").search(seen, verify=13)
    assert answer.best is not None and Path(answer.best.path).name == "more.png"
    with pytest.raises(OptionError, match="ships no codebook to adapt"):
        atlas.refit(adapt=True)
    assert atlas.refit() == PLACES + 1


def test_a_first_codebook_needs_a_photo(tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text(PRESET.format(searched='[aggregator]\nname = "vlad"\nnum_words = 16', codebook="min_photos = 50"))
    write_photo(tmp_path / "photos" / "blank.png", np.full((64, 64, 3), 99, np.uint8))
    atlas = Atlas.create(tmp_path / "atlas", str(preset))
    with pytest.raises(PhotoError, match="none of 1 photos can be used; the first: no keypoints"):
        atlas.add([tmp_path / "photos"])
    assert len(atlas) == 0
