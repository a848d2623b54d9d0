"""``placeprint index --ignore``: refused before an atlas is made, and handed on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint import Atlas
from tests.cli.test_cli import run
from tests.conftest import make_scene, write_photo


@pytest.mark.slow
def test_classes_are_named_on_the_command_line(tmp_path: Path) -> None:
    photo, atlas = write_photo(tmp_path / "photos" / "1.png", make_scene(3)), tmp_path / "atlas"
    values = np.ones((240, 320, 3), np.uint8)
    values[:, 160:] = 2
    write_photo(tmp_path / "masks" / "1.png", values)
    (tmp_path / "masks" / "classes.csv").write_text("value,name\n1,building\n2,sky\n")
    index, masks = ("index", photo, "--into", atlas, "--preset", "sift-vlad"), ("--masks", tmp_path / "masks")
    for given, said in (
        ((*masks, "--ignore", "sky, car"), "no class called 'car'"),
        ((*masks, "--ignore", " ,"), "needs class names"),
        (("--ignore", "sky"), "pictures of classes are needed"),
    ):
        done = run(*index, *given)
        assert done.returncode == 1
        assert said in done.stderr
        assert not atlas.exists()
    assert run(*index, *masks, "--ignore", " Sky").returncode == 0
    now = Atlas.open(atlas).snapshot()
    (features,) = now.features_of(sorted(now.usable()), 0)
    assert len(features.keypoints)
    assert features.keypoints[:, 0].max() < 165
