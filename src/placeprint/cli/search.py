"""``placeprint search``: which places do photos show?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placeprint.cli.output import console, print_json
from placeprint.errors import PhotoError

if TYPE_CHECKING:
    from rich.console import Console

    from placeprint.types import Answer

COLORS = {"same place": "green", "possible": "yellow", "not confirmed": "dim", "not verified": "dim"}


def search(
    queries: Annotated[list[Path], typer.Argument(help="Photos, and folders that hold photos.", show_default=False)],
    atlas: Annotated[Path, typer.Option("--in", help="Folder of the atlas.", show_default=False)],
    top: Annotated[int, typer.Option(min=1, help="Candidates shown for each query.")] = 5,
    verify: Annotated[int, typer.Option(min=0, help="Candidates verified by geometry; 0 for none.")] = 50,
    by: Annotated[
        str | None,
        typer.Option(help="descriptor, votes or asmk, by default what the preset says.", show_default=False),
    ] = None,
    turns: Annotated[bool, typer.Option(help="Look for turned photos when nothing is confirmed upright.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    save_matches: Annotated[
        Path | None,
        typer.Option(help="Folder for pictures of each query beside its answer.", show_default=False),
    ] = None,
) -> None:
    """Find the places that photos show."""
    from placeprint.atlas import Atlas
    from placeprint.images import list_photos

    opened = Atlas.open(atlas)
    out, answers, failed = console(), [], 0
    paths = list_photos(queries)
    for path in paths:
        try:
            answer = opened.search(path, top=top, verify=verify, turns=turns, by=by)
        except PhotoError as error:
            typer.echo(f"placeprint: skipped {path}: {error}", err=True)
            failed += 1
            continue
        answers.append(_as_data(path, answer))
        if not json:
            _print(out, path, answer)
        if save_matches is not None:
            _save_matches(save_matches, path, answer)
    if json:
        print_json({"format": 1, "atlas": str(atlas), "answers": answers, "skipped": failed})
    if failed == len(paths):
        raise typer.Exit(1)


def _print(out: Console, path: Path, answer: Answer) -> None:
    from rich.table import Table

    turned = f" (turned by {answer.turn:g} degrees)" if answer.turn else ""
    title = f"{_short(path)}: {'found' + turned if answer.best else 'no place confirmed'}"
    table = Table(title=title, title_justify="left")
    table.add_column("rank", justify="right")
    table.add_column("photo", overflow="fold")
    table.add_column("similarity", justify="right")
    table.add_column("inliers", justify="right")
    table.add_column("verdict", no_wrap=True)
    for rank, evidence in enumerate(answer.evidence, start=1):
        color = COLORS[evidence.verdict]
        table.add_row(
            str(rank),
            _short(Path(evidence.path)),
            f"{evidence.similarity:.3f}",
            "-" if evidence.num_inliers is None else str(evidence.num_inliers),
            f"[{color}]{evidence.verdict}[/]",
        )
    out.print(table, highlight=False)
    milliseconds = {part: f"{1000 * seconds:.0f} ms" for part, seconds in answer.seconds.items()}
    out.print(", ".join(f"{part} {value}" for part, value in milliseconds.items()), style="dim", highlight=False)


def _short(path: Path) -> str:
    """Return a path as seen from here, when it is below here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _as_data(path: Path, answer: Answer) -> dict[str, Any]:
    return {
        "query": str(path),
        "found": answer.best is not None,
        "turn": answer.turn,
        "seconds": answer.seconds,
        "evidence": [
            {
                "rank": rank,
                "photo": evidence.path,
                "similarity": evidence.similarity,
                "score": evidence.score,
                "inliers": evidence.num_inliers,
                "verdict": evidence.verdict,
                "location": evidence.location,
            }
            for rank, evidence in enumerate(answer.evidence, start=1)
        ],
    }


def _save_matches(folder: Path, path: Path, answer: Answer) -> None:
    from placeprint.images import read_image
    from placeprint.store.files import writing
    from placeprint.visualization.canvas import write_picture
    from placeprint.visualization.matches import draw_answer

    if not answer.evidence or answer.evidence[0].verification is None:
        return
    first = answer.evidence[0]
    try:
        picture = draw_answer(read_image(path), read_image(first.path), answer)
    except PhotoError as error:
        typer.echo(f"placeprint: no picture for {path}: {error}", err=True)
        return
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_picture(folder / f"{path.stem}-{Path(first.path).stem}.png", picture)
