"""The command line as a user meets it: in a process of its own, errors in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from placeprint.cli import main
from placeprint.datasets.photos.sample_photos import rephotograph
from tests.conftest import HEAR_INTERRUPTS, make_scene, write_photo


def run(
    *arguments: object, cwd: Path | None = None, columns: int = 200, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "placeprint", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=os.environ | {"COLUMNS": str(columns)} | dict(env or {}),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with photos/, a query and an atlas."""
    folder = tmp_path_factory.mktemp("cli")
    for number in range(4):
        write_photo(folder / "photos" / f"{number}.png", make_scene(number))
    write_photo(folder / "query.png", rephotograph(make_scene(2), corners=0.06)[0])
    done = run("index", folder / "photos", "--into", folder / "atlas", "--preset", "sift-vlad")
    assert done.returncode == 0, done.stderr
    assert "4 added, 0 changed, 0 unchanged, 0 skipped" in done.stdout
    return folder


def test_index_again_adds_nothing(folder: Path) -> None:
    done = run("index", folder / "photos", "--into", folder / "atlas")
    assert "0 added, 0 changed, 4 unchanged, 0 skipped" in done.stdout


def test_index_tells_what_it_skipped(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("not a picture")
    done = run("index", tmp_path, "--into", tmp_path / "atlas", "--preset", "sift-vlad")
    assert done.returncode == 0
    assert "1 skipped" in done.stdout and "bad.jpg: not a picture" in done.stdout


def test_search_shows_a_table_and_saves_the_matches(folder: Path, tmp_path: Path) -> None:
    done = run("search", folder / "query.png", "--in", folder / "atlas", "--save-matches", tmp_path / "matches")
    assert done.returncode == 0, done.stderr
    assert "found" in done.stdout and "same place" in done.stdout
    assert [path.name for path in (tmp_path / "matches").iterdir()] == ["query-2.png"]


def test_search_as_json(folder: Path) -> None:
    done = run("search", folder / "query.png", "--in", folder / "atlas", "--json", "--top", 2)
    answer = json.loads(done.stdout)["answers"][0]
    assert answer["found"] is True
    assert Path(answer["evidence"][0]["photo"]).name == "2.png"
    assert len(answer["evidence"]) == 2
    assert answer["evidence"][0]["inliers"] > 20


def test_a_bad_query_is_skipped_and_counted(folder: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.touch()
    done = run("search", bad, folder / "query.png", "--in", folder / "atlas", "--json")
    assert done.returncode == 1, "it was named"
    assert json.loads(done.stdout)["skipped"] == 1
    assert "skipped" in done.stderr and "empty" in done.stderr
    assert run("search", bad, "--in", folder / "atlas").returncode == 1


def test_info(folder: Path) -> None:
    told = json.loads(run("info", folder / "atlas", "--json").stdout)
    assert (told["num_photos"], told["preset"], told["codebook"]) == (4, "sift-vlad", "shipped")
    shown = run("info", folder / "atlas").stdout
    assert "sift-vlad" in shown and "per photo)" in shown


def test_remove(folder: Path, tmp_path: Path) -> None:
    import shutil

    atlas = shutil.copytree(folder / "atlas", tmp_path / "atlas")
    done = run("remove", atlas, folder / "photos" / "0.png")
    assert done.stdout.startswith("removed 1 photos") and done.stdout.endswith("has 3\n")


def test_licenses_are_those_of_every_network() -> None:
    rows = json.loads(run("models", "--licenses", "--json").stdout)
    everything = json.loads(run("models", "--json").stdout)
    assert {row["name"] for row in rows} == {row["name"] for row in everything["weights"] + everything["published"]}
    by_name = {row["name"]: row for row in rows}
    assert by_name["xfeat"]["weights"] == "Apache-2.0"
    assert all(row["weights"] and row["code"] for row in rows)
    stated = [row["stated"] for row in rows]
    assert stated == sorted(stated, reverse=True) and not all(stated)
    assert "Apache-2.0" in run("models", "--licenses").stdout


def test_shells_complete_commands_and_options() -> None:
    line = {"_PLACEPRINT_COMPLETE": "complete_bash", "COMP_WORDS": "placeprint expo", "COMP_CWORD": "1"}
    found = run(env=line).stdout.split()
    assert {"export", "export-colmap", "export-data"} <= set(found)
    assert "search" not in found
    line |= {"COMP_WORDS": "placeprint search --ver", "COMP_CWORD": "2"}
    assert "--verify" in run(env=line).stdout.split()


def test_models_lists_everything() -> None:
    told = json.loads(run("models", "--json").stdout)
    assert {"fusion", "sift-vlad", "xfeat-vlad"} <= set(told["presets"])
    assert {"bow", "netvlad", "vlad"} <= set(told["components"]["aggregators"])
    assert {"nearest", "lightglue"} <= set(told["components"]["matchers"])
    assert told["weights"][0]["license"] == "Apache-2.0"
    narrow = run("models", columns=80).stdout
    assert all(name in narrow for name in (*told["presets"], *(row["name"] for row in told["weights"])))


@pytest.mark.slow
def test_evaluate_writes_the_documented_json(folder: Path, tmp_path: Path) -> None:
    for number in range(9):
        write_photo(tmp_path / "places" / "database" / f"{number}.png", make_scene(number))
    for number in range(3):
        seen, _ = rephotograph(make_scene(number), corners=0.06, seed=number)
        write_photo(tmp_path / "places" / "queries" / f"{number}.png", seen)
    lines = ["query,database", "queries/0.png,database/0.png", "queries/1.png,database/1.png"]
    (tmp_path / "places" / "positives.csv").write_text("\n".join(lines))
    path = tmp_path / "result.json"
    done = run("evaluate", tmp_path / "places", "--preset", "sift-vlad", "--verify", 5, "--json", path)
    assert done.returncode == 0, done.stderr
    result = json.loads(path.read_text())
    assert (result["format"], result["preset"], result["dataset"]) == (2, "sift-vlad", "places")
    assert result["protocol"] == "place-folder-1"
    ranked = {"recall@1": 1, "recall@5": 1, "recall@10": 1, "recall@20": 1, "mAP": 1}
    assert {name: result["metrics"][name] for name in ranked} == ranked
    assert result["intervals"]["recall@1"] == [1, 1]
    assert result["per_query"]["mAP"] == [1, 1, None]
    assert 0 < result["metrics"]["auc_pr"] <= 1 and result["metrics"]["recall_at_100_precision"] in {0, 0.5, 1}
    assert result["queries_without_positives"] == 1
    query = result["queries"][2]
    assert query["query"] == "queries/2.png" and query["ranking"][0] == "database/2.png"
    assert len(query["ranking"]) == len(query["scores"]) == len(query["inliers"]) == 9
    assert query["scores"] == sorted(query["scores"], reverse=True)
    assert result["timing"]["ms_per_query"] > 0 and result["peak_memory_mb"] > 50
    assert "recall@1" in done.stdout
    options = ["--preset", "sift-vlad", "--against", path, "--protocol", "place-folder"]
    again = run("evaluate", tmp_path / "places", *options)
    assert again.returncode == 0, again.stderr
    assert "McNemar" in again.stdout and "difference from sift-vlad, verify 5" in again.stdout


def test_help_tells_defaults_that_are_words() -> None:
    told = {
        "evaluate": "by default place-folder",
        "search": "by default that of the preset",
        "index": "by default balanced",
    }
    for verb, words in told.items():
        assert words in " ".join(run(verb, "--help").stdout.split()), verb


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "q.jpg", "--in", "nowhere"], "there is no atlas at 'nowhere'"),
        (["info", "nowhere"], "there is no atlas at 'nowhere'"),
        (["index", "nothing", "--into", "a", "--preset", "sift-vlad"], "no such file or folder 'nothing'"),
        (
            ["index", ".", "--into", "a", "--preset", "sift"],
            "no preset called 'sift'; known: anyloc, anyloc-512, balanced, best, ",
        ),
        (["evaluate", "."], "is not a place folder: it has no folder database/"),
        (["evaluate", ".", "--protocol", "tokyo"], "no protocol called 'tokyo'; did you mean 'tokyo247'? Known: "),
        (["evaluate", ".", "--protocol", "roxford5k"], "has no gnd_roxford5k.pkl, nor gnd_roxford5k.mat"),
        (["evaluate", ".", "--against", "none.json"], "cannot read 'none.json' as a result"),
        (["evaluate", ".", "--json", "."], "cannot write to '.': it is a folder; give the name of a file in it"),
        (["evaluate", ".", "--json", "/dev/null/a.json"], "cannot write to '/dev/null/a.json': '/dev/null' is a file"),
    ],
)
def test_errors_are_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    write_photo(tmp_path / "photo.png", make_scene(0))
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.startswith("placeprint: ") and done.stderr.count("\n") == 1


def test_another_preset_is_refused_in_one_line(folder: Path) -> None:
    done = run("index", folder / "photos", "--into", folder / "atlas", "--preset", "xfeat-vlad")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "made with the preset 'sift-vlad'" in done.stderr


def test_wrong_usage_exits_with_two() -> None:
    assert run("index").returncode == 2
    assert run("nonsense").returncode == 2


def test_ctrl_c_is_told_in_one_line(folder: Path, tmp_path: Path) -> None:
    import signal

    for number in range(40):
        write_photo(tmp_path / "photos" / f"{number}.png", make_scene(number, 800, 600))
    command = ["index", tmp_path / "photos", "--into", tmp_path / "a", "--preset", "sift-vlad", "--workers", 1]
    with subprocess.Popen(
        [sys.executable, "-c", HEAR_INTERRUPTS + "from placeprint.cli import main; main()", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not (tmp_path / "a" / "write.lock").exists():
            time.sleep(0.05)
        time.sleep(0.7)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted; stored results are kept" in errors
    assert "Traceback" not in errors


def test_nothing_heavy_is_loaded_for_import_and_help() -> None:
    heavy = "{'torch', 'kornia', 'faiss', 'lance', 'pyarrow', 'cv2', 'matplotlib'}"
    for code in ("import placeprint", "import placeprint.cli"):
        subprocess.run(
            [sys.executable, "-c", f"import sys; {code}; found = {heavy} & set(sys.modules); assert not found, found"],
            check=True,
        )


def test_version() -> None:
    from placeprint import __version__

    assert run("--version").stdout.strip() == f"placeprint {__version__}"


def _here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object
) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, which is quicker."""
    monkeypatch.setattr(sys, "argv", ["placeprint", *map(str, arguments)])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as left:
        main()
    shown = capsys.readouterr()
    return subprocess.CompletedProcess(sys.argv, int(left.value.code or 0), shown.out, shown.err)


def test_queries_of_equal_name_have_pictures_of_their_own(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        shutil.copy(folder / "query.png", tmp_path / place / "query.png")
    queries = (tmp_path / "a" / "query.png", tmp_path / "b" / "query.png")
    for _ in range(2):
        done = _here(
            capsys,
            monkeypatch,
            "search",
            *queries,
            "--in",
            folder / "atlas",
            "--save-matches",
            tmp_path / "m",
            "--no-turns",
        )
        assert done.returncode == 0, done.stderr
        assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["query-2-2.png", "query-2.png"]
    done = _here(
        capsys,
        monkeypatch,
        "search",
        queries[0],
        "--in",
        folder / "atlas",
        "--save-matches",
        folder / "photos",
        "--no-turns",
    )
    assert done.returncode == 1 and "would be read as input later" in done.stderr
    assert len(list((folder / "photos").iterdir())) == 4


def test_a_bad_photo_ends_no_command(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = (folder / "photos" / "0.png").read_bytes()
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "cut.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "p" / "whole.png").write_bytes(data)
    cut = tmp_path / "p" / "cut.png"
    for given, status in (
        ([tmp_path / "p"], 0),
        ([cut, tmp_path / "p" / "whole.png"], 1),
        ([tmp_path / "none", tmp_path / "p"], 1),
    ):
        done = _here(capsys, monkeypatch, "search", *given, "--in", folder / "atlas", "--json", "--no-turns")
        told = json.loads(done.stdout)
        assert done.returncode == status, done.stderr
        assert [Path(each["query"]).name for each in told["answers"]] == ["whole.png"]
        assert told["reasons"] and all("skipped" in line for line in done.stderr.splitlines())
        done = _here(
            capsys, monkeypatch, "index", *given, "--into", tmp_path / f"atlas{status}", "--preset", "sift-vlad"
        )
        assert done.returncode == status and "the picture is damaged" in done.stdout, done.stdout
    done = _here(capsys, monkeypatch, "match", cut, folder / "query.png", "--features", "sift")
    assert done.returncode == 1 and f"{cut}: the picture is damaged" in done.stderr


def test_index_takes_positions_from_a_table(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "positions.csv"
    table.write_text("path,latitude,longitude\n0.png,-33.9,151.2\n")
    told = ("index", folder / "photos", "--into", tmp_path / "atlas", "--preset", "sift-vlad")
    done = run(*told, "--gps", table)
    assert done.returncode == 0 and "1 photos have a position from" in done.stdout, done.stderr
    assert json.loads(run("info", tmp_path / "atlas", "--json").stdout)["num_located"] == 1
    table.write_text("path,latitude,longitude\n0.png,151.2,-33.9\n")
    wrong = run("index", folder / "photos", "--into", tmp_path / "other", "--gps", table)
    assert wrong.returncode == 1 and "line 2" in wrong.stderr and "swapped" in wrong.stderr
    assert not (tmp_path / "other").exists()
    lone = run("index", folder / "photos", "--into", tmp_path / "other", "--clock-offset", "+02:00")
    assert lone.returncode == 1 and "--gps" in lone.stderr


def test_doctor_lists_copies_as_json(folder: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in ("a", "b"):
        write_photo(photos / f"{name}.png", make_scene(1))
    assert run("index", photos, "--into", tmp_path / "atlas", "--preset", "sift-vlad").returncode == 0
    done = run("doctor", tmp_path / "atlas", "--json")
    found = json.loads(done.stdout)
    assert [(Path(each["photo"]).name, each["finding"]) for each in found] == [
        ("a.png", "same-file"),
        ("b.png", "same-file"),
    ]
    assert set(found[0]) == {"photo", "finding", "detail", "certainty"}
    assert "gives no probabilities" in done.stderr
    assert run("doctor", tmp_path / "atlas", "--only", "rotten").returncode == 1


def test_geotag_refuses_what_makes_no_sense(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, atlas = folder / "photos", folder / "atlas"
    for arguments, words in (
        ((photos,), "give --in ATLAS"),
        (("--in", atlas), "name the photos"),
        ((photos, "--in", atlas, "--write", "copies"), "needs --output FOLDER"),
        ((photos, "--in", atlas, "--write", "originals"), "sidecars"),
        ((photos, "--in", atlas, "--write", "copies", "--output", photos / "out"), "is in the input"),
        ((photos, "--in", atlas, "--csv", folder / "query.png"), "exists and is not a table"),
        ((photos, "--in", atlas, "--page", tmp_path / "a.txt"), "must end in .html"),
        (("--undo", folder / "query.png"), "needs a folder"),
    ):
        done = _here(capsys, monkeypatch, "geotag", *arguments)
        assert done.returncode == 1 and words in done.stderr, (arguments, done.stderr)


def test_accepted_positions_are_written_and_undone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyexiv2")
    photo = write_photo(tmp_path / "photos" / "a.jpg", make_scene(1))
    table = tmp_path / "accepted.csv"
    table.write_text(f"path,latitude,longitude,radius_m\n{photo},-33.9,151.2,12\n")
    assert (
        "wrote 1 sidecars"
        in _here(capsys, monkeypatch, "geotag", tmp_path / "photos", "--accepted", table, "--write", "sidecars").stdout
    )
    assert (tmp_path / "photos" / "a.jpg.xmp").is_file()
    assert "removed 1 positions" in _here(capsys, monkeypatch, "geotag", "--undo", tmp_path / "photos").stdout
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["a.jpg"]
