"""Nothing is written over but what placeprint wrote itself."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from placeprint.cli.picture_names import picture_name, safe_stem
from placeprint.core.files import write_arrays
from placeprint.core.outputs import (
    ARRAYS,
    ONNX,
    PAGE,
    PICTURE,
    PRESET,
    RESULT,
    TEXT,
    Kind,
    check_output,
    check_output_folder,
)
from placeprint.errors import WriteError
from placeprint.visualization.canvas import write_picture
from tests.conftest import make_scene, write_photo


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a photo in a folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return write_photo(tmp_path / "photos" / "a.jpg", make_scene(0))


def test_an_input_is_refused_by_every_name(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(photo)
    (tmp_path / "hard.png").hardlink_to(photo)
    (tmp_path / "folder").symlink_to(tmp_path / "photos")
    names: list[str | Path] = [
        photo,
        "photos/a.jpg",
        "photos/../photos/./a.jpg",
        "link.png",
        "hard.png",
        "folder/a.jpg",
    ]
    for name in names:
        for given in (photo, Path("photos/a.jpg")):
            with pytest.raises(WriteError, match="it is one of the inputs"):
                check_output(Path(name), PICTURE, [None, given])
    with pytest.raises(WriteError, match="it is one of the inputs"):
        check_output(tmp_path / "new.json", RESULT, ["new.json"])


@pytest.mark.parametrize("kind", [PICTURE, RESULT, ONNX, ARRAYS, PRESET, PAGE, TEXT], ids=lambda kind: kind.name)
def test_what_placeprint_did_not_write_is_refused(photo: Path, tmp_path: Path, kind: Kind) -> None:
    write_photo(tmp_path / "a.png", make_scene(0))
    write_photo(tmp_path / "a.webp", make_scene(0))
    for name, text in (
        ("a.csv", "query,database\n"),
        ("a.json", '{"a": 1}'),
        ("a.toml", 'summary = "mine"'),
        ("a", "# a"),
    ):
        (tmp_path / name).write_text(text)
    for path in (photo, *(each for each in tmp_path.iterdir() if each.is_file())):
        with pytest.raises(WriteError, match=r"it exists and is not a .* written by placeprint; move it away"):
            check_output(path, kind)
    (tmp_path / "empty").touch()
    check_output(tmp_path / "empty", kind)
    check_output(tmp_path / "new", kind)


def test_own_output_may_be_written_again(tmp_path: Path) -> None:
    for suffix in ("png", "jpg", "webp"):
        for number in range(2):
            write_picture(tmp_path / f"a.{suffix}", make_scene(number))
    (tmp_path / "a.json").write_text(json.dumps({"format": 2, "protocol": "p"}, indent=1))
    check_output(tmp_path / "a.json", RESULT)
    (tmp_path / "b.json").write_text(json.dumps({"format": 1, "key": "k"}))
    check_output(tmp_path / "b.json", RESULT)
    write_arrays(tmp_path / "a.npz", {"a": np.arange(3)})
    check_output(tmp_path / "a.npz", ARRAYS)
    with pytest.raises(WriteError, match="not a model"):
        check_output(tmp_path / "a.npz", ONNX)


def test_places_that_cannot_be_written_are_refused(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "atlas" / "state").mkdir(parents=True)
    (tmp_path / "atlas" / "atlas.toml").write_text("format = 1")
    for name, message in (
        ("photos", "it is a folder; give the name of a file in it"),
        ("-", "to print, name /dev/stdout"),
        ("photos/a.jpg/b.json", "a.jpg' is a file"),
        ("atlas/b.json", "it is in the atlas"),
        ("atlas/state/b.json", "it is in the atlas"),
        ("x" * 256, "the name is too long"),
        ("a\0b", "null"),
    ):
        with pytest.raises(WriteError, match=message):
            check_output(Path(name), RESULT, [photo])
    check_output(Path("/dev/null"), RESULT)
    check_output(Path("new/folders/b.json"), RESULT)


def test_folders_that_are_read_are_no_place_for_output(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    (tmp_path / "atlas").mkdir()
    (tmp_path / "atlas" / "atlas.toml").write_text("format = 1")
    for name in ("photos", "photos/new/er", "link", "link/new"):
        with pytest.raises(WriteError, match="it is in the input 'photos' and would be read as input later"):
            check_output_folder(Path(name), [None, "photos"])
    for name, message in (("photos/a.jpg", "it is a file"), ("atlas", "in the atlas"), ("atlas/new", "in the atlas")):
        with pytest.raises(WriteError, match=message):
            check_output_folder(Path(name))
    check_output_folder(tmp_path, [photo])
    check_output_folder(Path("new"), ["photos"])
    with pytest.raises(WriteError, match=r"it contains 'a.jpg' and no earlier output"):
        check_output_folder(Path("photos"), only=["maps"], mark="recipe.toml")
    (tmp_path / "run" / "maps").mkdir(parents=True)
    check_output_folder(Path("run"), only=["maps"], mark="recipe.toml")
    (tmp_path / "photos" / "recipe.toml").touch()
    check_output_folder(Path("photos"), only=["maps"], mark="recipe.toml")


def test_no_two_queries_share_a_picture(tmp_path: Path) -> None:
    taken = {}
    write_photo(tmp_path / "q-1.png", make_scene(0))  # a photo, by chance of that name
    before = (tmp_path / "q-1.png").read_bytes()
    for query in ("a/q.jpg", "b/q.jpg", "b/q.png", "a/Q.jpg", "a/q.jpg"):
        path, about = picture_name(tmp_path, Path(query), Path("places/1.jpg"))
        write_picture(path, make_scene(0), about=about)
        taken[query] = path.name
    assert taken == {"a/q.jpg": "q-1-2.png", "b/q.jpg": "q-1-3.png", "b/q.png": "q-1-4.png", "a/Q.jpg": "Q-1.png"}
    assert (tmp_path / "q-1.png").read_bytes() == before
    long, _ = picture_name(tmp_path, Path("é" * 120 + ".jpg"), Path("ü" * 120 + ".jpg"))
    assert len(os.fsencode(long.name)) < 255
    assert safe_stem(Path("a/b\udce9\x1b[3.jpg")) == "b__[3" and safe_stem(Path("...")) == "photo"
