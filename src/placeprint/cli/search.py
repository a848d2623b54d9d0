"""``placeprint search``: find the places that photos show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placeprint.cli.filtering import After, Before, Folder, InBox, Label, Near, filter_of
from placeprint.cli.output import print_json, printable, say, show, warn
from placeprint.cli.skipping import check_some, list_named
from placeprint.core.addresses import url_of
from placeprint.errors import PhotoError

if TYPE_CHECKING:
    from placeprint.types import Answer

COLORS = {"same place": "green", "possible": "yellow", "not confirmed": "dim", "not verified": "dim"}

Precision = Annotated[
    float | None,
    typer.Option(
        min=0.5,
        max=0.9999,
        help="Required share of right answers among confirmed ones, such as 0.95; needs `placeprint calibrate`.",
    ),
]

Mode = Annotated[
    str | None,
    typer.Option("--mode", "--by", help="Search mode: descriptor, votes or asmk; by default that of the preset."),
]
Rotations = Annotated[
    bool,
    typer.Option(
        "--rotations/--no-rotations",
        "--turns/--no-turns",
        help="Try rotations of the query when nothing is confirmed upright.",
    ),
]


Ask = Annotated[
    str | None,
    typer.Option(
        help="Dense matcher, such as loftr, to run last if nothing else confirms an answer.", show_default=False
    ),
]
SaveMatches = Annotated[Path | None, typer.Option(help="Folder for pictures: each query beside its best candidate.")]


def search(
    queries: Annotated[list[Path], typer.Argument(help="Photos and folders of photos.")],
    atlas: Annotated[Path, typer.Option("--in", help="Folder or address of the atlas.")],
    top: Annotated[int, typer.Option(min=1, max=1_000_000_000, help="Candidates to show per query.")] = 5,
    verify: Annotated[
        int, typer.Option(min=0, max=1_000_000_000, help="Candidates verified by geometry; 0 for none.")
    ] = 50,
    mode: Mode = None,
    rotations: Rotations = True,
    precision: Precision = None,
    ask: Ask = None,
    near: Near = None,
    box: InBox = None,
    after: After = None,
    before: Before = None,
    label: Label = None,
    folder: Folder = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    save_matches: SaveMatches = None,
) -> None:
    """Find the places that photos show."""
    from placeprint.atlas import Atlas
    from placeprint.core.outputs import check_output_folder

    opened = Atlas.open(atlas)
    within = filter_of(opened, near, box, after, before, label, folder)
    if not len(opened):
        warn(f"the atlas {atlas} is empty; add photos with: placeprint index")
    paths, skips = list_named(queries)
    if save_matches is not None:
        check_output_folder(save_matches, [*queries, atlas])
    answers: list[dict[str, Any]] = []
    for path in paths:
        try:
            answer = opened.search(
                path,
                top=top,
                verify=verify,
                rotations=rotations,
                within=within,
                mode=mode,
                precision=precision,
                ask=ask,
            )
        except PhotoError as error:
            skips.report(path, error)
            continue
        if not answers:
            tell_promise(precision, answer.precision)
        answers.append(_as_data(path, answer))
        if not json:
            _print(path, answer)
        if save_matches is not None:
            _save_matches(save_matches, path, answer)
    if json:
        print_json(
            {"format": 1, "atlas": str(atlas), "answers": answers, "skipped": skips.count, "reasons": skips.reasons}
        )
    check_some(len(answers), len(paths))
    skips.leave()


def _print(path: Path, answer: Answer) -> None:
    from rich.table import Table
    from rich.text import Text

    turned = f" (rotated by {answer.rotation:g} degrees)" if answer.rotation else ""
    title = f"{short(path)}: {'found' + turned if answer.best else 'no place confirmed'}"
    table = Table(title=Text(printable(title)), title_justify="left")
    table.add_column("rank", justify="right")
    table.add_column("photo", overflow="fold")
    table.add_column("similarity", justify="right")
    table.add_column("inliers", justify="right")
    table.add_column("verdict", no_wrap=True)
    for rank, evidence in enumerate(answer.evidence, start=1):
        color = COLORS[evidence.verdict]
        table.add_row(
            str(rank),
            printable(short(Path(evidence.path))),
            f"{evidence.similarity:.3f}",
            "-" if evidence.num_inliers is None else str(evidence.num_inliers),
            Text(evidence.verdict, style=color),
        )
    show(table)
    if answer.note is not None:
        say(answer.note)
    if answer.confidence is not None:
        say(f"{in_words(answer.confidence)}: {answer.confidence:.0%} sure that the first photo shows the place")
    milliseconds = {part: f"{1000 * seconds:.0f} ms" for part, seconds in answer.seconds.items()}
    say(", ".join(f"{part} {value}" for part, value in milliseconds.items()), style="dim")


def in_words(confidence: float, otherwise: str = "probably not in the atlas") -> str:
    """Return a probability in words, and what to say where there is hardly any."""
    words = ((0.99, "certain"), (0.9, "very likely"), (0.5, "likely"), (0.1, "unlikely"))
    return next((word for least, word in words if confidence >= least), otherwise)


def tell_promise(requested: float | None, promised: float | None) -> None:
    """Warn where less precision is promised than was requested."""
    if requested is not None and promised is not None and promised < requested:
        warn(f"a precision of {requested:g} cannot be guaranteed; the highest possible is {promised:g}")


def short(path: Path) -> str:
    """Return a path relative to the current folder, if it is inside; an address as it is."""
    if (url := url_of(path)) is not None:
        return url
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _as_data(path: Path, answer: Answer) -> dict[str, Any]:
    return {
        "query": str(path),
        "found": answer.best is not None,
        "note": answer.note,
        "turn": answer.rotation,
        "seconds": answer.seconds,
        "confidence": answer.confidence,
        "precision": answer.precision,
        "evidence": [
            {
                "rank": rank,
                "photo": evidence.path,
                "similarity": evidence.similarity,
                "score": evidence.score,
                "inliers": evidence.num_inliers,
                "verdict": evidence.verdict,
                "location": evidence.location,
                "probability": evidence.probability,
                "known": dict(evidence.known),
            }
            for rank, evidence in enumerate(answer.evidence, start=1)
        ],
    }


def _save_matches(folder: Path, path: Path, answer: Answer) -> None:
    """Write the picture of a query and its answer, under a name that no other query has."""
    from placeprint.cli.picture_names import picture_name
    from placeprint.core.outputs import check_output_folder
    from placeprint.photos import read_image
    from placeprint.visualization.canvas import write_picture
    from placeprint.visualization.matches import draw_answer

    if not answer.evidence or answer.evidence[0].verification is None:
        return
    first = answer.evidence[0]
    try:
        picture = draw_answer(read_image(path), read_image(first.path), answer)
    except PhotoError as error:
        warn(f"no picture for {path}: {error}")
        return
    check_output_folder(folder, [Path(evidence.path).parent for evidence in answer.evidence])
    target, about = picture_name(folder, path, Path(first.path))
    write_picture(target, picture, about=about)
