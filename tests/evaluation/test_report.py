"""The report says what the results say, and needs nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from placeprint.errors import WriteError
from placeprint.evaluation.report.differences import compare
from placeprint.evaluation.report.markdown import markdown_report
from placeprint.evaluation.report.page import check_report_folder, html_report, write_reports
from placeprint.evaluation.results import Memory, QueryResult, Result, Timing
from tests.conftest import make_scene, write_photo

VOID = {"meta", "img", "br", "link"}


PHOTOS = tuple(f"database/{number}.png" for number in range(4))


def query(number: int, hit: int | None) -> QueryResult:
    """Return a query whose right photo has this rank."""
    return QueryResult(
        query=f"queries/{number}.png",
        num_positives=1,
        expected=True,
        confidence=1.0 - number / 100,
        ranking=PHOTOS,
        scores=(0.9, 0.5, 0.3, 0.1),
        inliers=(None,) * 4,
        right=hit == 0,
        ranked_right=tuple(hit == place for place in range(4)),
        first_hit=hit,
        first_right=PHOTOS[hit or 0],
    )


def result(method: str, hits: list[int | None], ms: float = 10.0, **more: Any) -> Result:
    """Return a result whose queries found their photo at these ranks."""
    shares = {f"recall@{k}": sum(h is not None and h < k for h in hits) / len(hits) for k in (1, 5, 10, 20)}
    whole = Result(
        method=method,
        dataset="<photos>",
        protocol="place-folder-1",
        database_photos=4,
        metrics=shares | {"mAP": 0.5},
        intervals={"recall@1": (0.1, 0.9)},
        per_query={"recall@1": tuple(float(hit == 0) for hit in hits), "mAP": (0.5,) * len(hits)},
        timing=Timing(ms_per_photo=20.0, ms_per_query=ms),
        memory=Memory(index_bytes=5_000_000, search_bytes=3_000_000),
        bytes_per_photo=1000.0,
        made_by={"placeprint": "0.1.0", "date": "2026-01-01", "machine": "1 core"},
        queries=tuple(query(number, hit) for number, hit in enumerate(hits)),
    )
    return replace(whole, **more)


RESULTS = [
    result("first", [0, 0, 0, 0, 0, 0, 0, 1]),
    Result(method="broken", dataset="<photos>", error="ImportError: no <module>"),
    result("worse, slower", [3, 1, 1, 1, 1, 1, 1, 0], ms=20.0),
    result("worse, quicker", [0, 0, 0, 0, 0, 0, None, None], ms=5.0),
]


class Reader(HTMLParser):
    """Checks that what is opened is closed, and collects links and cells."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.cells: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [found[name] or "" for name in ("href", "src", "xlink:href") if name in found]
        self.ids += [found["id"] or ""] if "id" in found else []
        if "data-metric" in found:
            self.cells.append((found["data-metric"] or "", found["data-value"] or ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes something else"


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_is_whole_and_stands_alone() -> None:
    reader = read(html_report(RESULTS))
    assert reader.links and all(link.startswith(("#", "data:image/jpeg;base64,", "data:,")) for link in reader.links)
    targets = {link[1:] for link in reader.links if link.startswith("#")}
    assert targets <= set(reader.ids)
    styles = re.findall(r"url\(([^)]*)\)", html_report(RESULTS))
    assert all(style.startswith(("#", "data:")) for style in styles)


def test_the_numbers_are_those_of_the_results() -> None:
    cells = read(html_report(RESULTS)).cells
    for name in ("recall@1", "recall@5", "mAP"):
        wanted = [each.metrics[name] for each in RESULTS if each.error is None]
        assert [float(value) for metric, value in cells if metric == name] == wanted
    assert [float(value) for metric, value in cells if metric == "ms_per_query"] == [10.0, 20.0, 5.0]
    assert [float(value) for metric, value in cells if metric == "peak_bytes"] == [5e6] * 3


def test_an_error_stays_a_row_and_texts_are_escaped() -> None:
    page, table = html_report(RESULTS), markdown_report(RESULTS)
    assert "Not measured: ImportError: no &lt;module&gt;" in page and "<photos>" not in page
    assert "| broken | not measured: ImportError: no <module> |" in table


def test_methods_are_compared_with_the_first_on_the_same_queries() -> None:
    (comparison,) = compare(RESULTS)
    first, broken, slower, quicker = comparison.rows
    assert first.against is None and broken.against is None
    assert slower.against is not None and quicker.against is not None
    # by hand: seven queries only the first answers, one only the other: 2 (C(8,0) + C(8,1)) / 2^8
    assert slower.against.p == pytest.approx(18 / 256) and slower.against.queries == 8
    assert slower.against.difference == pytest.approx(-6 / 8) and slower.against.words == "no difference shown"
    assert quicker.against.difference == pytest.approx(-1 / 8)
    assert [row.on_time_front for row in comparison.rows] == [True, None, False, True]
    assert "first has the best recall@1, 87.5 %" in comparison.summary


def test_methods_are_compared_in_the_metric_of_their_protocol() -> None:
    scores = {"first": [4.0, 3.0, 4.0], "second": [4.0, 2.0, 1.0]}
    results = [
        result(
            name,
            [0, 1, 0],
            metrics={"N-S score": sum(found) / 3, "mAP": 0.5, "mAP hard": 0.25, "auc_pr": 0.1},
            intervals={"N-S score": [1.0, 4.0]},
            per_query={"N-S score": found, "mAP": [0.5] * 3},
        )
        for name, found in scores.items()
    ]
    (comparison,) = compare(results)
    assert comparison.summary.startswith("first has the best N-S score, 3.67")
    against = comparison.rows[1].against
    assert against is not None and against.difference == pytest.approx(-4 / 3)
    # by hand: of the signs of (1, 3), two of four are as far off
    assert against.p == pytest.approx(1 / 2, abs=0.03)
    table = markdown_report(results)
    assert "| method | N-S score | mAP | mAP hard | PR area | N-S score against the first | p |" in table
    assert "| second | 2.33 (1.00-4.00) | 50.0 | 25.0 |" in table
    cells = read(html_report(results)).cells
    assert [value for name, value in cells if name == "mAP hard"] == ["0.25", "0.25"]


def test_a_metric_that_is_no_mean_over_queries_is_shown_without_a_test() -> None:
    told: dict[str, Any] = {"metrics": {"micro-AP": 0.3}, "intervals": {"micro-AP": [0.1, 0.5]}, "per_query": {}}
    (comparison,) = compare([result("first", [0, 1], **told), result("second", [0, 0], **told)])
    assert comparison.metric == "micro-AP" and comparison.rows[1].against is None
    read(html_report([result("first", [0, 1], **told)]))


@pytest.mark.parametrize("metric", ["within_25_m", "auc_pr"])
def test_a_metric_that_stands_beside_others_elsewhere_may_be_the_one(metric: str) -> None:
    told: dict[str, Any] = {"metrics": {metric: 0.5}, "intervals": {metric: [0.1, 0.9]}, "per_query": {metric: [1, 0]}}
    (comparison,) = compare([result("first", [0, 1], **told)])
    assert comparison.metric == metric
    assert read(html_report([result("first", [0, 1], **told)])) and metric in markdown_report(
        [result("a", [0], **told)]
    )


def test_what_was_not_read_and_is_not_in_the_database_is_told() -> None:
    absent = QueryResult(
        query="not/n.png", confidence=0.9, ranking=PHOTOS[1:2], scores=(0.9,), inliers=(None,), ranked_right=(False,)
    )
    unread = replace(query(1, None).cut(0), confidence=None, error="no picture")
    found = result(
        "first",
        [0, None],
        queries=(query(0, 0), unread),
        not_in_database=(absent,),
        skipped_photos=2,
        failed_queries=1,
    )
    counts = "2 queries and 1 that are not in the database, 0 without a right photo; protocol place-folder-1."
    assert f"{counts} Could not be read: 2 of the photos and 1 of the queries." in markdown_report([found])
    page = html_report([found])
    assert counts in page and "could not be read: no picture" in page
    assert "not/n.png" in page and "not in the database: any answer is wrong" in page


def test_methods_at_one_point_have_one_label() -> None:
    page = html_report([result("first", [0, 0]), result("same", [0, 0]), result("dearer", [0, 0], ms=90.0)])
    assert len(re.findall(r">1, 2<", page)) == 1 and ">1, 2, 3<" in page, "time parts the third, size does not"


def test_explanations_stand_beside_their_method() -> None:
    notes = {("<photos>", "first"): "it was made for other photos"}
    assert "it was made for other photos" in html_report(RESULTS, notes=notes)
    assert "- first: it was made for other photos" in markdown_report(RESULTS, notes)


def test_photos_are_in_the_page_until_it_is_full(tmp_path: Path) -> None:
    for number in range(8):
        write_photo(tmp_path / "queries" / f"{number}.png", make_scene(number))
        write_photo(tmp_path / "database" / f"{number}.png", make_scene(number + 8))
    found = [result("first", [0] * 8, root=str(tmp_path))]
    page = html_report(found)
    assert page.count("data:image/jpeg") == 12, "eight queries and four answers, each once"
    small = html_report(found, max_bytes=20_000)
    assert 0 < small.count("data:image/jpeg") < 12 and len(small) < len(page)
    assert "photos are not shown" in small and "photos are not shown" not in page


def test_a_page_of_errors_only_is_a_page() -> None:
    assert "No method could be measured." in html_report([RESULTS[1]])
    read(html_report([RESULTS[1]]))


def test_a_report_is_written_over_its_own_and_over_nothing_else(tmp_path: Path) -> None:
    for _ in range(2):
        html, markdown = write_reports(RESULTS, tmp_path)
    html.write_text("<html>my own page</html>")
    with pytest.raises(WriteError, match="is not a report"):
        write_reports(RESULTS, tmp_path)
    assert html.read_text() == "<html>my own page</html>"
    html.unlink()
    markdown.write_text("# My notes\n")
    with pytest.raises(WriteError, match="is not a report"):
        check_report_folder(tmp_path)
    with pytest.raises(WriteError, match="would be read as input later"):
        check_report_folder(tmp_path / "new", [tmp_path])
