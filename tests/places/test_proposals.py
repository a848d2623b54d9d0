"""Proposals as tables, maps and a page."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from placeprint.places.given_positions import positions_by_name, radii_by_name
from placeprint.places.proposals import COLUMNS, Proposal, as_csv, as_geojson
from placeprint.places.review import write_review
from placeprint.types import Location
from tests.conftest import make_scene, write_photo

NO_POINTS = np.zeros((0, 2, 2), np.float32)


@pytest.fixture
def proposals(tmp_path: Path) -> list[Proposal]:
    seen, best = (write_photo(tmp_path / name, make_scene(1)) for name in ('a, "<b>".jpg', "best.jpg"))
    lone = write_photo(tmp_path / "lone.jpg", make_scene(2))
    points = np.random.default_rng(0).uniform(0, 200, (30, 2, 2)).astype(np.float32)
    where = Location(-33.8568, 151.2153, 12.34)
    near = [(str(best), -33.8569, 151.2152)]
    return [
        Proposal(str(seen), where, 0.98, "opera", str(best), points, (-33.857, 151.215), near),
        Proposal(str(lone), None, 0.01, None, str(best), NO_POINTS, note="not in the atlas"),
        Proposal(str(tmp_path / "gone.jpg"), where, 0.6, "opera", str(best), NO_POINTS),
    ]


def test_a_table_is_read_by_index(proposals: list[Proposal], tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(as_csv(proposals))
    rows = list(csv.DictReader(io.StringIO(as_csv(proposals))))
    assert tuple(rows[0]) == COLUMNS and rows[1]["note"] == "not in the atlas" and rows[1]["latitude"] == ""
    photos = [Path(each.photo) for each in proposals]
    given = positions_by_name(table, photos)
    assert given.positions == {str(photos[0]): (-33.8568, 151.2153), str(photos[2]): (-33.8568, 151.2153)}
    assert radii_by_name(table, photos)[str(photos[0])] == 12.3


def test_geojson_has_longitude_first(proposals: list[Proposal]) -> None:
    data = json.loads(as_geojson(proposals))
    assert [each["geometry"]["coordinates"] for each in data["features"]] == [[151.2153, -33.8568]] * 2
    assert data["features"][0]["properties"]["radius_m"] == 12.3
    assert proposals[0].off == pytest.approx(36, abs=3) and proposals[1].off is None


def test_the_page_has_one_row_per_position_and_loads_nothing(proposals: list[Proposal], tmp_path: Path) -> None:
    write_review(tmp_path / "review.html", proposals)
    page = (tmp_path / "review.html").read_text()
    assert page.count("<article") == 2 and page.count('name="accept" checked') == 1
    assert "a, &#34;&lt;b&gt;&#34;.jpg" in page and "<b>" not in page
    assert "not in the atlas" in page and 'data-latitude="-33.8568000"' in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
