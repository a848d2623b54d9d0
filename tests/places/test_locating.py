"""Locating photos in an atlas: the place, where it is, and what is said when it is not known."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.errors import OptionError
from placeprint.places.locating import NO_POSITIONS, Locator
from placeprint.types import Answer
from tests.conftest import make_scene, write_photo, write_scenes
from tests.searching.test_weighing import seen_again

START = np.array([-33.86, 151.2])


def views(folder: Path) -> list[Path]:
    """Write two more views of some scenes."""
    found = []
    for number in (2, 5, 7):
        first = seen_again(make_scene(number))
        found.append(write_photo(folder / f"{number:02d}-darker.png", first))
        found.append(write_photo(folder / f"{number:02d}-cut.png", make_scene(number)[:-20, 10:]))
    return found


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """Return an atlas without positions."""
    folder = tmp_path_factory.mktemp("locating")
    write_scenes(folder / "photos", 9)
    views(folder / "photos")
    made = Atlas.create(folder / "atlas", "fast")
    made.add([folder / "photos"], learn=False)
    return made


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """Return an atlas with a position for each scene, 11 m from the one before."""
    folder = tmp_path_factory.mktemp("located")
    write_scenes(folder / "photos", 9)
    views(folder / "photos")
    made = Atlas.create(folder / "atlas", "fast")
    made.add([folder / "photos"], learn=False)
    places = {
        r.path: (START[0] + 1e-4 * int(Path(r.path).name[:2]), START[1]) for r in made.snapshot().usable().values()
    }
    made.set_positions(places)
    return made


def other_view(number: int) -> np.ndarray:
    return np.asarray(np.roll(make_scene(number), -9, axis=1)[4:-10, 12:-20] * 0.9, np.uint8)


def test_a_known_place_has_a_label_a_position_and_a_radius(atlas: Atlas) -> None:
    found = atlas.locate(other_view(5))
    assert found.place is not None
    assert found.place.label.startswith("05")
    assert found.confidence > 0.9
    assert found.location is not None
    assert found.location.latitude == pytest.approx(START[0] + 5e-4, abs=5e-5)
    assert found.location.longitude == pytest.approx(START[1], abs=1e-5)
    assert 5 <= found.location.radius < 100
    assert len(found.distances) == len(found.candidates) == 5
    assert found.distances[0] is not None
    assert found.distances[0] < 11
    assert {"describe", "search", "verify", "locate"} <= found.seconds.keys()


def test_all_photos_of_a_place_have_its_id(atlas: Atlas) -> None:
    ids = {found.place.id for n in (0, 1, 2) if (found := atlas.locate(views_of(5)[n])).place is not None}
    assert len(ids) == 1


def views_of(number: int) -> list[np.ndarray]:
    return [make_scene(number), seen_again(make_scene(number)), other_view(number)]


def test_an_unknown_place_is_not_in_the_atlas(atlas: Atlas) -> None:
    found = atlas.locate(seen_again(make_scene(77)), rotations=False)
    assert found.place is None
    assert found.location is None
    assert found.confidence < 0.5
    assert found.candidates


def test_excluded_photos_have_no_part(atlas: Atlas) -> None:
    paths = [r.path for r in atlas.snapshot().usable().values() if Path(r.path).name.startswith("05")]
    found = atlas.locate(other_view(5), exclude=paths, rotations=False)
    assert found.place is None


def test_without_positions_the_place_is_known_and_the_reason_is_given(bare: Atlas) -> None:
    found = bare.locate(other_view(5))
    assert found.place is not None
    assert found.location is None
    assert found.note == NO_POSITIONS
    assert found.distances == (None,) * 5


def test_an_empty_atlas_and_a_blank_photo_say_why(tmp_path: Path, atlas: Atlas) -> None:
    empty = Atlas.create(tmp_path / "empty", "fast").locate(make_scene(1))
    assert empty.place is None
    assert empty.note == "the atlas is empty"
    blank = atlas.locate(np.full((240, 320, 3), 128, np.uint8))
    assert blank.place is None
    assert blank.note is not None
    assert "no keypoints" in blank.note


def test_a_preset_without_probabilities_is_refused(tmp_path: Path) -> None:
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    with pytest.raises(OptionError, match="gives no probabilities"):
        atlas.locate(make_scene(1))


def test_photos_added_later_are_known(tmp_path: Path) -> None:
    atlas = Atlas.create(tmp_path / "atlas", "fast")
    atlas.add([write_scenes(tmp_path / "photos", 4)], learn=False)
    assert atlas.locate(other_view(8), rotations=False).place is None
    atlas.add([write_photo(tmp_path / "new.png", make_scene(8))], learn=False)
    found = atlas.locate(other_view(8)).place
    assert found is not None
    assert found.label == "new"


def test_several_photos_of_a_place_outweigh_a_lone_one(atlas: Atlas) -> None:
    locator = Locator(atlas)
    place = next(place for place in locator.places if len(place.photos) == 3)
    alone = next(place.photos[0] for place in locator.places if len(place.photos) == 1)
    answer = atlas.search(other_view(5), top=20)
    by_id = {each.id: each for each in answer.evidence}
    told = [(alone, 0.9), *((photo, 0.6) for photo in place.photos)]
    evidence = tuple(replace(by_id[photo], probability=p) for photo, p in told)
    found = locator.located(Answer(evidence, answer.features, 0.0, answer.seconds, confidence=0.5))
    assert found.place is not None
    assert found.place.id == place.id
    assert found.confidence == pytest.approx(1.0)


def test_the_command_line_prints_what_it_found(
    atlas: Atlas, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from placeprint.cli import main

    query, unknown = write_photo(tmp_path / "q.png", other_view(5)), write_photo(tmp_path / "u.png", make_scene(77))
    folder = atlas.info().path
    for arguments in (["--no-rotations", "--json"], ["--no-rotations"]):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
            patch.setattr("sys.argv", ["placeprint", "locate", str(query), str(unknown), "--in", folder, *arguments])
            main()
        assert left.value.code in {0, None}
        told = capsys.readouterr().out
        if "--json" in arguments:
            known, other = json.loads(told)
            assert list(known) == ["query", "place", "confidence", "location", "candidates", "seconds"]
            assert list(known["location"]) == ["latitude", "longitude", "radius_m"]
            assert list(known["candidates"][0]) == ["photo", "probability", "similarity", "inliers", "distance_m"]
            assert known["query"] == str(query)
            assert other["place"] is None
            assert other["location"] is None
        else:
            assert "certain" in told or "likely" in told
            assert "not in the atlas" in told
            assert "-33.85" in told


def test_places_are_listed_as_json_and_geojson(atlas: Atlas, capsys: pytest.CaptureFixture[str]) -> None:
    from placeprint.cli.places import places

    places(Path(atlas.info().path), json=True, geojson=False)
    told = json.loads(capsys.readouterr().out)
    scenes = [{Path(photo).name[:2] for photo in place["photos"]} for place in told]
    assert all(len(scene) == 1 for scene in scenes)
    assert max(len(place["photos"]) for place in told) == 3
    places(Path(atlas.info().path), json=False, geojson=True)
    first = json.loads(capsys.readouterr().out)["features"][0]
    assert first["geometry"]["coordinates"][0] == pytest.approx(START[1])
    places(Path(atlas.info().path), json=False, geojson=False)
    assert "places with several photos" in capsys.readouterr().out
    with pytest.raises(OptionError, match="cannot be combined"):
        places(Path(atlas.info().path), json=True, geojson=True)


def test_an_atlas_without_positions_is_served_by_every_command(
    bare: Atlas, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from placeprint.cli import main

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["placeprint", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        told = capsys.readouterr()
        return left.value.code, told.out, told.err

    folder, query = bare.info().path, write_photo(tmp_path / "q" / "q.png", other_view(5))
    for verb in ("places", "coverage"):
        code, out, _ = run(verb, folder, "--geojson")
        assert code == 0 and json.loads(out) == {"type": "FeatureCollection", "features": []}
    code, out, _ = run("doctor", folder, "--only", "wrong-position", "--json")
    assert code == 0 and json.loads(out) == []
    page, table = tmp_path / "coverage.html", tmp_path / "proposals.csv"
    assert run("coverage", folder, "--page", str(page))[0] == 0
    assert "No photo has a position, so there is no map." in page.read_text()
    assert (
        "so none can be proposed; give it positions"
        in run("geotag", str(query), "--in", folder, "--csv", str(table))[2]
    )
    assert "no photo of the atlas has a position" in table.read_text()
    code, _, err = run(
        "evaluate", str(query.parent), "--protocol", "gps-leave-one-out", "--json", str(tmp_path / "e.json")
    )
    assert code == 1 and "must have at least two photos with GPS, it has 0" in err
