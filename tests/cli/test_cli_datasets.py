"""``placeprint datasets`` and ``placeprint evaluate --protocol`` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.datasets.protocols import protocol_names
from tests.cli.test_cli import run
from tests.conftest import make_scene, write_photo
from tests.datasets.tiny import put


def test_the_protocols_are_listed() -> None:
    done = run("datasets", columns=80)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in protocol_names()) and "18,871" in done.stdout
    told = json.loads(run("datasets", "--json").stdout)
    assert [row["protocol"].rpartition("-")[0] for row in told] == protocol_names()


def test_a_protocol_is_shown() -> None:
    shown = run("datasets", "show", "roxford5k").stdout
    assert "gnd_roxford5k.pkl" in shown and "Radenovic" in shown and "cropped" in shown
    assert json.loads(run("datasets", "show", "msls-val-1", "--json").stdout)["queries"] == 740
    assert "did you mean 'ukbench'" in run("datasets", "show", "ukbenc").stderr


def test_a_copy_is_checked(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "a/2.jpg", "b/3.jpg")
    done = run("datasets", "check", "class-folder", tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        "class-folder-1: 3 queries, 3 database photos; 1.0 right photos per query, 1 queries without one" in done.stdout
    )
    assert "the copy is complete" in done.stdout
    (tmp_path / "a" / "2.jpg").write_bytes(b"")
    broken = run("datasets", "check", "class-folder", tmp_path)
    assert broken.returncode == 1 and "broken: a/2.jpg: the file is empty" in broken.stdout
    none = run("datasets", "check", "sped", tmp_path)
    assert none.returncode == 1 and none.stderr.startswith("placeprint: ") and "has no folder ref/" in none.stderr


@pytest.mark.slow
def test_evaluate_by_a_protocol(tmp_path: Path) -> None:
    for number in range(4):
        scene = make_scene(number)
        write_photo(tmp_path / "photos" / f"{number}" / "first.png", scene)
        write_photo(tmp_path / "photos" / f"{number}" / "second.png", rephotograph(scene, corners=0.06, seed=number)[0])
    path = tmp_path / "result.json"
    options = ["--preset", "sift-vlad", "--codebook", "shipped", "--protocol", "class-folder", "--json", path]
    done = run("evaluate", tmp_path / "photos", *options)
    assert done.returncode == 0, done.stderr
    result = json.loads(path.read_text())
    assert result["protocol"] == "class-folder-1" and result["metrics"]["MAP@R"] > 0.7
    assert result["metrics"]["MAP@R"] == result["metrics"]["recall@1"], "one photo each is right"
    assert len(result["queries"]) == 8 and len(result["queries"][0]["ranking"]) == 7, "not the query itself"
    assert "class-folder-1" in done.stdout and "R-precision" in done.stdout
