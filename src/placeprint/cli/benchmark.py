"""``placeprint benchmark``: measure methods on benchmark pictures."""

from __future__ import annotations

import json as jsonlib
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placeprint.cli.arguments import Command
from placeprint.cli.output import printable, progress_bar, say, show, warn
from placeprint.cli.skipping import Skips
from placeprint.core.defaults import PRESET
from placeprint.core.options import check_name
from placeprint.errors import DatasetError, PhotoError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from placeprint.datasets.photos.image_pairs import ImagePair
    from placeprint.evaluation.pair_benchmark import Method
    from placeprint.evaluation.results import Result
    from placeprint.types import Floats

app = typer.Typer(help="Measure methods on benchmark pictures.", no_args_is_help=True)

NEAREST = ("mutual", "mutual-ratio")
TOLERANCE = 2.5
"""Largest residual of a match in pixels: that of `match`, for pictures of 800 pixels."""
ESTIMATORS = {"auto": "PoseLib", "poselib": "PoseLib", "opencv": "MAGSAC++"}
SPECIAL = {"xfeat": ("default", "lighterglue", "semi-dense"), "aliked": ("lightglue",)}
"""Additional matchers that fit one extractor only."""


@app.callback()
def benchmark() -> None:
    """Measure methods on benchmark pictures."""


@app.command(cls=Command)
def matching(
    data: Annotated[
        Path | None, typer.Option(help="Folder with oxford_affine/ and pairs/; by default $PLACEPRINT_DATA.")
    ] = None,
    features: Annotated[list[str] | None, typer.Option(help="Extractor; may be repeated. By default all.")] = None,
    matcher: Annotated[
        list[str] | None, typer.Option(help="Matcher; may be repeated. By default all that fit the extractor.")
    ] = None,
    size: Annotated[int, typer.Option(min=0, max=4096, help="Longest side in pixels; 0 for full size.")] = 800,
    keypoints: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Maximum number of keypoints per picture.")
    ] = 1000,
    method: Annotated[str, typer.Option(help="Estimator of the homography: auto, opencv or poselib.")] = "auto",
    json: Annotated[Path | None, typer.Option("--json", help="Write the rows to this file.")] = None,
) -> None:
    """Measure every extractor with every matcher on pairs whose geometry is known."""
    from rich.table import Table

    from placeprint.core.outputs import RESULT, check_output
    from placeprint.evaluation.pair_benchmark import PROTOCOL, run_matching

    if json is not None:
        check_output(json, RESULT)
    check_name("method", method, ESTIMATORS)
    pairs = _pairs(data or Path(os.environ.get("PLACEPRINT_DATA", ".")), Skips())
    methods, unavailable = _methods(features, matcher, size, keypoints)
    with progress_bar("matching", "methods") as progress:
        figures = run_matching(pairs, methods, partial(_homography, method=method), progress)
    rows = [each.as_row() for each in figures]
    table = Table(*COLUMNS, title=f"{PROTOCOL}: {len(pairs)} pairs", title_justify="left")
    for row in rows:
        table.add_row(*(_cell(names, row) for names in COLUMNS.values()))
    show(table)
    for name, reason in unavailable.items():
        say(f"skipped {name}: {reason}", err=True)
    if json is not None:
        _write(
            json,
            pairs,
            rows,
            {"size": size, "keypoints": keypoints, "homography": f"{ESTIMATORS[method]}, {TOLERANCE} pixels"},
            unavailable,
        )


@app.command(cls=Command)
def retrieval(
    data: Annotated[
        list[str], typer.Option(help="Place folder, or PROTOCOL=FOLDER (see placeprint datasets); may be repeated.")
    ],
    output: Annotated[Path, typer.Option(help="Folder for the results, the report and the cache.")],
    preset: Annotated[
        list[str] | None,
        typer.Option(
            help="Preset, or the path of a preset's TOML file; may be repeated. The others are compared with the "
            "first. By default balanced."
        ),
    ] = None,
    verify: Annotated[
        list[int] | None,
        typer.Option(
            min=0,
            max=1_000_000_000,
            help="Candidates verified per query, 0 for search only; may be repeated. By default 0 and 50.",
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the report.")] = "Retrieval benchmark",
) -> None:
    """Measure presets on photos and write a report. Finished measurements are not repeated."""
    from placeprint.core.outputs import RESULT, check_output
    from placeprint.datasets.protocols import read_retrieval_set
    from placeprint.evaluation.benchmark import VERIFY, finished, pairs_of, run_pair
    from placeprint.evaluation.report.page import check_packages, check_report_folder, write_reports

    check_packages()
    check_report_folder(output, [folder for _, folder in map(_protocol_and_folder, data)])
    datasets = [read_retrieval_set(*_protocol_and_folder(each)) for each in data]
    results = []
    pairs = pairs_of(preset or [PRESET], datasets, verify or VERIFY)
    for pair in pairs:
        check_output(output / f"{pair.name}.json", RESULT)
    for pair in pairs:
        before = finished(pair, output)
        with progress_bar(pair.name, "photos") as progress:
            result = before or run_pair(pair, output, progress=progress)
        results.append(result)
        say(f"{pair.name}: {_outcome(result)}{', measured before' if before else ''}")
    for path in write_reports(results, output, title=title):
        say(f"wrote {path}")
    failed = [result for result in results if result.error is not None]
    if failed:
        warn(f"{len(failed)} of {len(results)} could not be measured, see above")
        raise typer.Exit(1)


def _protocol_and_folder(text: str) -> tuple[str | None, Path]:
    """Return the protocol and the folder of `--data`; a folder whose name has an equals sign is recognized.

    Example:
        >>> _protocol_and_folder("clips-area=photos")[0], _protocol_and_folder("photos")[0]
        ('clips-area', None)
    """
    protocol, sign, folder = text.partition("=")
    return (None, Path(text)) if not sign or Path(text).is_dir() else (protocol, Path(folder))


def _outcome(result: Result) -> str:
    """Return one line about a result: its first metric, or its error."""
    if result.error is not None:
        return result.error
    from placeprint.evaluation.measures import in_words
    from placeprint.evaluation.report.markdown import unread_in_words

    name, value = next(iter(result.metrics.items()))
    low, high = (in_words(name, end) for end in result.intervals[name])
    unread = unread_in_words([result])
    return f"{name} {in_words(name, value, unit=True)} ({low} to {high})" + (f"; not read: {unread}" if unread else "")


COLUMNS = {
    "method": ("method",),
    "keypoints": ("keypoints",),
    "repeatability %": ("repeatability",),
    "matching score %": ("matching_score",),
    "right within 1, 3, 5, 10 px %": ("mma@1", "mma@3", "mma@5", "mma@10"),
    "right matches": ("right_matches",),
    "AUC 3, 5, 10 px %": ("auc@3", "auc@5", "auc@10"),
    "homographies right %": ("homographies_right",),
    "best 100 %": ("best_100_right",),
    "ms per picture, per pair": ("ms_per_picture", "ms_per_pair"),
}
COUNTS = frozenset({"keypoints", "right_matches", "ms_per_picture", "ms_per_pair"})


def _pairs(folder: Path, skips: Skips) -> list[ImagePair]:
    from placeprint.datasets.photos.image_pairs import (
        read_hand_made,
        read_opencv_doc,
        read_oxford_affine,
        stereo_motorcycle,
    )

    found = []
    for part, read in (("oxford_affine", read_oxford_affine), ("pairs", read_hand_made)):
        if (folder / part).is_dir():
            found += read(folder / part, skip=skips.report)
    if skips.count and not found:
        raise PhotoError(f"no pair of pictures in {str(folder)!r} can be used")
    if not found:
        raise DatasetError(
            f"{str(folder)!r} has neither oxford_affine/ nor pairs/; name the folder of the pictures with --data"
        )
    return [*found, stereo_motorcycle(), *read_opencv_doc()]


def _methods(
    features: list[str] | None, matchers: list[str] | None, size: int, keypoints: int
) -> tuple[list[Method], dict[str, str]]:
    """Return the methods to measure, and why others are skipped."""
    import numpy as np

    from placeprint.core import registry
    from placeprint.errors import PackageError, WeightsError
    from placeprint.evaluation.pair_benchmark import Method
    from placeprint.pairs import matcher_params

    methods, unavailable = [], {}
    blank = np.zeros((64, 64, 3), np.uint8)
    matched = [name for name in registry.names("extractors") if name not in registry.WHOLE_PHOTO]
    for name in features or matched:
        extractor = registry.create("extractors", name, {"size": size, "max_keypoints": keypoints})
        try:
            extractor.extract(blank)
        except (PackageError, WeightsError) as error:
            unavailable[name] = str(error)
            continue
        for chosen in matchers or [*NEAREST, *SPECIAL.get(name, ())]:
            params = matcher_params(name, None if chosen == "default" else chosen)
            described = extractor
            if chosen == "semi-dense":
                described = registry.create("extractors", name, registry.params_of(extractor) | {"semi_dense": True})
            methods.append(
                Method(f"{name}, {chosen}", described, registry.create("matchers", params.pop("name"), params))
            )
    return methods, unavailable


def _homography(points: Floats, method: str) -> NDArray[np.float64] | None:
    from placeprint.verification.estimation import estimate

    found = estimate("homography", points[:, 0], points[:, 1], TOLERANCE, method=method)
    return None if found is None else found[0]


def _cell(names: Sequence[str], row: Mapping[str, Any]) -> str:
    """Return the values of a column: shares in percent, counts and times unchanged."""
    words = []
    for name in names:
        value = row[name]
        if isinstance(value, int | float):
            words.append(f"{value:.0f}" if name in COUNTS else f"{100 * value:.0f}")
        else:
            words.append(printable(value) if isinstance(value, str) else "-")
    return ", ".join(words)


def _write(
    path: Path,
    pairs: list[ImagePair],
    rows: list[dict[str, Any]],
    options: dict[str, int | str],
    unavailable: dict[str, str],
) -> None:
    from placeprint.core.files import write_atomically
    from placeprint.evaluation.pair_benchmark import PROTOCOL
    from placeprint.evaluation.provenance import made_by

    result = {
        "format": 1,
        "protocol": PROTOCOL,
        "pairs": [pair.name for pair in pairs],
        "options": options,
        "made_by": made_by(),
        "left_out": unavailable,
        "rows": rows,
    }
    write_atomically(path, (jsonlib.dumps(result, indent=1, allow_nan=False) + "\n").encode())
    say(f"wrote {path}")
