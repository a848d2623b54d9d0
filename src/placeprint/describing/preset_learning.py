"""Learn a preset's codebooks and whitening once, from your own photos, for many atlases.

An atlas with few photos cannot learn well, and whitening needs thousands. The result is a new preset, a folder with
``preset.toml`` and ``codebook.npz``, which atlases use unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from placeprint.core.files import write_arrays, write_atomically
from placeprint.core.numerics import evenly
from placeprint.core.options import Count, Range, Share, Workers, checked
from placeprint.core.outputs import ARRAYS, MADE_BY, PRESET, check_output, check_output_folder
from placeprint.describing.bulk import encoded_files
from placeprint.describing.describer import Describer
from placeprint.errors import OptionError
from placeprint.photos import list_photos
from placeprint.presets import CodebookSpec, WhitenerSpec, kept_files, load_preset, write_preset
from placeprint.store.encoding import Columns
from placeprint.types import PhotoFeatures, Progress

SAMPLE = 4000
"""Default number of photos to learn from."""
PRESET_FILE, CODEBOOK_FILE = "preset.toml", "codebook.npz"


Whiten = Annotated[int, Range(0, 65_536)]
"""The length of shortened descriptors; 0 for no PCA."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Photos to learn from, with encoded local features.

    Args:
        features: the columns and ``(width, height)`` of each photo.
        unusable: the path and reason of each photo that could not be used.
    """

    features: list[tuple[Columns, tuple[int, int]]]
    unusable: list[tuple[Path, str]]

    @property
    def skipped(self) -> list[str]:
        """The path and reason of each unusable photo, as one text."""
        return [f"{path}: {reason}" for path, reason in self.unusable]


@checked
def read_sample(
    places: Iterable[Path | str],
    preset: str,
    *,
    sample: Count = SAMPLE,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> Sample:
    """Read the local features of photos as the preset's atlases store them, about 70 KB per photo by default.

    Args:
        places: photos, and folders of photos.
        preset: the name of a preset, or the path of a TOML file.
        sample: the most photos to read, spread evenly over all.
        workers: threads; the count of cores when None.
        progress: called with the number of photos read and the total.

    Raises:
        PhotoError: a place does not exist, or there is no photo in any.
        OptionError: the preset is unknown.
    """
    every = list_photos(places)
    paths = [every[index] for index in evenly(len(every), sample)]
    describer = Describer(load_preset(preset))
    found = Sample([], [])
    for done, each in enumerate(encoded_files(paths, describer, workers), start=1):
        if isinstance(each, str):
            found.unusable.append((paths[done - 1], each))
        else:
            found.features.append(each)
        if progress is not None:
            progress(done, len(paths))
    return found


def check_preset_folder(output: Path | str, inputs: Iterable[Path | str | None] = ()) -> None:
    """Check, before reading anything, that a preset can be written to a folder.

    Args:
        output: the folder.
        inputs: files and folders that are read; None entries are ignored.

    Raises:
        WriteError: writing is refused; the message says why.
    """
    inputs = list(inputs)
    check_output_folder(Path(output), inputs)
    check_output(Path(output) / PRESET_FILE, PRESET, inputs)
    check_output(Path(output) / CODEBOOK_FILE, ARRAYS, inputs)


@checked
def learn_preset(sample: Sample, preset: str, output: Path | str, *, whiten: Whiten = 0, power: Share = 0.5) -> Path:
    """Learn from a sample and write a preset folder; return the path of its TOML file.

    Whitening keeps the descriptors of the sample in memory, 4 bytes per value.

    Args:
        sample: a sample that was read for this preset.
        preset: the name of a preset, or the path of a TOML file; its shipped codebook is not used.
        output: the folder, made if missing; the two files of an older run are replaced.
        whiten: the length of the descriptors after PCA; 0 for the preset's own whitening, if any.
        power: the exponent of the whitening: 0.5 is full, 0 is plain PCA.

    Raises:
        OptionError: the preset is unknown, or there are too few usable photos for the whitening.
        ShapeError: there are too few features for a codebook.
        WriteError: the folder cannot be written.
    """
    check_preset_folder(output, [preset])
    chosen = load_preset(preset)
    whitener = chosen.whitener
    if whiten:
        whitener = WhitenerSpec("whiteners", "pca-whitening", {"dim": whiten, "power": power})
    if whitener is not None:
        whitener = replace(whitener, min_photos=1)
    describer = Describer(replace(chosen, whitener=whitener))
    count = len(sample.features)
    needed = 0 if whitener is None else int(whitener.options.get("dim", 0))
    if count <= needed:
        what = f"whitening to {needed} values" if needed else "a codebook"
        raise OptionError(f"{count} photos can be used; learning {what} takes more than {needed}")

    def photos() -> Iterator[PhotoFeatures]:
        for columns, size in sample.features:
            yield describer.decode(columns, size)

    state = describer.learn(photos, count, None, adapt=False)
    folder = Path(output)
    # with its files, so that the preset outlives the folder it was made from; what that ships is not used
    kept = kept_files(replace(chosen, whitener=whitener, codebook=CodebookSpec(min_photos=1)))
    for name, data in kept.contents.items():
        write_atomically(folder / name, data)
    write_arrays(folder / CODEBOOK_FILE, state)
    summary = f"{chosen.name}, learned from {count} photos"
    learned = replace(kept.preset, summary=summary, codebook=CodebookSpec(file=CODEBOOK_FILE))
    write_preset(learned, folder / PRESET_FILE, f"{MADE_BY} learn")
    return folder / PRESET_FILE
