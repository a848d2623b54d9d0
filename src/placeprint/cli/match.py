"""``placeprint match``: report whether two photos show the same place, and which points match."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placeprint.cli.output import print_json, say, say_verdict
from placeprint.cli.search import in_words, tell_promise
from placeprint.cli.skipping import naming
from placeprint.core.named_toml import parse_setting

if TYPE_CHECKING:
    from placeprint.pairs import PairAnswer
    from placeprint.types import Image, Mask

COLORS = {"same place": "green", "possible": "yellow", "not confirmed": "red"}
PICTURES = ("matches", "outliers", "keypoints", "selected", "descriptors", "overlay", "attention", "attended")
"""Names of the pictures that `--pictures` may write."""

Matcher = Annotated[
    str | None,
    typer.Option(
        help="mutual, ratio, mutual-ratio, lighterglue, lightglue, semi-dense, loftr (needs no features); "
        "by default depends on --features."
    ),
]
Model = Annotated[
    str,
    typer.Option(help="auto (a plane or a scene with depth), homography, fundamental, essential, affine, similarity."),
]
Method = Annotated[
    str, typer.Option(help="Estimator: opencv (MAGSAC++, faster), poselib (LO-RANSAC, more accurate), auto.")
]
Keypoints = Annotated[int | None, typer.Option(min=1, max=1_000_000, help="Maximum number of keypoints per photo.")]
Size = Annotated[
    int | None, typer.Option(min=0, max=4096, help="Longest side of the working copy in pixels; 0 for full size.")
]
Option = Annotated[
    list[str] | None, typer.Option("--set", help="NAME=VALUE: any parameter of the extractor; may be repeated.")
]
Pixels = Annotated[
    float,
    typer.Option(
        min=0.01, max=640, help="Largest residual of an inlier, in pixels of a photo whose longest side is 640."
    ),
]
Rotations = Annotated[
    bool,
    typer.Option(
        "--rotations/--no-rotations",
        "--turns/--no-turns",
        help="Try rotations of the first photo when it is not confirmed upright.",
    ),
]
Opinions = Annotated[
    bool,
    typer.Option(
        "--opinions/--no-opinions", help="While the answer is uncertain, also try SIFT, and SIFT with simulated tilts."
    ),
]
Ask = Annotated[
    str | None,
    typer.Option(
        help="Dense matcher, such as loftr, to run last if nothing else confirms an answer.", show_default=False
    ),
]
Precision = Annotated[
    float | None,
    typer.Option(
        min=0.5,
        max=0.9999,
        help="Required share of right pairs among those called the same place; holds for pairs like those it was "
        "learned from.",
    ),
]
Masks = Annotated[
    tuple[Path, Path] | None, typer.Option(help="Two pictures, white where keypoints are allowed, one per photo.")
]
Focal = Annotated[
    float | None,
    typer.Option(min=1, max=10_000_000, help="Focal length in pixels, for --model essential; by default from EXIF."),
]
Output = Annotated[Path | None, typer.Option(help="Picture of the verified matches, PNG or JPEG.")]
Pictures = Annotated[
    Path | None, typer.Option(help="Folder for all pictures: matches, keypoints, descriptors, overlay, attention.")
]


def match(
    first: Annotated[Path, typer.Argument(help="One photo.")],
    second: Annotated[Path, typer.Argument(help="The other photo.")],
    features: Annotated[str, typer.Option(help="Extractor; `placeprint models` lists them.")] = "xfeat",
    matcher: Matcher = None,
    model: Model = "auto",
    method: Method = "auto",
    keypoints: Keypoints = None,
    size: Size = None,
    option: Option = None,
    pixels: Pixels = 2.0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the estimator.")] = 0,
    rotations: Rotations = True,
    opinions: Opinions = True,
    ask: Ask = None,
    precision: Precision = None,
    masks: Masks = None,
    focal: Focal = None,
    output: Output = None,
    pictures: Pictures = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Match two photos and report whether they show the same place."""
    from placeprint.pairs import match as match_photos
    from placeprint.photos import read_image

    inputs = [first, second, *(masks or ())]
    _check_outputs(inputs, output, pictures)
    options = _feature_options(option, keypoints, size)
    with naming(*inputs):
        answer = match_photos(
            first,
            second,
            features=features,
            feature_options=options,
            matcher=matcher,
            model=model,
            method=method,
            pixels=pixels,
            seed=seed,
            rotations=rotations,
            opinions=opinions,
            ask=ask,
            precision=precision,
            masks=(None, None) if masks is None else (_read_mask(masks[0]), _read_mask(masks[1])),
            focal=focal,
        )
    tell_promise(precision, answer.precision)
    if json:
        print_json(_as_data(first, second, answer))
    else:
        _print(answer)
    if output is not None or pictures is not None:
        photos = read_image(first), read_image(second)
        more = {} if pictures is None else _attention(photos, answer, features, options)
        for path in _draw(*photos, answer, output, pictures, more):
            say(f"wrote {path}", err=json)


def _check_outputs(inputs: list[Path], output: Path | None, pictures: Path | None) -> None:
    """Check that pictures may be written."""
    from placeprint.core.outputs import check_output_folder
    from placeprint.visualization.canvas import check_picture

    if output is not None:
        check_picture(output, inputs)
    if pictures is not None:
        check_output_folder(pictures, inputs)
        for name in PICTURES:
            check_picture(pictures / f"{name}.png", inputs if output is None else [*inputs, output])


def _feature_options(settings: list[str] | None, keypoints: int | None, size: int | None) -> dict[str, Any]:
    """Return the parameters of the extractor that are given."""
    options: dict[str, Any] = dict(parse_setting(text, "--set NAME=VALUE") for text in settings or [])
    given = {"max_keypoints": keypoints, "size": size}
    return options | {name: value for name, value in given.items() if value is not None}


def _read_mask(path: Path) -> Mask:
    from placeprint.photos import read_image

    white: Mask = read_image(path)[..., 0] > 127
    return white


def _print(answer: PairAnswer) -> None:
    check = answer.verification
    if answer.note is not None:
        words = answer.note
    elif check.transform is None:
        words = f"no transform explains more of the {len(check.matches)} matches than chance does"
    else:
        words = f"{check.num_inliers} of {len(check.matches)} matches follow {_article(check.model)}"
    say_verdict(answer.verdict, COLORS[answer.verdict], f": {words}")
    if answer.confidence is not None:
        sure = in_words(answer.confidence, "very unlikely")
        say(f"{sure}: {answer.confidence:.0%} sure that both show the same place, by {' and '.join(answer.asked)}")
    if check.transform is not None:
        rotated = f"; the first photo was rotated by {answer.rotation:.0f} degrees" if answer.rotation else ""
        say(f"significance {check.strength:.1f}: {_chance(check.strength)}{rotated}")
        _say_rows(check.transform, style="dim")
    if answer.pose is not None:
        rotation, translation = answer.pose
        say("rotation")
        _say_rows(rotation)
        say(f"direction {translation.round(4).tolist()}")
    counts = f"{len(answer.query)} and {len(answer.database)} keypoints"
    times = ", ".join(f"{part} {1000 * seconds:.0f} ms" for part, seconds in answer.seconds.items())
    say(f"{counts}, {times}", style="dim")


def _chance(significance: float) -> str:
    if significance < 1:
        return "chance alone explains this many"
    return f"by chance, this many agree in one of 10^{significance:.0f} pairs"


def _article(model: str) -> str:
    return (
        f"an {model} matrix"
        if model == "essential"
        else f"a{'n' if model == 'affine' else ''} {model}"
        + (" matrix" if model == "fundamental" else " transform" if model in {"affine", "similarity"} else "")
    )


def _say_rows(matrix: Any, style: str = "") -> None:
    for row in matrix:
        say("  " + "  ".join(f"{value:12.6g}" for value in row), style=style)


def _as_data(first: Path, second: Path, answer: PairAnswer) -> dict[str, Any]:
    check = answer.verification
    return {
        "first": str(first),
        "second": str(second),
        "verdict": answer.verdict,
        "confidence": answer.confidence,
        "precision": answer.precision,
        "features": answer.features,
        "asked": list(answer.asked),
        "note": answer.note,
        "significance": check.strength,
        "model": check.model,
        "transform": None if check.transform is None else check.transform.tolist(),
        "pose": None
        if answer.pose is None
        else {"rotation": answer.pose[0].tolist(), "translation": answer.pose[1].tolist()},
        "turn": answer.rotation,
        "keypoints": [len(answer.query), len(answer.database)],
        "num_matches": len(check.matches),
        "num_inliers": check.num_inliers,
        "inliers": check.points[check.inliers].reshape(-1, 4).round(2).tolist(),
        "seconds": answer.seconds,
    }


def _attention(
    photos: tuple[Image, Image], answer: PairAnswer, features: str, options: dict[str, Any]
) -> dict[str, Image]:
    """Return pictures of the extractor's attention, none if it has no attention."""
    from dataclasses import replace

    from placeprint.core import registry
    from placeprint.visualization.attention import draw_attention
    from placeprint.visualization.canvas import side_by_side
    from placeprint.visualization.keypoints import draw_selection

    extractor = registry.create("extractors", features, options)
    if not hasattr(extractor, "attention"):
        return {}
    whole = replace(extractor, max_keypoints=1_000_000, score_threshold=0.0, max_overlap=1.0)
    kept = []
    for photo, found in zip(photos, (answer.query, answer.database), strict=True):
        cells = whole.extract(photo)
        chosen = cells.scores >= found.scores.min() if len(found) else cells.scores < 0
        kept.append(draw_selection(photo, cells, chosen, f"{len(found)} of {len(cells)} cells, by attention"))
    heat = [draw_attention(photo, extractor.attention(photo)) for photo in photos]
    return {"attention": side_by_side(heat), "attended": side_by_side(kept)}


def _draw(
    first: Image, second: Image, answer: PairAnswer, output: Path | None, folder: Path | None, more: dict[str, Image]
) -> list[Path]:
    from placeprint.visualization.canvas import write_picture
    from placeprint.visualization.pair_pictures import draw_pair

    drawn = draw_pair(
        first,
        second,
        (answer.query, answer.database),
        answer.verification,
        answer.verdict,
        errors=answer.errors,
        tolerance=answer.tolerance,
    )
    wanted = {} if output is None else {output: drawn["matches"]}
    if folder is not None:
        wanted |= {folder / f"{name}.png": picture for name, picture in (drawn | more).items()}
    for path, picture in wanted.items():
        write_picture(path, picture)
    return list(wanted)
