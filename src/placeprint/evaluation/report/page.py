"""The page: results in, one self-contained HTML file out, which needs no other files and no network.

It starts with one sentence per set of photos; then come tables, curves, the worst failures with their matches, and
every query with the first answers of every method. Photos are thumbnails; beyond a number of bytes only their names
remain, and the page says so.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping, Sequence
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

Result = Mapping[str, Any]

HTML, MARKDOWN = "report.html", "report.md"
MAX_BYTES = 24_000_000
"""Most bytes of photos in a page."""
SHOWN = 5
"""First answers shown per query and method."""
PICTURE = 900
"""Longest side of a picture of matches."""
NOWHERE = {"nowhere": True, "num_positives": 0, "first_hit": None, "first_right": None}
"""Keys of a query that is not in the database."""
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
    import jinja2
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
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("placeprint.evaluation.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("report.html.j2").render(
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
    """Return for each method its worst failures with the pictures of their matches."""
    found = []
    for row in comparison.measured:
        shown = []
        for failure in row.result.get("failures", ()) if pictures is not None else ():
            images = [
                picture | {"uri": album.uri((pictures or Path()) / picture["file"], PICTURE)}
                for picture in failure["pictures"]
            ]
            shown.append({**failure, "pictures": images, "anchor": _anchor(comparison.dataset, failure["query"])})
        if shown:
            found.append({"row": row, "failures": shown})
    return found


def _queries(comparison: Comparison, album: Album) -> list[dict[str, Any]]:
    """Return every query with the rank of its first right photo by method, and the first answers of each."""
    by_query: dict[str, dict[int, Any]] = {}
    roots: dict[int, Path] = {}
    for row in comparison.measured:
        roots[row.number] = Path(row.result.get("root", "."))
        for query in row.result["queries"]:
            by_query.setdefault(query["query"], {})[row.number] = query
        for query in row.result.get("not_in_database", ()):
            wrong = {"ranked_right": [False] * len(query["ranking"])}
            by_query.setdefault(query["query"], {})[row.number] = {**NOWHERE, **wrong, **query}
    missed = {
        name: sum(bool(query["num_positives"]) and query["first_hit"] != 0 for query in answers.values())
        for name, answers in by_query.items()
    }
    listed = []
    for place, name in enumerate(sorted(by_query, key=lambda name: -missed[name])):
        answers = by_query[name]
        root = next(iter(roots[number] for number in answers))
        shown = [
            {
                "row": row,
                "rank": answers[row.number]["first_hit"],
                "answers": _answers(answers[row.number], root, album) if place < DETAILED else [],
            }
            for row in comparison.measured
            if row.number in answers
        ]
        first = next(iter(answers.values()))
        right = first["first_right"]
        detailed = place < DETAILED
        listed.append(
            {
                "name": name,
                "anchor": _anchor(comparison.dataset, name),
                "missed": missed[name],
                "num_positives": first["num_positives"],
                "nowhere": first.get("nowhere", False),
                "error": first.get("error", ""),
                "thumb": album.thumb(root / name) if detailed else "",
                "right": right,
                "right_thumb": album.thumb(root / right) if right and detailed else "",
                "methods": shown,
                "detailed": detailed,
            }
        )
    return listed


def _answers(query: Mapping[str, Any], root: Path, album: Album) -> list[dict[str, Any]]:
    inliers = query.get("inliers") or [None] * len(query["ranking"])
    return [
        {
            "photo": query["ranking"][place],
            "right": query["ranked_right"][place],
            "score": query["scores"][place],
            "inliers": inliers[place],
            "thumb": album.thumb(root / query["ranking"][place]),
        }
        for place in range(min(SHOWN, len(query["ranking"])))
    ]


def _origins(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return the origins of the results, each once."""
    found: list[dict[str, Any]] = []
    for result in results:
        made = result.get("made_by")
        if made is not None and made not in found:
            found.append(made)
    return found


def _failed(comparisons: Sequence[Comparison]) -> int:
    return sum(row.error is not None for comparison in comparisons for row in comparison.rows)


def _anchor(dataset: str, query: str) -> str:
    return f"{_slug(dataset)}--{_slug(query)}"


def _slug(text: str) -> str:
    """Return a text that is safe in a link."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()
