"""``placeprint explain``: explain the answer to a photo in one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placeprint.cli.output import print_json, progress_bar, say, say_verdict, warn
from placeprint.errors import OptionError

if TYPE_CHECKING:
    from placeprint.explaining import Explanation


def explain(
    query: Annotated[Path, typer.Argument(help="A photo.")],
    atlas: Annotated[Path, typer.Option("--in", help="Folder or address of the atlas.")],
    output: Annotated[Path | None, typer.Option(help="Page to write, .html.")] = None,
    verify: Annotated[int, typer.Option(min=1, max=1_000_000_000, help="Candidates verified by geometry.")] = 50,
    rotations: Annotated[
        bool,
        typer.Option(
            "--rotations/--no-rotations", help="Try rotations of the query when nothing is confirmed upright."
        ),
    ] = True,
    deconvolution: Annotated[
        bool,
        typer.Option(
            "--deconvolution/--no-deconvolution",
            help="Show what units of the network respond to in both photos, in presets with a network.",
        ),
    ] = True,
    places: Annotated[
        bool,
        typer.Option(
            "--places/--no-places",
            help="Name the place and its position, in presets with probabilities. The first time, this takes one "
            "search per photo of the atlas.",
        ),
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Explain the answer to a photo in one page that opens in any browser, offline."""
    from placeprint.atlas import Atlas
    from placeprint.explaining import explain as explained
    from placeprint.explaining.as_data import as_data
    from placeprint.explaining.page import write_explanation
    from placeprint.pages import check_page
    from placeprint.places.locating import Locator

    if output is None and not json:
        raise OptionError("give --output FILE.html for a page, or --json")
    if output is not None:
        check_page(output, [query, atlas])
    opened = Atlas.open(atlas)
    if not len(opened):
        warn(f"the atlas {atlas} is empty; add photos with: placeprint index")
    locator = None
    if places and len(opened) and opened.snapshot().preset.evidence is not None:
        with progress_bar("surveying the atlas", "photos") as progress:
            locator = Locator(opened, progress=progress)
    explanation = explained(opened, query, locator=locator, verify=verify, rotations=rotations)
    if output is not None:
        now = opened.snapshot()
        context = [(each.path, each.location) for each in now.usable().values() if each.location is not None]
        write_explanation(output, query, explanation, now.describer, deconvolution=deconvolution, context=context)
    if json:
        print_json(as_data(str(query), explanation))
    else:
        _print(explanation, output)


def _print(explanation: Explanation, output: Path | None) -> None:
    from placeprint.explaining.headline import headline_of

    headline = headline_of(explanation)
    color = {"good": "green", "warn": "yellow", "bad": "red"}[headline.tone]
    say_verdict(headline.words, color, f". {headline.lead}")
    for reason in explanation.reasons:
        mark = {True: "+", False: "-", None: " "}[reason.speaks_for]
        say(f"  {mark} {reason.words}")
    if explanation.rival is not None:
        say(f"The runner-up, {Path(explanation.rival.path).name}: {explanation.why_rival_lost}", style="dim")
    if output is not None:
        say(f"wrote {output}")
