"""Presets on photos: each pair once, whatever happens in between."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import placeprint
from placeprint.atlas import Atlas
from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.datasets.readers.place_folder import read_place_folder
from placeprint.errors import DatasetError, OptionError
from placeprint.evaluation import benchmark
from placeprint.evaluation.benchmark import Pair, finished, pairs_of, run_benchmark, run_pair
from placeprint.evaluation.failures import worst_failures
from placeprint.evaluation.fingerprints import SEARCHING
from placeprint.evaluation.isolation import peak_memory, run_alone
from placeprint.evaluation.pareto import pareto_front
from placeprint.evaluation.report.differences import compare
from placeprint.evaluation.results import QueryResult
from placeprint.evaluation.retrieval import evaluate_retrieval
from tests.conftest import PRESET, make_scene, write_photo

SIFT = PRESET.format(searched='[aggregator]\nname = "vlad"\nnum_words = 8\n', codebook='shipped = "none"\n').replace(
    'shipped = "none"', "min_photos = 4"
)

pytestmark = pytest.mark.slow


def place_folder(folder: Path, count: int = 6) -> Path:
    """Write a place folder of so many scenes, each seen twice; one query of them has no positive."""
    rows = ["query,database"]
    for number in range(count):
        write_photo(folder / "database" / f"{number}.png", make_scene(number))
        write_photo(folder / "queries" / f"{number}.png", rephotograph(make_scene(number), corners=0.05)[0])
        rows += [f"queries/{number}.png,database/{number}.png"] if number else []
    (folder / "positives.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def preset(tmp_path: Path) -> str:
    path = tmp_path / "small.toml"
    path.write_text(SIFT)
    return str(path)


def counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by the name of each function that is run in a process of its own."""
    ran: list[str] = []

    def run(work: Any, *arguments: Any, **options: Any) -> Any:
        ran.append(work.__name__)
        return run_alone(work, *arguments, **options)

    monkeypatch.setattr(benchmark, "run_alone", run)
    return ran


def test_a_pair_is_measured_once_until_photos_or_preset_change(
    tmp_path: Path, preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran, output = counting(monkeypatch), tmp_path / "out"
    folder = place_folder(tmp_path / "photos")

    def run() -> list[Any]:
        ran.clear()
        return run_benchmark([preset], [read_place_folder(folder)], output, verify=[0, 3])

    first = run()
    assert ran == ["index_pair", "search_pair", "search_pair"], "both numbers of candidates use one atlas"
    assert [each.method for each in first] == ["small", "small, 3 verified"]
    assert run() == first and ran == []
    write_photo(folder / "queries" / "3.png", rephotograph(make_scene(3), corners=0.02)[0])
    run()
    assert ran == ["search_pair", "search_pair"], "the atlas does not depend on the queries"
    write_photo(folder / "database" / "3.png", rephotograph(make_scene(3), corners=0.01)[0])
    run()
    assert ran == ["index_pair", "search_pair", "search_pair"]
    Path(preset).write_text(SIFT.replace("num_words = 8", "num_words = 4"))
    run()
    assert ran == ["index_pair", "search_pair", "search_pair"]


def test_a_run_that_was_killed_goes_on(tmp_path: Path, preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, output = place_folder(tmp_path / "photos"), tmp_path / "out"
    pairs = pairs_of([preset], [read_place_folder(folder)], [0, 3])
    whole = run_pair(pairs[0], output)
    ran = counting(monkeypatch)
    assert finished(pairs[0], output) == whole and finished(pairs[1], output) is None
    results = [run_pair(pair, output) for pair in pairs]
    assert ran == ["search_pair"] and results[0] == whole
    # killed while the second query was written: the row that is whole is kept, the cut one is searched again
    (output / f"{pairs[0].name}.json").unlink()
    cache = output / "cache" / f"photos-small-{pairs[0].atlas_key}"
    kept = {"ms": 1.0, "ms_parts": {"describe": 1.0}, "confidence": 0.5, "similarities": [0.5], "scores": [0.5]}
    row = kept | {"query": "queries/0.png", "turn": 0, "ranking": ["database/5.png"], "inliers": [None]}
    (cache / f"queries-{pairs[0].key}.jsonl").write_text(json.dumps(row) + "\n" + '{"query": "queries/1.p')
    again = run_pair(pairs[0], output)
    assert again.queries[0].ranking == ("database/5.png",)
    assert [each.ranking for each in again.queries[1:]] == [each.ranking for each in whole.queries[1:]]
    assert not list(cache.glob("queries-*"))


def test_the_numbers_are_those_of_an_evaluation(tmp_path: Path, preset: str) -> None:
    data = read_place_folder(place_folder(tmp_path / "photos"))
    result = run_pair(Pair(preset, data, 3), tmp_path / "out")
    alone = evaluate_retrieval(data, preset, verify=3)
    assert result.metrics == alone.metrics and result.intervals == alone.intervals
    assert result.queries_without_positives == 1
    assert (result.memory.index_bytes or 0) > 1e7 and (result.memory.search_bytes or 0) > 1e7
    first, second = result.queries[:2]
    assert (first.num_positives, first.first_right, first.right) == (0, None, False)
    assert second.ranked_right == tuple(path == "database/1.png" for path in second.ranking)
    assert second.first_hit is not None
    assert second.ranking[second.first_hit] == second.first_right == "database/1.png"


def test_a_pair_that_fails_is_a_result_with_its_error_and_is_tried_again(tmp_path: Path, preset: str) -> None:
    folder = place_folder(tmp_path / "photos")
    data = read_place_folder(folder)
    shutil.move(folder / "database", folder / "elsewhere")
    result = run_pair(Pair(preset, data), tmp_path / "out")
    assert result.error is not None and result.error.startswith("PhotoError") and not result.metrics
    shutil.move(folder / "elsewhere", folder / "database")
    assert run_pair(Pair(preset, data), tmp_path / "out").metrics


def test_a_database_that_cannot_be_read_is_an_error_and_no_zero(tmp_path: Path, preset: str) -> None:
    folder = place_folder(tmp_path / "photos")
    for path in (folder / "database").iterdir():
        path.write_text("no picture")
    data = read_place_folder(folder)
    assert "none of 6 photos can be used" in (run_pair(Pair(preset, data), tmp_path / "out").error or "")
    result = run_pair(Pair("sift-vlad", data), tmp_path / "out")  # which has a codebook to begin with
    assert re.search("none of 6 photos of the database can be read: .*0.png: not a picture", result.error or "")
    with pytest.raises(DatasetError, match="none of 6 photos of the database can be read"):
        evaluate_retrieval(data, "sift-vlad")


def test_a_preset_that_cannot_be_made_is_refused_before_others_are_measured(tmp_path: Path, preset: str) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(Path(preset).read_text().replace("max_keypoints", "max_keypointz"))
    with pytest.raises(OptionError, match="no parameter 'max_keypointz'"):
        pairs_of([preset, str(wrong)], [read_place_folder(place_folder(tmp_path / "photos"))])


def test_of_an_indexing_that_was_interrupted_time_and_memory_are_not_told(tmp_path: Path, preset: str) -> None:
    data, output = read_place_folder(place_folder(tmp_path / "photos")), tmp_path / "out"
    pair = Pair(preset, data)
    cache = output / "cache" / f"{data.name}-small-{pair.atlas_key}"
    Atlas.create(cache / "atlas", preset).add([data.root / data.database[0]])
    for _ in range(2):
        result = run_pair(pair, output)
        assert result.ms_per_photo is None and result.memory.index_bytes is None
        assert compare([result])[0].rows[0].value("peak_bytes") is None
        (output / f"{pair.name}.json").unlink()


def test_failures_are_drawn(tmp_path: Path, preset: str) -> None:
    folder = place_folder(tmp_path / "photos")
    shutil.copy(folder / "queries" / "2.png", folder / "queries" / "1.png")  # which shows another place now
    result = run_pair(Pair(preset, read_place_folder(folder)), tmp_path / "out")
    assert [each.query for each in result.failures] == ["queries/1.png"]
    wrong, right = result.failures[0].pictures
    assert (wrong.candidate, right.candidate) == ("database/2.png", "database/1.png")
    assert wrong.inliers > right.inliers and (tmp_path / "out" / wrong.file).is_file()


def test_the_worst_failure_is_the_one_found_last_and_surest() -> None:
    queries = [
        QueryResult(query=name, num_positives=positives, first_hit=hit, scores=scores)
        for name, positives, hit, scores in (
            ("right", 1, 0, (0.9,)),
            ("third", 1, 2, (0.9,)),
            ("never, unsure", 1, None, (0.1,)),
            ("never, sure", 1, None, (0.8,)),
            ("no answer", 1, None, ()),
            ("nothing to find", 0, None, (0.9,)),
        )
    ]
    assert [query.query for query in worst_failures(queries)] == ["never, sure", "never, unsure", "no answer", "third"]


def test_two_folders_of_one_name_are_refused(tmp_path: Path, preset: str) -> None:
    twins = [read_place_folder(place_folder(tmp_path / side / "photos", 2)) for side in ("a", "b")]
    with pytest.raises(OptionError, match="two pairs are called 'photos-small-0'"):
        pairs_of([preset], twins, [0])


@pytest.mark.parametrize(
    ("costs", "values", "front"),
    [
        ([], [], []),
        ([1.0], [0.0], [True]),
        ([1.0, 2.0, 3.0], [0.5, 0.9, 0.8], [True, True, False]),
        ([1.0, 1.0], [0.5, 0.5], [True, True]),  # equals do not beat each other
        ([1.0, 1.0], [0.5, 0.6], [False, True]),
        ([1.0, 2.0], [0.5, 0.5], [True, False]),
    ],
)
def test_the_front_is_what_nothing_beats(costs: list[float], values: list[float], front: list[bool]) -> None:
    assert pareto_front(costs, values) == front


def _add(a: int, b: int, progress: Any) -> int:
    print("noise that must not reach the pipe")  # noqa: T201
    progress(1, 2)
    return a + b


def _fail(progress: Any) -> None:
    raise ValueError("two\nlines")


def _die(progress: Any) -> None:
    os._exit(3)


def _hold(count: int, progress: Any) -> int:
    return len(bytearray(count))


def test_work_alone_returns_fails_or_dies() -> None:
    heard: list[tuple[int, int]] = []
    assert run_alone(_add, 2, 3, progress=lambda *counts: heard.append(counts)).result == 5
    assert heard == [(1, 2)]
    assert run_alone(_fail).error == "ValueError: two lines"
    died = run_alone(_die)
    assert died.result is None and died.error == "the process ended with exit status 3"


def test_work_ends_without_a_word_when_nobody_listens() -> None:
    command = [sys.executable, "-m", "placeprint.evaluation.isolation"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        pickle.dump((False, _add, (2, 3)), process.stdin)
        process.stdin.close()
        assert process.stderr.read() == b"noise that must not reach the pipe\n"
        assert process.wait() == 1


def test_memory_is_that_of_the_work_alone() -> None:
    if peak_memory() is None:
        pytest.skip("the system does not tell")
    held = bytearray(300_000_000)  # of this process, not of the work
    small, large = (run_alone(_hold, count).peak_bytes or 0 for count in (1, 100_000_000))
    assert len(held) > small and 90e6 < large - small < 130e6


def test_one_core_means_one_core() -> None:
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("processes cannot be kept on a core here")
    assert run_alone(_cores, one_core=True).result == (1, "1")


def _cores(progress: Any) -> tuple[int, str]:
    return len(os.sched_getaffinity(0)), os.environ["OMP_NUM_THREADS"]


def test_the_parts_left_out_of_fingerprints_are_there() -> None:
    root = Path(placeprint.__file__).parent
    assert [part for part in SEARCHING if not (root / part).exists()] == []
