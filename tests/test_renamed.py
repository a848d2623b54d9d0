"""Old names in the public API: they work, and warn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import placeprint
from placeprint.atlas import Atlas
from placeprint.renamed import renamed_arguments
from tests.conftest import make_scene, write_scenes


def test_old_arguments_of_search_and_match_work_and_warn(tmp_path: Path) -> None:
    atlas: Any = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add([write_scenes(tmp_path / "photos", 2)])
    first = atlas.search(make_scene(0), rotations=False).evidence[0].path
    for old, value in {"turns": False, "without": [first], "by": "descriptor"}.items():
        with pytest.warns(DeprecationWarning, match=f"'{old}' of search is now called"):
            answer = atlas.search(make_scene(0), **{old: value})
        assert (answer.evidence[0].path == first) == (old != "without")
    with pytest.warns(DeprecationWarning, match=r"Answer\.turn is now called 'rotation'"):
        assert answer.turn == answer.rotation
    match: Any = placeprint.match
    with pytest.warns(DeprecationWarning, match="'turns' of match"):
        pair = match(make_scene(0), make_scene(0), features="sift", turns=False)
    with pytest.warns(DeprecationWarning, match=r"PairAnswer\.turn"):
        assert pair.turn == 0


def test_both_names_at_once_are_refused() -> None:
    @renamed_arguments(old="new")
    def function(*, new: int = 0) -> int:
        return new

    with pytest.raises(TypeError, match="both 'new' and 'old'"):
        function(new=1, old=2)  # type: ignore[call-arg]
