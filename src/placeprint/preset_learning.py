"""Learn a preset's codebooks and whitening once, from photos of one's own, for many atlases.

An atlas of a few photos cannot learn well, and whitening needs thousands. What is learnt here becomes a preset of its
own, a folder with ``preset.toml`` and ``codebook.npz``, which atlases use unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from placeprint.bulk import encoded_files
from placeprint.describe import Describer
from placeprint.errors import OptionError
from placeprint.images import list_photos
from placeprint.presets import load_preset
from placeprint.store.files import write_arrays, write_atomically
from placeprint.types import PhotoFeatures

SAMPLE = 4000
"""Photos learnt from, unless told otherwise."""
PRESET_FILE, CODEBOOK_FILE = "preset.toml", "codebook.npz"


def learn_preset(
    places: Iterable[Path | str],
    preset: str,
    output: Path | str,
    *,
    whiten: int = 0,
    power: float = 0.5,
    sample: int = SAMPLE,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Path, list[str]]:
    """Learn from photos and write a preset folder.

    The encoded features of the sample are held in memory, about 70 KB a photo of the default preset, and with
    whitening their descriptors, 4 bytes a value.

    Args:
        places: photos, and folders that hold photos.
        preset: name, or path of a TOML file; what it ships is not used.
        output: folder, made when it is not there; of an older run the two files are replaced.
        whiten: length of the descriptors after PCA; 0 for none, but what the preset says itself.
        power: of the whitening: 0.5 full, 0 plain PCA.
        sample: photos learnt from at most, spread evenly over all.
        workers: threads; the count of cores when None.
        progress: called with the count of photos read and the count of all.

    Returns:
        The path of the preset's TOML file, and why photos were skipped.

    Raises:
        PhotoError: a place does not exist, or there is no photo in any.
        OptionError: there is no such preset, or there are too few usable photos for the whitening.
        ShapeError: there are too few features for a codebook.
        AtlasWriteError: the folder cannot be written.
    """
    import tomli_w

    paths = list_photos(places)
    chosen = load_preset(preset)
    tables = dict(chosen.components) | {"codebook": {"file": CODEBOOK_FILE}}
    if whiten:
        tables["whitener"] = {"name": "pca-whitening", "dim": whiten, "power": power}
    if "whitener" in tables:
        tables["whitener"] = tables["whitener"] | {"min_photos": 1}
    describer = Describer(tables)
    paths = [paths[index] for index in np.linspace(0, len(paths) - 1, min(sample, len(paths))).astype(int)]
    kept, skipped = [], []
    for done, found in enumerate(encoded_files(paths, describer, workers), start=1):
        if isinstance(found, str):
            skipped.append(f"{paths[done - 1]}: {found}")
        else:
            kept.append(found)
        if progress is not None:
            progress(done, len(paths))
    needed = int(tables["whitener"].get("dim", 0)) if "whitener" in tables else 0
    if len(kept) <= needed:
        raise OptionError(
            f"{len(kept)} photos can be used; to learn {f'whitening to {needed} values' if needed else 'a codebook'} "
            f"takes more than {needed}"
        )

    def photos() -> Iterator[PhotoFeatures]:
        for columns, size in kept:
            yield describer.decode(columns, size)

    state = describer.learn(photos, len(kept), None, adapt=False)
    folder = Path(output)
    write_arrays(folder / CODEBOOK_FILE, state)
    summary = f"{chosen.name}, learnt from {len(kept)} photos"
    write_atomically(folder / PRESET_FILE, tomli_w.dumps({"summary": summary} | tables).encode())
    return folder / PRESET_FILE, skipped
