"""Explanations: what they say of a place that was found, of one that was not, and of photos that say nothing."""

from __future__ import annotations

import html
import json
from pathlib import Path

import numpy as np
import pytest

from placeprint.atlas import Atlas
from placeprint.errors import OptionError, PhotoError, WriteError
from placeprint.explaining import Explanation, explain
from placeprint.explaining.as_data import as_data
from placeprint.explaining.headline import headline_of
from placeprint.explaining.page import write_explanation
from placeprint.places.locating import Locator
from tests.conftest import make_scene, write_photo, write_scenes
from tests.explaining.conftest import HOSTILE


@pytest.fixture(scope="module")
def found(atlas: Atlas, folder: Path) -> Explanation:
    return explain(atlas, folder / "query.png")


def page_of(atlas: Atlas, query: Path, explanation: Explanation, target: Path) -> str:
    write_explanation(target, query, explanation, atlas.describer)
    return target.read_text(encoding="utf-8")


def test_a_place_that_was_found_is_explained(found: Explanation) -> None:
    assert found.state == "found"
    assert found.first is not None and Path(found.first.path).name == HOSTILE
    assert found.rival is not None and found.rival.id != found.first.id
    assert found.why_rival_lost
    assert any(reason.speaks_for for reason in found.reasons)
    assert f"{found.first.num_inliers} points of both photos fit together" in found.reasons[0].words


def test_contributions_add_up_to_the_similarity_that_is_shown(found: Explanation) -> None:
    assert found.first is not None and found.of_query is not None and found.of_candidate is not None
    assert found.of_query.total == pytest.approx(found.first.similarity, abs=1e-5)
    # of the candidate without the few bits in which its descriptor is stored
    assert found.of_candidate.total == pytest.approx(found.first.similarity, abs=0.02)


def test_a_place_that_is_not_there_is_told_helpfully(atlas: Atlas, folder: Path, tmp_path: Path) -> None:
    explanation = explain(atlas, folder / "unknown.png")
    headline = headline_of(explanation)
    assert explanation.state == "absent"
    assert headline.words == "Not in the atlas"
    assert "comes closest" in headline.lead
    assert len(headline.advice) >= 2
    assert "What may help" in page_of(atlas, folder / "unknown.png", explanation, tmp_path / "page.html")


def test_the_page_is_whole_and_loads_nothing(atlas: Atlas, folder: Path, found: Explanation, tmp_path: Path) -> None:
    page = page_of(atlas, folder / "query.png", found, tmp_path / "page.html")
    for title in ("Verified matches", "Overlay", "Where the evidence is", "The runner-up"):
        assert title in page
    assert "http://" not in page and "https://" not in page
    assert "Where it is" not in page  # no photo has a position


def test_names_are_no_markup(atlas: Atlas, folder: Path, found: Explanation, tmp_path: Path) -> None:
    page = page_of(atlas, folder / "query.png", found, tmp_path / "page.html")
    assert "alert(1)<b>" not in page
    assert html.escape(HOSTILE, quote=False).split("'", maxsplit=1)[0] in page


def test_a_blank_photo_has_no_answer_but_a_page(atlas: Atlas, tmp_path: Path) -> None:
    blank = write_photo(tmp_path / "blank.png", np.full((200, 300, 3), 128, np.uint8))
    explanation = explain(atlas, blank)
    assert explanation.state == "nothing"
    page = page_of(atlas, blank, explanation, tmp_path / "page.html")
    assert "No answer" in page and "nothing to recognize" in page
    assert json.loads(json.dumps(as_data("blank.png", explanation)))["first"] is None


def test_an_atlas_of_one_photo_does_not_count_it(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "photos" / "one.png", make_scene(2))
    atlas = Atlas.create(tmp_path / "atlas", preset="sift-vlad")
    atlas.add([photo])
    assert headline_of(explain(atlas, photo)).lead == "one.png is the only photo of the atlas."
    absent = headline_of(explain(atlas, write_photo(tmp_path / "other.png", make_scene(40)))).lead
    assert absent.startswith("The only photo of the atlas, one.png, does not show this place with enough evidence. See")


def test_an_empty_atlas_says_what_to_do(tmp_path: Path, folder: Path) -> None:
    atlas = Atlas.create(tmp_path / "atlas", preset="sift-vlad")
    explanation = explain(atlas, folder / "query.png")
    assert "Add photos" in headline_of(explanation).advice[0]
    assert "empty" in page_of(atlas, folder / "query.png", explanation, tmp_path / "page.html")


def test_a_photo_of_the_atlas_that_is_gone_leaves_the_words(tmp_path: Path) -> None:
    photos = [write_photo(tmp_path / "photos" / f"{n}.png", make_scene(n)) for n in range(3)]
    query = write_photo(tmp_path / "query.png", make_scene(1))
    atlas = Atlas.create(tmp_path / "atlas", preset="sift-vlad")
    atlas.add(photos)
    photos[1].unlink()
    explanation = explain(atlas, query)
    page = page_of(atlas, query, explanation, tmp_path / "page.html")
    assert explanation.state == "found"
    assert "can no longer be read" in page


def test_positions_become_a_map(atlas: Atlas, folder: Path, found: Explanation, tmp_path: Path) -> None:
    from dataclasses import replace

    assert found.first is not None
    placed = replace(found, first=replace(found.first, location=(55.7, 13.2)))
    target = tmp_path / "page.html"
    write_explanation(target, folder / "query.png", placed, atlas.describer, context=[("a.jpg", (55.7001, 13.2))])
    page = target.read_text(encoding="utf-8")
    assert "Where it is" in page and "was taken at 55.70000, 13.20000" in page


def test_json_has_the_same_facts(found: Explanation) -> None:
    data = json.loads(json.dumps(as_data("query.png", found), allow_nan=False))
    assert data["answer"] == "found"
    assert data["first"]["inliers"] == found.first.num_inliers if found.first else False
    assert [each["words"] for each in data["reasons"]] == [each.words for each in found.reasons]
    assert data["contributions"]["query"]["similarity"] == pytest.approx(data["first"]["similarity"], abs=1e-5)
    assert np.shape(data["homography"]) == (3, 3)
    (part,) = data["contributions"]["query"]["parts"]
    assert part["words"][0]["adds"] > part["words"][-1]["adds"] > 0


def test_bad_input_is_refused(atlas: Atlas, folder: Path, found: Explanation, tmp_path: Path) -> None:
    (tmp_path / "no.jpg").write_text("not a picture")
    with pytest.raises(PhotoError, match="not a picture"):
        explain(atlas, tmp_path / "no.jpg")
    with pytest.raises(OptionError, match="html"):
        write_explanation(tmp_path / "page.txt", folder / "query.png", found, atlas.describer)
    (tmp_path / "mine.html").write_text("mine")
    with pytest.raises(WriteError, match="not a report"):
        write_explanation(tmp_path / "mine.html", folder / "query.png", found, atlas.describer)


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """Return an atlas of places with positions, in a preset that weighs evidence."""
    folder = tmp_path_factory.mktemp("placed")
    write_scenes(folder / "photos", 6)
    atlas = Atlas.create(folder / "atlas", "fast")
    atlas.add([folder / "photos"], learn=False)
    records = atlas.snapshot().usable().values()
    atlas.set_positions({each.path: (55.7 + 1e-3 * number, 13.2) for number, each in enumerate(records)})
    return atlas


def test_a_located_photo_has_a_place_and_a_circle(placed: Atlas, tmp_path: Path) -> None:
    query = write_photo(tmp_path / "query.png", make_scene(3)[4:-10, 12:-20])
    explanation = explain(placed, query, locator=Locator(placed))
    assert explanation.state == "found"
    assert explanation.located is not None and explanation.located.location is not None
    assert explanation.rival is not None and explanation.first is not None
    assert explanation.rival.location != explanation.first.location
    page = page_of(placed, query, explanation, tmp_path / "page.html")
    assert "nine times in ten" in page and 'class="radius answer"' in page
    data = as_data("query.png", explanation)
    assert data["place"]["label"] == explanation.label
    assert data["location"]["radius_m"] > 0
