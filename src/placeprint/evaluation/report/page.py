"""The page: results in, one self-contained HTML file out, which needs no other files and no network.

It starts with one sentence per set of photos; then come tables, curves, the worst failures with their matches, and
every query with the first answers of every method. Photos are thumbnails; beyond a number of bytes only their names
remain, and the page says so.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from placeprint.core.files import write_atomically
from placeprint.core.outputs import MADE_BY, PAGE, TEXT, check_output, check_output_folder
from placeprint.errors import PackageError
from placeprint.evaluation.measures import unit_of
from placeprint.evaluation.report.curves import precision_recall_figure, recall_figure, trade_figure
from placeprint.evaluation.report.differences import Comparison, compare
from placeprint.evaluation.report.markdown import OTHERS, columns_of, counts_in_words, headline_cells, markdown_report
from placeprint.evaluation.report.thumbnails import Album
from placeprint.evaluation.results import Failure, QueryResult, Result
from placeprint.pages import render

HTML, MARKDOWN = "report.html", "report.md"
MAX_BYTES = 24_000_000
"""Most bytes of photos in a page."""
SHOWN = 5
"""First answers shown per query and method."""
PICTURE = 900
"""Longest side of a picture of matches."""
DETAILED = 400
"""Most queries shown per set of photos; those that most methods fail come first."""


def check_packages() -> None:
    """Check, before anything is measured, that a report can be made.

    Raises:
        PackageError: Jinja2 or matplotlib is not installed.
    """
    missing = [name for name in ("jinja2", "matplotlib") if importlib.util.find_spec(name) is None]
    if missing:
        raise PackageError(f"a report needs {' and '.join(missing)}; pip install 'placeprint[reports]'")


def html_report(
    results: Sequence[Result],
    *,
    title: str = "Retrieval benchmark",
    pictures: Path | None = None,
    notes: Mapping[tuple[str, str], str] | None = None,
    max_bytes: int = MAX_BYTES,
) -> str:
    """Return the page.

    Args:
        results: the results of methods on photos from `placeprint.evaluation.benchmark`, or with an ``error``.
        title: the title of the page.
        pictures: the folder to which pictures of failures are relative; None to omit them.
        notes: explanations by ``(dataset, method)``, shown beside the method's numbers.
        max_bytes: the most bytes of all photos in the page.

    Raises:
        PackageError: Jinja2 or matplotlib is not installed.
    """
    check_packages()
    from markupsafe import Markup

    album = Album(max_bytes)
    comparisons = compare(results, notes)
    sections = []
    for comparison in comparisons:
        # failures before queries: when room runs out, they matter more
        failures = _failures(comparison, album, pictures)
        figures = [(words, Markup(svg)) for words, svg in _figures(comparison) if svg]  # our own SVG
        sections.append(
            {
                "id": _slug(comparison.dataset),
                "comparison": comparison,
                "columns": columns_of(comparison),
                "unit": unit_of(comparison.metric),
                "counts": counts_in_words(comparison),
                "cells": {row.number: headline_cells(row, comparison) for row in comparison.rows},
                "figures": figures,
                "failures": failures,
                "queries": _queries(comparison, album),
            }
        )
    return render(
        "report.html.j2",
        room="placeprint.evaluation.report",
        title=title,
        sections=sections,
        others=OTHERS,
        album=album,
        made_by=_origins(results),
        total_failed=_failed(comparisons),
    )


def check_report_folder(output: Path, inputs: Iterable[Path | str] = ()) -> None:
    """Check, before anything is measured, that results and reports can be written into a folder.

    Args:
        output: the folder.
        inputs: the folders of photos.

    Raises:
        WriteError: writing is refused; the message says why.
    """
    check_output_folder(output, inputs)
    check_output(output / HTML, PAGE)
    check_output(output / MARKDOWN, TEXT)


def write_reports(results: Sequence[Result], output: Path, *, title: str = "Retrieval benchmark") -> tuple[Path, Path]:
    """Write ``report.html`` and ``report.md`` into the folder of the results; return their paths.

    Raises:
        PackageError: Jinja2 or matplotlib is not installed.
        WriteError: the folder cannot be written.
    """
    check_report_folder(output)
    html, markdown = output / HTML, output / MARKDOWN
    write_atomically(html, html_report(results, title=title, pictures=output).encode())
    write_atomically(markdown, f"# {title}\n\n{markdown_report(results)}\n<!-- {MADE_BY} -->\n".encode())
    return html, markdown


def _figures(comparison: Comparison) -> list[tuple[str, str]]:
    if not comparison.measured:
        return []
    return [
        ("Recall@k: queries with a right photo among the first k", recall_figure(comparison)),
        ("Precision against recall, accepting first answers by decreasing score", precision_recall_figure(comparison)),
        (
            "Time against accuracy: the line joins the Pareto front",
            trade_figure(comparison, "ms_per_query", "ms per query"),
        ),
        (
            "Disk against accuracy: the line joins the Pareto front",
            trade_figure(comparison, "bytes_per_photo", "KB per photo", 1e-3),
        ),
        ("Peak memory against accuracy", trade_figure(comparison, "peak_bytes", "peak memory, MB", 1e-6)),
    ]


def _failures(comparison: Comparison, album: Album, pictures: Path | None) -> list[dict[str, Any]]:
    """Return, for each method, its worst failures with the pictures of their matches."""
    if pictures is None:
        return []
    found = []
    for row in comparison.measured:
        shown = [_failure(failure, album, pictures, comparison.dataset) for failure in row.result.failures]
        if shown:
            found.append({"row": row, "failures": shown})
    return found


def _failure(failure: Failure, album: Album, pictures: Path, dataset: str) -> dict[str, Any]:
    images = [asdict(each) | {"uri": album.uri(pictures / each.file, PICTURE)} for each in failure.pictures]
    return asdict(failure) | {"pictures": images, "anchor": _anchor(dataset, failure.query)}


def _queries(comparison: Comparison, album: Album) -> list[dict[str, Any]]:
    """Return every query with the rank of its first right photo by method, and the first answers of each."""
    by_query: dict[str, dict[int, QueryResult]] = {}
    nowhere: set[str] = set()
    for row in comparison.measured:
        nowhere |= {query.query for query in row.result.not_in_database}
        for query in (*row.result.queries, *row.result.not_in_database):
            by_query.setdefault(query.query, {})[row.number] = query
    missed = {
        name: sum(query.num_positives > 0 and query.first_hit != 0 for query in answers.values())
        for name, answers in by_query.items()
    }
    return [
        _query(comparison, answers, album, place < DETAILED) | {"missed": missed[name], "nowhere": name in nowhere}
        for place, (name, answers) in enumerate(sorted(by_query.items(), key=lambda item: -missed[item[0]]))
    ]


def _query(comparison: Comparison, answers: Mapping[int, QueryResult], album: Album, detailed: bool) -> dict[str, Any]:
    """Return what the page shows of one query, from its answers by the number of the method."""
    rows = [row for row in comparison.measured if row.number in answers]
    first, root = answers[rows[0].number], Path(rows[0].result.root or ".")
    shown = [
        {
            "row": row,
            "rank": answers[row.number].first_hit,
            "answers": _answers(answers[row.number], root, album) if detailed else [],
        }
        for row in rows
    ]
    right = first.first_right
    return {
        "name": first.query,
        "anchor": _anchor(comparison.dataset, first.query),
        "num_positives": first.num_positives,
        "error": first.error or "",
        "thumb": album.thumb(root / first.query) if detailed else "",
        "right": right,
        "right_thumb": album.thumb(root / right) if right and detailed else "",
        "methods": shown,
        "detailed": detailed,
    }


def _answers(query: QueryResult, root: Path, album: Album) -> list[dict[str, Any]]:
    columns = (query.ranking, query.ranked_right, query.scores, query.inliers)
    return [
        {"photo": photo, "right": right, "score": score, "inliers": inliers, "thumb": album.thumb(root / photo)}
        for photo, right, score, inliers in list(zip(*columns, strict=False))[:SHOWN]
    ]


def _origins(results: Sequence[Result]) -> list[Mapping[str, Any]]:
    """Return the origins of the results, each once."""
    found: list[Mapping[str, Any]] = []
    for result in results:
        if result.made_by and result.made_by not in found:
            found.append(result.made_by)
    return found


def _failed(comparisons: Sequence[Comparison]) -> int:
    return sum(row.error is not None for comparison in comparisons for row in comparison.rows)


def _anchor(dataset: str, query: str) -> str:
    return f"{_slug(dataset)}--{_slug(query)}"


def _slug(text: str) -> str:
    """Return a text that is safe in a link."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()
