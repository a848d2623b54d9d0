"""Matchers of pictures: what each must keep to, by a small fake one and by LoFTR with weights of no meaning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from placeprint import Atlas
from placeprint.core import registry
from placeprint.errors import OptionError, ShapeError, WeightsError
from placeprint.pairs import match
from placeprint.types import Image, PictureMatcher, PictureMatches
from placeprint.verification.loftr import LoFTR
from tests.conftest import make_scene, write_photo

SHIFT = (23.0, -11.0)


@dataclass(kw_only=True, eq=False)
class Shifted:
    """A fake: it knows that the candidate is the query, shifted, and adds what no matcher should return."""

    step: int = 16

    def match_pictures(self, query: Image, candidate: Image) -> PictureMatches:
        if query.std() < 1 or candidate.std() < 1:
            return PictureMatches(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32), np.zeros(0, np.float32))
        height, width = query.shape[:2]
        grid = np.stack(np.meshgrid(np.arange(0, width, self.step), np.arange(0, height, self.step)), -1).reshape(-1, 2)
        points = np.concatenate([grid, [[-40, 5], [np.nan, 3]]]).astype(np.float32)
        return PictureMatches(points, (points + SHIFT).astype(np.float32), np.full(len(points), 0.9, np.float32))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> str:
    """Register the fake matcher; return its name."""
    table = registry.COMPONENTS["picture-matchers"]
    monkeypatch.setitem(table, "shifted", "tests.verification.test_picture_matchers:Shifted")
    return "shifted"


@pytest.fixture
def loftr(tmp_path: Path) -> LoFTR:
    """Return LoFTR with random weights."""
    import torch
    from kornia.feature import LoFTR as Network

    torch.manual_seed(0)
    torch.save({"state_dict": Network(None).state_dict()}, tmp_path / "loftr.ckpt")
    return LoFTR(weights=str(tmp_path / "loftr.ckpt"), size=160, min_certainty=0.0)


def _pair() -> tuple[Image, Image]:
    scene = make_scene(3, 200, 160)
    moved = cv2.warpAffine(scene, np.array([[1, 0, SHIFT[0]], [0, 1, SHIFT[1]]], np.float32), (180, 150))
    return scene, np.asarray(moved, np.uint8)


def _check_contract(matcher: PictureMatcher) -> None:
    query, candidate = _pair()
    found = matcher.match_pictures(query, candidate)
    for points in (found.query, found.candidate):
        assert points.shape == (len(found), 2) and points.dtype == np.float32
    assert found.scores.dtype == np.float32 and ((found.scores >= 0) & (found.scores <= 1)).all()
    again = matcher.match_pictures(query, candidate)
    np.testing.assert_array_equal(found.query, again.query)
    np.testing.assert_array_equal(found.candidate, again.candidate)
    assert isinstance(matcher.match_pictures(np.zeros((64, 64, 3), np.uint8), candidate), PictureMatches)


def test_the_fake_keeps_to_the_contract() -> None:
    _check_contract(Shifted())


def test_loftr_keeps_to_the_contract_and_matches_a_picture_with_itself(loftr: LoFTR) -> None:
    _check_contract(loftr)
    scene = make_scene(1, 320, 320)
    found = loftr.match_pictures(scene, scene)
    assert len(found) > 20 and (np.diff(found.scores) <= 0).all()
    assert np.isfinite(found.query).all() and (found.query < 320).all()
    same = np.abs(found.query - found.candidate).max(axis=1) < 2 * 8 * 2  # a cell has 16 pixels of the photo
    assert same.mean() > 0.8


def test_matches_of_pictures_are_verified_and_give_a_transform(fake: str) -> None:
    query, candidate = _pair()
    answer = match(query, candidate, matcher=fake, model="similarity")
    assert answer.verdict == "same place" and answer.verification.transform is not None
    np.testing.assert_allclose(answer.verification.transform[:2, 2], SHIFT, atol=0.01)
    points = answer.verification.points
    assert np.isfinite(points).all() and (points[:, 1, 0] < 180).all() and (points[:, 0] >= 0).all()
    assert len(answer.query) == len(answer.database) == len(answer.verification.matches)


def test_masks_and_parameters_hold_for_matchers_of_pictures(fake: str) -> None:
    query, candidate = _pair()
    mask = np.zeros(query.shape[:2], bool)
    mask[:, :100] = True
    found = match(query, candidate, matcher={"name": fake, "step": 8}, masks=(mask, None))
    assert found.query.keypoints[:, 0].max() < 100
    assert len(found.query) > len(match(query, candidate, matcher=fake, masks=(mask, None)).query)
    with pytest.raises(OptionError, match="steps"):
        match(query, candidate, matcher={"name": fake, "steps": 8})


def test_two_blank_pictures_give_an_answer(fake: str) -> None:
    blank = np.zeros((64, 64, 3), np.uint8)
    answer = match(blank, blank, matcher=fake)
    assert answer.verdict == "not confirmed" and answer.note is not None


def test_without_weights_it_says_where_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLACEPRINT_MODELS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"LoFTR are missing: .*loftr_outdoor.ckpt'; fetch https://huggingface"):
        match(*_pair(), matcher="loftr")
    (tmp_path / "loftr_outdoor.ckpt").write_bytes(b"no weights")
    with pytest.raises(WeightsError):
        match(*_pair(), matcher="loftr")


def test_points_without_partners_are_refused() -> None:
    with pytest.raises(ShapeError, match="candidate"):
        PictureMatches(np.zeros((2, 2), np.float32), np.zeros((3, 2), np.float32), np.zeros(2, np.float32))


UNSURE: dict[str, Any] = {"features": "sift", "feature_options": {"max_keypoints": 4}, "opinions": False}
"""Options of `match` that confirm nothing."""


def test_a_matcher_of_pictures_is_asked_last_and_decides(fake: str) -> None:
    query, candidate = _pair()
    before = match(query, candidate, **UNSURE)
    answer = match(query, candidate, ask={"name": fake, "step": 8}, **UNSURE)
    assert before.verdict != "same place" and answer.verdict == "same place"
    assert answer.asked == (*before.asked, fake) and answer.features == fake and answer.confidence is None
    blank = np.full((90, 90, 3), 7, np.uint8)
    nothing = match(query, blank, ask=fake, **UNSURE)
    assert nothing.verdict == "not confirmed" and nothing.features == "sift" and nothing.asked[-1] == fake


def test_it_is_not_asked_where_the_answer_is_sure(monkeypatch: pytest.MonkeyPatch, fake: str) -> None:
    monkeypatch.setattr(Shifted, "match_pictures", None)
    answer = match(*_pair(), features="sift", ask=fake)
    assert answer.verdict == "same place" and answer.asked == ("sift",)


@pytest.mark.parametrize(("ask", "more"), [("lotfr", {}), ("nearest", {}), ("loftr", {"precision": 0.9})])
def test_what_cannot_be_asked_is_refused(ask: str, more: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"no matcher of pictures called|no dense matcher"):
        match(*_pair(), features="sift", ask=ask, **more)


def test_a_search_asks_it_about_candidates_that_nothing_confirms(fake: str, tmp_path: Path) -> None:
    query, candidate = _pair()
    other = np.full_like(candidate, 9)
    cv2.rectangle(other, (20, 20), (90, 120), (200, 90, 30), -1)
    for name, picture in (("same", candidate), ("other", other)):
        write_photo(tmp_path / "photos" / f"{name}.png", picture)
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add([tmp_path / "photos"])
    assert atlas.search(query, verify=0).best is None
    answer = atlas.search(query, verify=0, ask=fake)
    assert answer.best is not None and Path(answer.best.path).name == "same.png"
    check = answer.best.verification
    assert check is not None and check.num_inliers > 50
    (tmp_path / "photos" / "same.png").unlink()
    gone = atlas.search(query, verify=0, ask=fake)
    assert gone.best is None or Path(gone.best.path).name != "same.png"
    with pytest.raises(OptionError, match="omit one of them"):
        atlas.search(query, ask=fake, precision=0.9)
