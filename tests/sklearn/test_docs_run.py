"""The page about scikit-learn and Torch runs as it is written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_scene, write_photo

PAGE = Path(__file__).parents[2] / "docs" / "scikit-learn.md"


def test_the_python_of_the_page_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("torch")
    paths, places = [], []
    for scene in range(4):
        for shift in range(3):
            paths.append(write_photo(tmp_path / f"{scene}{shift}.png", np.roll(make_scene(scene), 4 * shift, axis=1)))
            places.append(scene)
    known = {"paths": paths, "places": places}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S):
        exec(block, known)
    assert capsys.readouterr().out.split("\n")[:2] == ["[0]", "torch.Size([2, 640])"]
