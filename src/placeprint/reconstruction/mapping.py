"""Build a 3D model from the photos of an atlas: COLMAP's mapping on our pairs, georeferenced if GPS is known."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from placeprint.core.options import OneOf, checked
from placeprint.core.packages import required
from placeprint.errors import ReconstructionError, WriteError
from placeprint.places.graph import MatchGraph
from placeprint.reconstruction.database import PYCOLMAP, SEED, export_database
from placeprint.reconstruction.georegistration import Origin, georegister
from placeprint.reconstruction.pairing import PER_PHOTO, NamedPhotos, image_pairs
from placeprint.reconstruction.sources import NewFeatures, Source, StoredFeatures
from placeprint.searching.reader import AtlasReader
from placeprint.searching.snapshot import Snapshot

FEATURES = ("sift", "stored")
MAPPERS = ("auto", "global", "incremental")
DATABASE = "database.db"
SEQUENCE = 2
"""Photos that follow in a folder, with which each is matched too: a model needs them where a walk turns."""
SMALLEST = 3
"""Photos of a model, at least."""
ENOUGH = 0.9
"""Share of the photos that the global mapper must register, or the incremental one is tried too."""

Report = Callable[[str, int, int], None]
"""Called with what is done, how much of it, and how much there is."""


@dataclass(frozen=True)
class Model:
    """A model that was made.

    Args:
        folder: where it lies: ``cameras.bin``, ``images.bin``, ``points3D.bin`` and the like, and ``database.db``.
        photos: photos of the atlas.
        registered: photos with a pose.
        pairs: pairs that were matched.
        points: 3D points.
        reprojection_error: mean over the observations, in pixels of the photos.
        origin: where the model's (0, 0, 0) is, x to the east, y to the north, z up, in meters; None without GPS.
        position_error: median distance in meters between the cameras and their GPS; None without.
    """

    folder: Path
    photos: int
    registered: int
    pairs: int
    points: int
    reprojection_error: float
    origin: Origin | None
    position_error: float | None


@checked
def reconstruct(
    atlas: AtlasReader,
    graph: MatchGraph,
    output: Path,
    *,
    per_photo: int = PER_PHOTO,
    sequence: int = SEQUENCE,
    features: Annotated[str, OneOf(*FEATURES)] = "sift",
    mapper: Annotated[str, OneOf(*MAPPERS)] = "auto",
    shared_camera: bool = False,
    progress: Report | None = None,
) -> Model:
    """Make a model of the scene that the photos of an atlas show; the largest one, if they show several.

    Args:
        atlas: the atlas.
        graph: its match graph.
        output: the folder of the model; it must not exist, or be empty.
        per_photo: see `image_pairs`.
        sequence: see `image_pairs`.
        features: ``"sift"``: new keypoints of the photos' files; ``"stored"``: those of the atlas, which are fewer and
            less exact, and need no files.
        mapper: ``"global"`` (GLOMAP: Pan et al., ECCV 2024), ``"incremental"`` (COLMAP: Schonberger and Frahm, CVPR
            2016), or ``"auto"``: the global one, and the incremental one too if that leaves photos out; the model with
            more photos is kept. Walks forward have no pair with the parallax that the incremental one starts from.
        shared_camera: see `export_database`.
        progress: called with the part, what is done, and the total.

    Raises:
        PackageError: pycolmap is not installed.
        ReconstructionError: the photos do not overlap enough for a model.
        WriteError: the folder is not empty, or cannot be written.
    """
    _check(output)
    report = progress or (lambda *_: None)
    now = atlas.snapshot()
    named = NamedPhotos.of(now.usable())
    pairs = image_pairs(graph, per_photo=per_photo, sequence=sequence)
    _make(output)
    with tempfile.TemporaryDirectory(dir=output) as kept:
        source = _source(now, features, Path(kept), report)
        matching = partial(report, "matching")
        export_database(now, pairs, output / DATABASE, source, shared_camera=shared_camera, progress=matching)
    model = _mapped(output, named, mapper, lambda done: report("mapping", done, len(named.names)))
    records = {named.names[number]: record for number, record in now.usable().items()}
    origin = georegister(model, {name: record.location for name, record in records.items() if record.location})
    model.write(output)
    if origin is not None:
        origin.write(output)
    return Model(
        output,
        len(named.names),
        model.num_reg_images(),
        len(pairs),
        model.num_points3D(),
        model.compute_mean_reprojection_error(),
        origin,
        None if origin is None else origin.error,
    )


def _check(output: Path) -> None:
    with required(*PYCOLMAP):
        import pycolmap
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise WriteError(f"{str(output)!r} is not an empty folder; give another one")
    pycolmap.logging.minloglevel = pycolmap.logging.FATAL.value  # our messages say what it would


def _source(now: Snapshot, features: str, folder: Path, report: Report) -> Source:
    return NewFeatures(now, folder, partial(report, "describing")) if features == "sift" else StoredFeatures(now)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{str(folder)!r} cannot be made: {error}") from error


def _mapped(folder: Path, named: NamedPhotos, mapper: str, progress: Callable[[int], None]) -> Any:
    """Return the largest model that the mapper makes."""
    found: list[Any] = []
    for kind in ("global", "incremental") if mapper == "auto" else (mapper,):
        if any(model.num_reg_images() >= ENOUGH * len(named.names) for model in found):
            break
        found += _models(folder, named.root, kind, progress)
    found = [model for model in found if model.num_reg_images() >= SMALLEST]
    if not found:
        raise ReconstructionError(
            "the photos do not overlap enough for a model; add photos from positions between them, or see which pairs "
            "are linked with: placeprint pairs"
        )
    return max(found, key=lambda model: model.num_reg_images())


def _models(folder: Path, photos: Path, mapper: str, progress: Callable[[int], None]) -> list[Any]:
    """Return the models that a mapper makes."""
    import pycolmap

    registered = 0

    def more() -> None:
        nonlocal registered
        registered += 1
        progress(registered)

    pycolmap.set_random_seed(SEED)
    with tempfile.TemporaryDirectory(dir=folder) as parts:
        try:
            if mapper == "global":
                return list(pycolmap.global_mapping(folder / DATABASE, photos, parts).values())
            options = pycolmap.IncrementalPipelineOptions()
            options.min_model_size = SMALLEST
            made = pycolmap.incremental_mapping(folder / DATABASE, photos, parts, options, next_image_callback=more)
            return list(made.values())
        except (RuntimeError, ValueError) as error:
            raise ReconstructionError(f"no model could be made: {error}") from error
