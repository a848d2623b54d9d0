"""``placeprint learn``: make a preset with a codebook and whitening learned from your photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import progress_bar, say
from placeprint.cli.skipping import list_named
from placeprint.core.defaults import PRESET


def learn(
    photos: Annotated[list[Path], typer.Argument(help="Photos and folders of photos.")],
    output: Annotated[Path, typer.Option(help="Folder for the preset.")],
    preset: Annotated[str, typer.Option(help="Preset, or the path of a preset's TOML file.")] = PRESET,
    whiten: Annotated[
        int, typer.Option(min=0, max=65_536, help="Shorten descriptors to this many values by PCA; 0 for no PCA.")
    ] = 0,
    power: Annotated[
        float, typer.Option(min=0, max=1, help="Strength of the whitening: 0.5 is full, 0 is plain PCA.")
    ] = 0.5,
    sample: Annotated[
        int, typer.Option(min=1, max=1_000_000_000, help="Learn from up to this many photos, spread over all.")
    ] = 4000,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Photos to describe in parallel; by default one per core.")
    ] = None,
) -> None:
    """Learn a codebook, and optionally whitening, once for many atlases. The result is a preset."""
    from placeprint.describing.preset_learning import check_preset_folder, learn_preset, read_sample

    check_preset_folder(output, [*photos, preset])
    paths, skips = list_named(photos, later=True)
    with progress_bar("reading", "photos") as progress:
        read = read_sample(paths, preset, sample=sample, workers=workers, progress=progress)
    path = learn_preset(read, preset, output, whiten=whiten, power=power)
    skips.report_all(read.unusable)
    say(f"wrote {path}, {skips.count} photos skipped; use it: placeprint index ... --preset {path}")
    skips.leave()
