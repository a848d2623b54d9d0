"""What is shown is what is: names, encodings, streams that are closed or full; and how errors end."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from placeprint.cli import leaving
from placeprint.cli.leaving import run
from placeprint.cli.output import console, print_json, printable, say, show, warn
from placeprint.cli.skipping import SHOWN, Skips, check_some, list_named
from placeprint.errors import OptionError, PhotoError
from tests.conftest import make_scene, write_photo

CLI = Path(leaving.__file__).parent
ODD = ("[red].jpg", ":heart:.jpg", "a[/b].jpg", "%s {} $HOME.jpg", "[link=x]y[/link].jpg", "漢字 é.jpg")


@pytest.mark.parametrize("name", ODD)
def test_names_are_shown_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    table = Table("photo", title=f"about {name}", min_width=60)
    table.add_row(printable(name))
    show(table)
    say(f"  skipped {name}: why", style="yellow")
    warn(name)
    shown = capsys.readouterr()
    assert shown.out.count(name) == 3 and shown.err == f"placeprint: {name}\n"


def test_what_would_change_the_terminal_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    said = {
        "a\x1b[31m.jpg": r"a\x1b[31m.jpg",
        "a\nb\r.jpg": r"a\nb\r.jpg",
        "a\u202egpj.exe": r"a\u202egpj.exe",
        "caf\udce9.jpg": r"caf\xe9.jpg",
        "a\x07\x9b\u2028": r"a\x07\x9b\u2028",
        "👨\u200d👩\u200d👧.jpg": "👨\u200d👩\u200d👧.jpg",
    }
    for name, expected in said.items():
        say(name)
        warn(name)
        shown = capsys.readouterr()
        assert shown.out == f"{expected}\n" and shown.err == f"placeprint: {expected}\n"
    print_json({"photo": "caf\udce9\n.jpg"})
    assert capsys.readouterr().out.splitlines()[1] == r'  "photo": "caf\udce9\n.jpg"'


@pytest.mark.parametrize("path", sorted(CLI.glob("*.py")), ids=lambda path: path.stem)
def test_every_verb_prints_through_one_place(path: Path) -> None:
    if path.stem in {"output", "leaving"}:
        return
    tree = ast.parse(path.read_text("utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not calls & {"print", "typer.echo", "typer.secho", "rich.print", "Console", "sys.stdout.write"}
    text = path.read_text("utf-8")
    assert "[/]" not in text and "[bold" not in text, "markup is not understood; use rich.text.Text"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_every_encoding_can_be_printed(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.table import Table

    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])

    def verb(**_: object) -> None:
        table = Table("photo", title="漢字")
        table.add_row("漢字 é \udce9.jpg")
        console().print(table)
        print_json({"a": "漢字"})
        say("漢字 \udce9")
        raise OptionError("漢字 \udce9")

    assert run(verb) == 1
    assert all(stream.errors == "backslashreplace" for stream in streams)


def test_terminals_of_a_few_columns_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.table import Table

    for columns in (1, 2, 7):
        monkeypatch.setenv("COLUMNS", str(columns))
        table = Table("rank", "photo", title="a long title")
        table.add_row("1", "a/long/name.jpg")
        show(table)


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (OptionError("two\nlines"), 1, r"placeprint: two\nlines"),
        (PhotoError("a\x1b[31m"), 1, r"placeprint: a\x1b[31m"),
        (typer.BadParameter("wrong"), 2, "placeprint: Invalid value: wrong"),
        (
            KeyError("x"),
            70,
            "placeprint: this is a bug in placeprint: KeyError: 'x'; please report it, with the output of PLACE",
        ),
        (
            OSError(5, "Input/output error"),
            70,
            "placeprint: this is a bug in placeprint: OSError: [Errno 5] Input/outp",
        ),
        (RecursionError("maximum recursion depth exceeded"), 70, "placeprint: this is a bug in placeprint: RecursionE"),
        (MemoryError(), 1, "placeprint: not enough memory; use fewer --workers"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), 1, "placeprint: not enough memory"),
        (KeyboardInterrupt(), 130, "placeprint: interrupted; stored results are kept"),
        (BrokenPipeError(32, "Broken pipe"), 70, "placeprint: this is a bug in placeprint: BrokenPipeError"),
        (typer.Exit(1), 1, ""),
        (SystemExit(3), 3, ""),
    ],
    ids=repr,
)
def test_every_error_is_one_line(
    error: BaseException, status: int, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(leaving.DEBUG, raising=False)

    def verb(**_: object) -> None:
        raise error

    code = run(verb) if not isinstance(error, typer.Exit) else _by_typer(error)
    shown = capsys.readouterr()
    assert code == status and shown.out == ""
    assert shown.err.startswith(words) and shown.err.count("\n") == bool(words)
    monkeypatch.setenv(leaving.DEBUG, "1")
    if isinstance(error, KeyError):
        run(verb)
        assert "Traceback" in capsys.readouterr().err


def _by_typer(error: BaseException) -> int:
    app = typer.Typer()

    @app.command()
    def verb() -> None:
        raise error

    sys.argv = ["placeprint"]
    return run(app)


def test_a_full_stdout_is_told_and_a_closed_pipe_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def verb(**_: object) -> None:
        say("some text")

    for buffering in (1, 8192):
        with Path("/dev/full").open("w", buffering=buffering) as full:
            monkeypatch.setattr(sys, "stdout", full)
            assert run(verb) == 1
            assert capsys.readouterr().err == "placeprint: cannot write to stdout: the disk is full\n"
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        assert run(verb) == 1
        assert capsys.readouterr().err == ""


def test_streams_that_the_shell_closed(tmp_path: Path) -> None:
    command = f"{sys.executable} -m placeprint datasets"
    for redirected, status in ((">&- 2>&- <&-", 0), ("2>&- >/dev/full", 1)):
        done = subprocess.run(
            ["bash", "-c", f"{command} {redirected}"], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert done.returncode == status, redirected
        assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -1"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "TERM": "dumb"},
    )
    assert done.stdout.strip() == "Protocols" and not done.stderr


def test_skipped_photos_are_told_in_order_and_grouped(capsys: pytest.CaptureFixture[str]) -> None:
    skips = Skips()
    skips.report_all([(f"/p/{number:04}.jpg", "empty" if number % 3 else "damaged") for number in reversed(range(900))])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "  skipped /p/0000.jpg: damaged" and lines[SHOWN - 1] == "  skipped /p/0019.jpg: empty"
    assert lines[SHOWN:] == ["  skipped 587 more: empty", "  skipped 293 more: damaged"] and skips.count == 900
    skips.report_all([(f"/q/{number:04}.jpg", f"reason {number}") for number in range(900)])
    assert len(capsys.readouterr().out.splitlines()) == 2 * SHOWN + 1
    skips.leave()


def test_a_bad_photo_that_is_named_makes_the_status_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_photo(tmp_path / "photos" / "a.png", make_scene(0))
    os.mkfifo(tmp_path / "photos" / "b.png")
    paths, skips = list_named([Path("photos")])
    assert [path.name for path in paths] == ["a.png"] and skips.count == 1
    skips.report(tmp_path / "photos" / "a.png", "damaged")
    skips.leave()
    for places in (["photos", "none.jpg"], ["photos", "photos/b.png"]):
        paths, skips = list_named(map(Path, places))
        assert [path.name for path in paths] == ["a.png"]
        with pytest.raises(typer.Exit):
            skips.leave()
    _, skips = list_named([Path("photos"), Path("photos/a.png")])
    skips.report(tmp_path / "photos" / "a.png", "damaged")
    with pytest.raises(typer.Exit):
        skips.leave()
    with pytest.raises(PhotoError, match=r"no such file or folder 'none.jpg'"):
        list_named([Path("none.jpg")])
    with pytest.raises(PhotoError, match="none of the 2 photos can be used"):
        check_some(0, 2)
