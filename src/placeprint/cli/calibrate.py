"""``placeprint calibrate``: fit the confidences of an atlas to its own photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placeprint.cli.output import print_json, progress_bar, say

if TYPE_CHECKING:
    from placeprint.evidence.calibration import Calibration

PROMISED = (0.8, 0.9, 0.95, 0.98, 0.99)


def calibrate(
    atlas: Annotated[Path, typer.Argument(help="Folder or address of the atlas.")],
    sample: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Search with up to this many photos of the atlas.")
    ] = 200,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the sample.")] = 0,
    reset: Annotated[bool, typer.Option("--reset", help="Remove the calibration instead.")] = False,
    pictures: Annotated[
        Path | None, typer.Option(help="Folder for the reliability diagram and the risk-coverage curve.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fit the confidences to the atlas's own photos, without labels; search --precision needs it."""
    from placeprint.atlas import Atlas
    from placeprint.core.outputs import check_output_folder

    if pictures is not None:
        check_output_folder(pictures, [atlas])
    opened = Atlas.open(atlas)
    if reset:
        opened.forget_calibration()
        say(f"{atlas} has the confidences of the model that ships with placeprint")
        return
    with progress_bar("asking", "photos") as progress:
        found = opened.calibrate(sample=sample, seed=seed, progress=progress)
    if pictures is not None:
        from placeprint.evaluation.report.calibration import write_pictures

        write_pictures(found, pictures)
    if json:
        print_json(_as_data(found))
        return
    _print(found)


def _thresholds(found: Calibration) -> dict[float, float | None]:
    from placeprint.errors import OptionError

    promised: dict[float, float | None] = {}
    for precision in PROMISED:
        try:
            promised[precision] = found.least_confidence(precision)
        except OptionError:
            promised[precision] = None
    return promised


def _print(found: Calibration) -> None:
    trials = found.trials
    say(f"{found.photos} photos searched, {len(trials)} queries; {int(trials.right.sum())} had a right first photo")
    say(f"calibration error: {found.error(calibrated=False):.1%} before, {found.error(calibrated=True):.1%} now")
    for precision, least in _thresholds(found).items():
        told = (
            "cannot be guaranteed with this few photos" if least is None else f"at a confidence of {least:.3f} or more"
        )
        say(f"precision {precision:g}: {told}")
    say("This holds for queries like these: views of the atlas's photos, and photos of places it does not have.")


def _as_data(found: Calibration) -> dict[str, Any]:
    return {
        "format": 1,
        "photos": found.photos,
        "queries": len(found.trials),
        "right": int(found.trials.right.sum()),
        "offset": found.offset,
        "slope": found.slope,
        "error_before": found.error(calibrated=False),
        "error": found.error(calibrated=True),
        "least_confidence": {f"{precision:g}": least for precision, least in _thresholds(found).items()},
    }
