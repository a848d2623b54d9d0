"""Candidates ranked by one probability."""

import json
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from placeprint.describing.describer import Describer
from placeprint.errors import OptionError
from placeprint.evidence import FIELDS
from placeprint.features.sift import SIFT
from placeprint.networks.lightglue import _load
from placeprint.networks.weights import find_weights, weights_path
from placeprint.presets import load_preset, preset_from
from placeprint.types import Image, LocalFeatures, Mask, PhotoFeatures, Verification
from placeprint.verification.geometry import MutualGeometry
from tests.conftest import make_scene, write_photo, write_scenes


def seen_again(scene: Image) -> Image:
    """Return a darker view from a step to the side."""
    return np.asarray(np.roll(scene, 12, axis=1)[6:-6, 16:-16] * 0.8, np.uint8)


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    folder = tmp_path_factory.mktemp("weighing")
    made = Atlas.create(folder / "atlas", "fast")
    made.add([write_scenes(folder / "photos", 12)], learn=False)
    return made


def test_a_known_place_has_a_confidence_and_candidates_have_probabilities(atlas: Atlas) -> None:
    answer = atlas.search(seen_again(make_scene(5)))
    first = answer.evidence[0]
    assert Path(first.path).name == "05.png"
    assert answer.confidence is not None
    assert answer.confidence > 0.9
    assert first.verdict == "same place"
    probabilities = [each.probability for each in answer.evidence]
    assert None not in probabilities
    assert probabilities == sorted(probabilities, key=lambda p: -(p or 0))
    assert set(first.known) <= {field.name for field in FIELDS}
    assert first.known["xfeat.inliers"] == first.num_inliers


def test_an_unknown_place_has_little(atlas: Atlas) -> None:
    known, unknown = (atlas.search(seen_again(make_scene(seed)), rotations=False) for seed in (5, 77))
    assert known.confidence is not None
    assert unknown.confidence is not None
    assert unknown.confidence < 0.5 < known.confidence
    assert unknown.best is None


def test_a_place_that_is_left_out_is_not_found(atlas: Atlas) -> None:
    path = atlas.search(seen_again(make_scene(5))).evidence[0].path
    answer = atlas.search(seen_again(make_scene(5)), exclude=[path], rotations=False)
    assert path not in [each.path for each in answer.evidence]
    assert answer.best is None


def test_without_candidates_there_is_no_confidence(atlas: Atlas) -> None:
    everything = [each.path for each in atlas.search(make_scene(5), top=100).evidence]
    answer = atlas.search(make_scene(5), exclude=everything, rotations=False)
    assert answer.evidence == ()
    assert answer.confidence is None


def test_search_alone_has_a_probability_and_no_verdict(atlas: Atlas) -> None:
    answer = atlas.search(seen_again(make_scene(5)), verify=0)
    assert answer.confidence is not None
    assert 0 <= answer.confidence <= 1
    assert {each.verdict for each in answer.evidence} == {"not verified"}


def test_the_command_line_says_it(atlas: Atlas, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from placeprint.cli.search import search

    query = write_photo(tmp_path / "query.png", seen_again(make_scene(5)))
    folder = Path(atlas.info().path)
    search([query], atlas=folder, top=3, verify=50, rotations=True, json=True, save_matches=None)
    told = json.loads(capsys.readouterr().out)["answers"][0]
    assert told["confidence"] > 0.9
    assert told["evidence"][0]["probability"] > 0.5
    assert told["evidence"][0]["known"]["xfeat.inliers"] > 10
    search([query], atlas=folder, top=3, verify=50, rotations=True, json=False, save_matches=None)
    assert "% sure that the first photo shows the place" in capsys.readouterr().out


def test_a_preset_with_evidence_must_name_its_descriptors() -> None:
    tables = load_preset("balanced").components
    evidence = {**tables["evidence"], "descriptors": ["keypoints"]}
    with pytest.raises(OptionError, match="must name its 2 descriptors"):
        preset_from({**tables, "evidence": evidence}, "own")
    with pytest.raises(OptionError, match=r"\[\[opinion\]\] needs \[evidence\]"):
        preset_from({name: table for name, table in tables.items() if name != "evidence"}, "own")


@pytest.mark.parametrize(("decided", "all_of_them"), [(0.0, False), (1.1, True)])
def test_a_certain_answer_is_not_verified_further(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch, decided: float, all_of_them: bool
) -> None:
    monkeypatch.setattr("placeprint.searching.weighing.DECIDED", decided)
    monkeypatch.setattr("placeprint.searching.weighing.LEAD", -100.0)
    spec = atlas.snapshot().preset.evidence
    assert spec is not None
    assert spec.verified_first is not None
    answer = atlas.search(seen_again(make_scene(5)), top=12, rotations=False)
    verified = sum(each.verification is not None for each in answer.evidence)
    assert verified == (spec.verified if all_of_them else spec.verified_first)


@pytest.mark.parametrize("hopeless", [0.0, 1.0])
def test_no_opinion_is_requested_where_there_is_no_hope(tmp_path: Path, hopeless: float) -> None:
    shipped = resources.files("placeprint.presets").joinpath("balanced.toml").read_text(encoding="utf-8")
    own = tmp_path / "own.toml"
    own.write_text(re.sub("(?m)^hopeless = .*$", f"hopeless = {hopeless}", shipped), encoding="utf-8")
    made = Atlas.create(tmp_path / "atlas", str(own))
    made.add([write_scenes(tmp_path / "photos", 4)], learn=False)
    answer = made.search(seen_again(make_scene(77)), rotations=False)
    known = set().union(*(each.known for each in answer.evidence))
    assert "xfeat.strength" in known
    assert ("sift.strength" in known) == (hopeless == 0)


LATE = """
[[fusion]]
extractor = { name = "sift", max_keypoints = 300 }
aggregator = { name = "vlad", num_words = 32 }
late = true
"""
"""A descriptor of SIFT, which a query gets only while the answer is open."""


@pytest.fixture(scope="module")
def with_late(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    folder = tmp_path_factory.mktemp("late")
    fast = resources.files("placeprint.presets").joinpath("fast.toml").read_text(encoding="utf-8")
    changes = {"1024": "64", '"fast"': '"best"', '["keypoints"]': '["keypoints", "aliked"]'}
    changes |= {'shipped = "xfeat-vlad"\n': "", "min_photos = 50": "min_photos = 5"}
    for old, new in changes.items():
        assert fast.count(old) == 1
        fast = fast.replace(old, new)
    (folder / "own.toml").write_text(fast + LATE, encoding="utf-8")
    made = Atlas.create(folder / "atlas", str(folder / "own.toml"))
    made.add([write_scenes(folder / "photos", 12)])
    return made


@pytest.mark.parametrize(("decided", "is_open"), [(0.0, False), (1.1, True)])
def test_late_descriptors_are_made_of_a_query_only_while_the_answer_is_open(
    with_late: Atlas, monkeypatch: pytest.MonkeyPatch, decided: float, is_open: bool
) -> None:
    monkeypatch.setattr("placeprint.searching.weighing.DECIDED", decided)
    monkeypatch.setattr("placeprint.searching.weighing.LEAD", -100.0)
    described: list[str] = []
    extract = SIFT.extract

    def counted(self: SIFT, image: Image, mask: Mask | None = None) -> LocalFeatures:
        described.append("sift")
        return extract(self, image, mask)

    monkeypatch.setattr(SIFT, "extract", counted)
    answer = with_late.search(seen_again(make_scene(5)), rotations=False)
    assert Path(answer.evidence[0].path).name == "05.png"
    assert described == (["sift"] if is_open else [])
    assert ("aliked.standard" in answer.evidence[0].known) == is_open
    assert answer.evidence[0].known["xfeat.inliers"] > 10


def test_rotations_without_hope_get_no_late_descriptor(with_late: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    described: list[str] = []
    begin, extract = Describer.query_features, SIFT.extract

    def looked(self: Describer, image: Image, degrees: float, *, late: bool = True) -> PhotoFeatures:
        looks.append(degrees)
        return begin(self, image, degrees, late=late)

    def counted(self: SIFT, image: Image, mask: Mask | None = None) -> LocalFeatures:
        described.append("sift")
        return extract(self, image, mask)

    monkeypatch.setattr(Describer, "query_features", looked)
    monkeypatch.setattr(SIFT, "extract", counted)
    monkeypatch.setattr("placeprint.searching.search.Rotations.promising", lambda *_: [(90,), (180,)])
    monkeypatch.setattr("placeprint.searching.weighing.DECIDED", 1.1)
    for least, times in ((1.0, 1), (0.0, 3)):
        looks.clear()
        described.clear()
        monkeypatch.setattr("placeprint.searching.search.FURTHER", least)
        with_late.search(seen_again(make_scene(77)))
        assert looks == [0, 90, 180]
        assert len(described) == times


def test_late_descriptors_bring_new_candidates_and_keep_what_geometry_found(
    with_late: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placeprint.searching.weighing.DECIDED", 1.1)
    checked: list[int] = []
    verify = MutualGeometry.verify

    def counted(self: MutualGeometry, query: LocalFeatures, candidates: Sequence[LocalFeatures]) -> list[Verification]:
        checked.append(len(candidates))
        return verify(self, query, candidates)

    monkeypatch.setattr(MutualGeometry, "verify", counted)
    answer = with_late.search(seen_again(make_scene(5)), top=12, rotations=False)
    assert all("aliked.standard" in each.known for each in answer.evidence)
    verified = [each for each in answer.evidence if each.verification is not None]
    assert 6 <= len(verified) <= 12
    assert checked[:2] == [2, 4] and sum(checked) <= 12


def test_stored_photos_have_their_late_descriptors_at_once(with_late: Atlas) -> None:
    photo = next(iter(with_late.snapshot().usable()))
    answer = with_late.search_stored([photo])[photo]
    assert all("aliked.standard" in each.known for each in answer.evidence)


def test_a_late_descriptor_needs_evidence() -> None:
    tables = load_preset("best").components
    parts = {name: table for name, table in tables.items() if name not in ("evidence", "opinion")}
    parts["fusion"] = [{**each, "late": True} for each in parts["fusion"]]
    with pytest.raises(OptionError, match=r"\[\[fusion\]\] with late = true needs \[evidence\]"):
        preset_from(parts, "own")


@pytest.fixture
def third(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Atlas:
    """Return an atlas that always asks LighterGlue about the two most probable photos."""
    monkeypatch.setattr("placeprint.searching.weighing.DECIDED", 1.1)
    files = resources.files("placeprint.presets")
    fast, best = (files.joinpath(f"{name}.toml").read_text(encoding="utf-8") for name in ("fast", "best"))
    opinion = best[best.rindex("[[opinion]]") :]
    assert 'source = "lighterglue"' in opinion
    own = tmp_path / "own.toml"
    own.write_text(
        fast.replace('model = "fast"', 'model = "best"')
        + "\n"
        + re.sub(r"candidates = \d+", "candidates = 2", opinion),
        encoding="utf-8",
    )
    made = Atlas.create(tmp_path / "atlas", str(own))
    made.add([write_scenes(tmp_path / "photos", 4)], learn=False)
    return made


@pytest.mark.skipif(weights_path(find_weights("xfeat-lighterglue")) is None, reason="LighterGlue is not installed")
def test_an_opinion_looks_at_the_most_probable_photos(third: Atlas) -> None:
    found = third.search(seen_again(make_scene(2)), rotations=False)
    asked = [each for each in found.evidence if "lighterglue.strength" in each.known]
    assert len(asked) == 2
    assert found.evidence[0] in asked
    assert found.evidence[0].known["lighterglue.strength"] > 10


def test_an_opinion_that_is_not_installed_is_left_out_and_said_once(
    third: Atlas, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("placeprint.networks.weights.weights_path", lambda weights: None)
    _load.cache_clear()  # type: ignore[attr-defined]  # of `loaded_once`
    for _ in range(2):
        answer = third.search(seen_again(make_scene(2)), rotations=False)
    assert Path(answer.evidence[0].path).name == "02.png"
    assert answer.confidence is not None
    assert not any("lighterglue.strength" in each.known for each in answer.evidence)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 1
    assert "lack the opinion of lighterglue" in told[0]
    assert "not installed" in told[0]


def test_evidence_does_not_depend_on_the_other_candidates(atlas: Atlas) -> None:
    scene = seen_again(make_scene(5))
    few, many = (atlas.search(scene, verify=count, rotations=False).evidence[0] for count in (1, 6))
    for name in ("xfeat.strength", "xfeat.inliers", "xfeat.significance"):
        assert few.known[name] == many.known[name] > 0
