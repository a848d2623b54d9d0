"""No input gives a traceback: every file, folder and number of every verb, against a table of bad ones."""

from __future__ import annotations

import functools
import inspect
import io
import os
import sys
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer.main

from placeprint.cli import app, main
from tests.conftest import make_scene, write_photo

PRESET = "sift-vlad"
"""Describes photos without a network."""
DEEP = b"[" * 100_000


def _truncated(photo: Path) -> bytes:
    data = photo.read_bytes()
    return data[: len(data) // 2]


def _npz() -> bytes:
    import numpy as np

    stream = io.BytesIO()
    np.savez(stream, a=np.arange(3))
    return stream.getvalue()


CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "junk": bytes(range(256)) * 40,
    "latin.txt": "caf\xe9 = 1\n".encode("latin1"),
    "bom.toml": b"\xef\xbb\xbfname = 1\n",
    "utf16.toml": 'summary = "x"\n'.encode("utf-16"),
    "latin.toml": '# caf\xe9\nsummary = "x"\n'.encode("latin1"),
    "junk.toml": bytes(range(256)),
    "deep.toml": b"a = " + DEEP,
    "table.toml": b"extractor = 3\n[aggregator]\nname = 7\n",
    "deep.json": DEEP,
    "list.json": b"[1, 2]",
    "wrong.json": b'{"format": 1, "queries": [1], "per_query": {"a": "b"}}',
    "binary.csv": b"\x00\x01\x02,\xff",
    "array.npz": _npz(),
    "cut.npz": _npz()[:100],
    "junk.safetensors": b"\xff" * 64,
    "long.safetensors": (1 << 62).to_bytes(8, "little") + b"{}",
    "junk.onnx": b"\x08\x07junk",
    "sound.jpg": b"RIFF\x00\x00\x00\x00WAVEfmt ",
}

PHOTOS = ("cut.png", "halves", "pipe", "loop", "missing", "[red].jpg")
TOML = ("latin.toml", "deep.toml", "table.toml", "folder.toml", "pipe.toml", "missing.toml", "junk", "cut.png/inside")
FOLDERS = ("junk", "pipe", "folder", "missing", "loop", "x" * 300)
TABLES = ("junk", "binary.csv", "empty", "latin.txt", "pipe", "folder", "missing", "loop", "cut.png/inside")
JSON = ("deep.json", "list.json", "wrong.json", "latin.txt", "pipe", "folder", "missing")
NETWORKS = ("junk.safetensors", "long.safetensors", "empty", "folder", "missing", "pipe")
TAKEN = ("junk", "cut.png", "cut.png/inside", "loop", "x" * 300, "array.npz")
FILES = (*TAKEN, "folder")

INPUTS: dict[str, tuple[str, Sequence[str]]] = {
    "index": ("{bad} --into {new}/atlas --preset sift-vlad", PHOTOS),
    "index preset": ("{photos} --into {new}/atlas --preset {bad}", TOML),
    "index positions": ("{photos} --into {new}/atlas --preset sift-vlad --gps {bad}", TABLES),
    "index masks": (
        "{photos} --into {new}/atlas --preset sift-vlad --masks {bad}",
        ("junk", "pipe", "missing", "loop"),
    ),
    "search": ("{bad} --in {atlas}", PHOTOS),
    "locate": ("{bad} --in {atlas}", PHOTOS),
    "locate atlas": ("{query} --in {bad}", FOLDERS),
    "locate folder": ("{query} --in {atlas} --folder {bad}", FOLDERS),
    "search folder": ("{query} --in {atlas} --folder {bad}", FOLDERS),
    "search near": ("{query} --in {atlas} --near {bad}", ("1,2", "91,0,5", "nan,0,1")),
    "search box": ("{query} --in {atlas} --box {bad}", ("1,2", "0,9,0,8")),
    "search times": ("{query} --in {atlas} --after {bad}", ("yesterday", "2026-13-01", "junk")),
    "locate exclude": ("{query} --in {bad} --exclude {query}", FOLDERS),
    "places": ("{bad}", FOLDERS),
    "explain": ("{bad} --in {atlas} --output {new}/page.html", PHOTOS),
    "explain atlas": ("{query} --in {bad} --output {new}/page.html", FOLDERS),
    "compare": ("{bad} {query} --output {new}/page.html", PHOTOS),
    "compare atlas": ("--place x --in {bad} --output {new}/page.html", FOLDERS),
    "geotag": ("{bad} --in {atlas}", PHOTOS),
    "geotag atlas": ("{query} --in {bad}", FOLDERS),
    "geotag accepted": ("{query} --in {atlas} --write sidecars --accepted {bad}", TABLES),
    "geotag undo": ("--undo {bad}", ("junk", "pipe", "missing", "loop")),
    "doctor": ("{bad}", FOLDERS),
    "coverage": ("{bad}", FOLDERS),
    "calibrate": ("{bad}", FOLDERS),
    "compact": ("{bad}", FOLDERS),
    "verify": ("{bad}", FOLDERS),
    "pack": ("{bad} --output {new}/a.pack", FOLDERS),
    "pack region": ("{atlas} --output {new}/a.pack --region {bad}", ("1,2,3", "0,9,0,8", "junk")),
    "pack root": ("{atlas} --output {new}/a.pack --root {bad}", ("junk", "folder", "missing", "loop")),
    "unpack": ("{bad} --into {new}/unpacked", (*NETWORKS, "array.npz", "cut.npz", "loop", "x" * 300)),
    "export-atlas": ("{bad} --output {new}/exported", FOLDERS),
    "export-atlas root": ("{atlas} --output {new}/exported --root {bad}", ("junk", "folder", "missing", "loop")),
    "import-atlas": ("{bad} --into {new}/imported", FOLDERS),
    "import-atlas root": ("{bad} --into {new}/imported --root {photos}", FOLDERS),
    "unpack root": ("{bad} --into {new}/unpacked --root {photos}", ("junk", "array.npz")),
    "pairs": ("{bad}", FOLDERS),
    "export-colmap": ("{bad} --database {new}/db.db", FOLDERS),
    "reconstruct": ("{bad} --output {new}/model", FOLDERS),
    "localize": ("{bad} --in {atlas} --model {new}", PHOTOS),
    "localize atlas": ("{query} --in {bad} --model {new}", FOLDERS),
    "localize model": ("{query} --in {atlas} --model {bad}", FOLDERS),
    "serve": ("{bad}", FOLDERS),
    "serve token": (
        "{atlas} --host 0.0.0.0 --token-file {bad}",
        ("junk", "empty", "latin.txt", "pipe", "folder", "missing"),
    ),
    "serve folders": ("{bad} --root {photos} --uploads {new}/uploads", FOLDERS),
    "mcp": ("{bad}", FOLDERS),
    "search atlas": ("{query} --in {bad}", FOLDERS),
    "match first": ("{bad} {query} --features sift", PHOTOS),
    "match second": ("{query} {bad} --features sift", PHOTOS),
    "match masks": ("{query} {query} --features sift --masks {query} {bad}", PHOTOS),
    "inspect": ("{bad} --layer 2 --size 64 --output {new}/p.png", PHOTOS),
    "inspect backbone": ("{query} --layer 2 --output {new}/p.png --backbone {bad}", NETWORKS),
    "info": ("{bad}", FOLDERS),
    "refit": ("{bad}", FOLDERS),
    "remove": ("{atlas} {bad}", PHOTOS),
    "remove atlas": ("{bad} {query}", FOLDERS),
    "learn": ("{bad} --output {new}/preset --preset sift-vlad", PHOTOS),
    "learn preset": ("{photos} --output {new}/preset --preset {bad}", TOML),
    "train recipe": ("{bad} --data {photos} --output {new}/run", TOML),
    "train data": ("cgd --data {bad} --output {new}/run", FOLDERS),
    "evaluate": ("{bad} --preset sift-vlad", FOLDERS),
    "evaluate preset": ("{places} --preset {bad}", TOML),
    "evaluate protocol": ("{places} --preset sift-vlad --protocol {bad}", TOML),
    "evaluate against": ("{places} --preset sift-vlad --against {bad}", JSON),
    "export": ("{bad} --output {new}/m.onnx", (*TOML, *FOLDERS)),
    "export-data": ("{bad} --output {new}/a.parquet", FOLDERS),
    "import": ("{bad} --as netvlad --output {new}/preset", NETWORKS),
    "demo photos": ("--photos {bad} --query {query} --output {new}/demo --preset sift-vlad", ("pipe", "missing")),
    "demo query": ("--photos {photos} --query {bad} --output {new}/demo --preset sift-vlad", ("cut.png", "missing")),
    "benchmark matching": ("--data {bad} --features sift", FOLDERS),
    "benchmark retrieval": ("--data {bad} --output {new}/b --preset sift-vlad", FOLDERS),
    "benchmark retrieval preset": ("--data {places} --output {new}/b --preset {bad}", TOML),
    "models get": ("cosplace-r18 --from {bad}", NETWORKS),
    "datasets show": ("{bad}", TOML),
    "datasets check": ("place-folder {bad}", FOLDERS),
}
"""Arguments of each verb with a place for what is bad, and what is tried there."""
OUTPUTS: dict[str, tuple[str, Sequence[str]]] = {
    "index into": ("{photos} --into {bad} --preset sift-vlad", (*TAKEN, "halves", "-")),
    "search matches": ("{query} --in {atlas} --save-matches {bad}", (*TAKEN, "{photos}", "{atlas}")),
    "explain output": ("{query} --in {atlas} --output {bad}", (*FILES, "{query}", "-")),
    "compare output": ("{query} {query} --output {bad}", (*FILES, "{query}", "-")),
    "geotag table": ("{query} --in {atlas} --csv {bad}", (*FILES, "{query}", "{places}/positives.csv")),
    "geotag map": ("{query} --in {atlas} --geojson {bad}", (*FILES, "{query}")),
    "geotag page": ("{query} --in {atlas} --page {bad}", (*FILES, "{query}")),
    "geotag copies": ("{query} --in {atlas} --write copies --output {bad}", (*TAKEN, "{photos}", "{atlas}")),
    "coverage page": ("{atlas} --page {bad}", (*FILES, "{query}", "{atlas}/atlas.toml")),
    "calibrate pictures": ("{atlas} --pictures {bad}", (*TAKEN, "{photos}", "{atlas}")),
    "pack output": ("{atlas} --output {bad}", (*FILES, "{query}", "{atlas}/atlas.toml")),
    "export-atlas output": ("{atlas} --output {bad}", (*TAKEN, "halves", "{photos}", "{atlas}")),
    "unpack into": ("{query} --into {bad}", (*TAKEN, "halves", "{photos}", "{atlas}")),
    "import-atlas into": ("{photos} --into {bad}", (*TAKEN, "halves", "{photos}", "{atlas}")),
    "pairs output": ("{atlas} --output {bad}", (*FILES, "{query}", "{atlas}/atlas.toml")),
    "export-colmap database": ("{atlas} --database {bad}", (*FILES, "{query}", "{atlas}/atlas.toml")),
    "export-colmap hdf5": ("{atlas} --hdf5 {bad}", (*TAKEN, "{atlas}")),
    "reconstruct output": ("{atlas} --output {bad}", (*TAKEN, "halves", "{photos}", "{atlas}")),
    "localize output": ("{query} --in {atlas} --model {new} --output {bad}", (*FILES, "{query}")),
    "match output": ("{query} {query} --features sift --output {bad}", (*FILES, "{query}", "-")),
    "match pictures": ("{query} {query} --features sift --pictures {bad}", (*TAKEN, "{atlas}")),
    "import output": ("{query} --as netvlad --output {bad}", (*TAKEN, "{photos}", "{atlas}")),
    "inspect output": ("{query} --layer 2 --size 64 --output {bad}", (*FILES, "{query}")),
    "learn output": ("{photos} --output {bad} --preset sift-vlad", (*TAKEN, "{photos}", "{atlas}")),
    "train output": ("cgd --data {photos} --output {bad}", (*TAKEN, "{photos}", "{photos}/run", "halves")),
    "train maps": ("cgd --data {photos} --output {new}/run --maps {bad}", (*TAKEN, "{photos}")),
    "evaluate json": ("{places} --preset sift-vlad --json {bad}", (*FILES, "{places}/positives.csv", "-")),
    "export output": ("lite2-gem --output {bad}", (*FILES, "{query}", "{atlas}/m.onnx", "{atlas}/atlas.toml")),
    "export-data parquet": ("{atlas} --output {bad} --format parquet", (*FILES, "{query}", "{atlas}/atlas.toml")),
    "export-data faiss": ("{atlas} --output {bad} --format faiss", (*FILES, "{query}", "{atlas}/atlas.toml")),
    "export-data geojson": ("{atlas} --output {bad} --format geojson", (*FILES, "{query}", "{atlas}/atlas.toml")),
    "export-data kml": ("{atlas} --output {bad} --format kml", (*FILES, "{query}", "{atlas}/atlas.toml")),
    "demo output": ("--photos {photos} --query {query} --preset sift-vlad --output {bad}", (*TAKEN, "{photos}")),
    "benchmark matching json": ("--features sift --data {new} --json {bad}", (*FILES, "{query}")),
    "benchmark retrieval output": ("--data {places} --preset sift-vlad --output {bad}", (*TAKEN, "{places}")),
}
"""The same of what is written; all of these are refused, and nothing changes."""
GROUPS = ("benchmark", "datasets", "models")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return what is good by name: photos, an atlas of them, a query, a place folder; and the folder of bad files."""
    folder = tmp_path_factory.mktemp("world")
    for number in range(2):
        write_photo(folder / "photos" / f"{number}.png", make_scene(number, 96, 64))
    query = write_photo(folder / "query.png", make_scene(0, 96, 64))
    for part in ("database", "queries"):
        write_photo(folder / "places" / part / "0.png", make_scene(0, 96, 64))
    (folder / "places" / "positives.csv").write_text("query,database\nqueries/0.png,database/0.png\n")
    bad = folder / "bad"
    for name, content in CONTENTS.items():
        (bad / name).parent.mkdir(exist_ok=True)
        (bad / name).write_bytes(content)
    (bad / "folder").mkdir()
    (bad / "folder.toml").mkdir()
    (bad / "halves").mkdir()
    (bad / "halves" / "0.png").write_bytes(_truncated(query))
    (bad / "cut.png").write_bytes(_truncated(query))
    os.mkfifo(bad / "pipe")
    os.mkfifo(bad / "pipe.toml")
    (bad / "loop").symlink_to(bad / "loop")
    (bad / "nowhere.jpg").symlink_to(bad / "gone.jpg")
    world = {"photos": folder / "photos", "query": query, "places": folder / "places", "atlas": folder / "atlas"}
    assert _main(["index", str(world["photos"]), "--into", str(world["atlas"]), "--preset", PRESET]) == 0
    return world | {"bad": bad}


def _main(arguments: list[str]) -> int:
    sys.argv = ["placeprint", *arguments]
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def _command(name: str, template: str, world: dict[str, Path], **more: object) -> list[str]:
    words = name.split()
    verb = words[:2] if words[0] in GROUPS else words[:1]
    places = {key: str(path) for key, path in world.items()} | {key: str(value) for key, value in more.items()}
    return [*verb, *(word.format(**places) for word in template.split(" "))]


def _check(status: int, shown: Any, command: list[str]) -> None:
    assert status in {0, 1, 2}, f"{command}: {shown.err}"
    assert "Traceback" not in shown.err, f"{command}: {shown.err}"
    lines = [line for line in shown.err.splitlines() if line.startswith("placeprint: ")]
    assert status == 0 or lines, f"{command} said nothing: {shown.err}"
    assert "\x1b" not in shown.out + shown.err.replace("\x1b[?25", ""), command


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `inspect` look at a network of two layers where it is not given another."""
    import torch
    from torch import nn

    from placeprint.networks import deconvnet

    torch.manual_seed(0)
    real, usual = deconvnet.load_network, "efficientnet-lite2"
    network = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)).eval()
    monkeypatch.setattr(deconvnet, "load_network", lambda name: network if name == usual else real(name))


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("name", INPUTS)
def test_no_input_gives_a_traceback(
    name: str, world: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template, tried = INPUTS[name]
    for bad in tried:
        command = _command(name, template, world, bad=world["bad"] / bad, new=tmp_path)
        status = _main(command)
        _check(status, capsys.readouterr(), command)
        assert status or bad == "halves", f"{command} was accepted"


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("name", OUTPUTS)
def test_no_output_replaces_anything(
    name: str, world: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template, tried = OUTPUTS[name]
    before = _contents(world["bad"].parent)
    for bad in tried:
        place = bad.format(**world) if "{" in bad else bad if bad == "-" else str(world["bad"] / bad)
        command = _command(name, template, world, bad=place, new=tmp_path)
        status = _main(command)
        shown = capsys.readouterr()
        _check(status, shown, command)
        assert status and shown.err.startswith("placeprint: "), command
    assert _contents(world["bad"].parent) == before


@pytest.mark.slow
def test_no_number_gives_a_traceback(
    world: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = 0
    verbs = {" ".join(_command(name, "", {})[:-1]): name for name in INPUTS}
    for verb, name in verbs.items():
        template, _ = INPUTS[name]
        for option in _options(verb, "int", "float"):
            for value in ("x", "-1", "nan", "1e99", "9" * 30):
                command = [*_command(name, template, world, bad=tmp_path / "none", new=tmp_path), option, value]
                _check(_main(command), capsys.readouterr(), command)
                tried += 1
    assert tried > 50


def test_every_option_that_names_a_file_is_tried() -> None:
    tried = {name.split()[0]: "" for name in (*INPUTS, *OUTPUTS)}
    for name, (template, _) in (*INPUTS.items(), *OUTPUTS.items()):
        tried[name.split()[0]] += f" {template}"
    for verb in _commands():
        for option in _options(verb, "Path"):
            assert not option.startswith("-") or option in tried[verb.split()[0]].split(), f"{verb} {option}"


@functools.cache
def _commands() -> dict[str, Any]:
    found: dict[str, Any] = {}
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        inside = getattr(command, "commands", None)
        found |= {f"{name} {each}": sub for each, sub in inside.items()} if inside else {name: command}
    return found


def _options(verb: str, *kinds: str) -> list[str]:
    """Return the options and arguments of a verb whose type has one of these words in it."""
    command = _commands()[verb]
    hints = typing.get_type_hints(inspect.unwrap(command.callback))
    return [each.opts[0] for each in command.params if any(kind in str(hints.get(each.name)) for kind in kinds)]


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path): path.read_bytes() for path in files}
