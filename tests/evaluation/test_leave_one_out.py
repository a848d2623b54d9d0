"""Positions measured by leaving one out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from placeprint.cli import main
from placeprint.datasets.protocols import read_retrieval_set
from placeprint.errors import OptionError
from placeprint.evaluation.leave_one_out import evaluate_positions
from placeprint.evaluation.result_files import read_result, write_result
from placeprint.evaluation.results import Result
from placeprint.evaluation.retrieval import evaluate_retrieval
from tests.conftest import make_scene
from tests.datasets.test_placed_photos import write_gps
from tests.searching.test_weighing import seen_again


def write_walk(folder: Path) -> Path:
    """Write two views of five scenes, the second 10 m north of the first, and a photo that no other shows."""
    for scene in range(5):
        for view in range(2):
            path = folder / f"part{scene % 2}" / f"{scene}-{view}.jpg"
            picture = make_scene(scene) if view == 0 else seen_again(make_scene(scene))
            write_gps(path, 10 + scene * 1e-2 + view * 9e-5, -70.0, picture=picture)
    write_gps(folder / "alone.jpg", 11, -70.0, picture=make_scene(77))
    return folder


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = write_walk(tmp_path_factory.mktemp("walk"))
    return evaluate_positions(read_retrieval_set("gps-leave-one-out", folder), "fast")


def test_each_photo_is_located_by_the_other_view_of_its_place(result: Result) -> None:
    located = {query.query: query.located for query in result.queries}
    assert located.pop("alone.jpg") is None
    errors = [each.error_m for each in located.values() if each is not None]
    assert len(errors) == 10
    assert errors == pytest.approx([9.96] * 10, abs=0.5)
    assert all(query.query not in query.ranking for query in result.queries)


def test_the_metrics_say_what_they_are_of(result: Result) -> None:
    metrics = result.metrics
    assert metrics["answered"] == pytest.approx(10 / 11)
    assert metrics["median_error_m"] == pytest.approx(9.96, abs=0.5)
    assert metrics["median_error_near_m"] == metrics["median_error_m"]
    assert metrics["within_5_m"] == 0
    assert metrics["within_25_m"] == pytest.approx(10 / 11)
    assert metrics["radius_coverage"] == 1
    assert (metrics["median_radius_m"] or 0) >= (metrics["median_error_m"] or 0)
    assert list(metrics)[:6] == [
        "median_error_m",
        "within_5_m",
        "within_25_m",
        "radius_coverage",
        "median_radius_m",
        "answered",
    ]


def test_a_result_is_written_and_read(result: Result, tmp_path: Path) -> None:
    write_result(tmp_path / "r.json", result)
    assert read_result(tmp_path / "r.json") == result


def test_the_command_line_writes_the_metrics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = write_walk(tmp_path / "walk"), tmp_path / "r.json"
    arguments = ["placeprint", "evaluate", str(folder), "--protocol", "gps-leave-one-out", "--preset", "fast"]
    monkeypatch.setattr("sys.argv", [*arguments, "--json", str(file)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code in {0, None}
    assert "median_error_m" in capsys.readouterr().out
    assert json.loads(file.read_text())["metrics"]["answered"] > 0.9
    monkeypatch.setattr("sys.argv", [*arguments, "--verify", "3"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert "omit --verify" in capsys.readouterr().err


def test_other_measurements_and_presets_are_refused(tmp_path: Path) -> None:
    dataset = read_retrieval_set("gps-leave-one-out", write_walk(tmp_path))
    with pytest.raises(OptionError, match="gives no probabilities"):
        evaluate_positions(dataset, "sift-vlad")
    with pytest.raises(OptionError, match="placeprint evaluate"):
        evaluate_retrieval(dataset, "fast")
