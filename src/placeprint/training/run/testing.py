"""The final test of a run: photos outside the run are searched among its training photos, once, at the end.

Labeled photos of ``data.test`` are searched among all photos of ``data.train``, those that validated included. Written
into ``RUN/test.toml``. The measures are those of `evaluation.relevance`, classes are what is right. Photos with places
that ``data.test_share`` held out are measured by `training.place_testing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tomli_w

from placeprint.core.files import write_atomically
from placeprint.core.threads import num_cores
from placeprint.datasets.photos.labeled_photos import LabeledPhotos
from placeprint.datasets.photos.placed_photos import PlacedPhotos
from placeprint.datasets.photos.splits import check_leak
from placeprint.errors import OptionError
from placeprint.evaluation.metrics import average_precisions, recall_at
from placeprint.evaluation.relevance import Relevance
from placeprint.networks.staged_backbone import StagedBackbone
from placeprint.training.data.loading import PhotoMaps, Photos, describe
from placeprint.training.data.map_cache import cached_maps
from placeprint.training.data.photo_sets import PhotoSet, read_photos
from placeprint.training.data.prepare import read_data
from placeprint.training.data.sifting import read_skipped, without
from placeprint.training.model.trained_network import DescriptorModel
from placeprint.training.recipe import Recipe
from placeprint.training.run.place_testing import place_recalls
from placeprint.training.run.run import load_run
from placeprint.types import Floats, Mask, Progress

FILE = "test.toml"


def measure_run(
    run: Path,
    data_folder: Path,
    *,
    maps_folder: Path | None = None,
    backbone: StagedBackbone | None = None,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Measure the best weights of a run on its test photos, and write the result.

    Args:
        run: folder of the run.
        data_folder: the recipe's photos are below this.
        maps_folder: where cached maps lie; None for one in the folder of the run.
        backbone: the network that was trained instead of the recipe's.
        progress: called with the number of pictures described and the total.

    Returns:
        ``recall_at_1``, ``recall_at_5`` and ``mean_average_precision``, in [0, 1], and the number of photos; for photos
        with places, the result of `place_recalls`.

    Raises:
        OptionError: the recipe names no test photos, or they have no labels.
        DatasetError: test and training sets share photos, or a class of the test set is unknown.
        WeightsError: there is no validated checkpoint, or it does not fit.
    """
    recipe, model, _ = load_run(run, backbone=backbone)
    folder = maps_folder or run / "maps"
    skipped = read_skipped(run)
    if recipe.data.test_share:
        found = measure_places(recipe, model, data_folder, folder, progress, skipped)
    else:
        names = (recipe.data.train, recipe.data.test)
        if not recipe.data.test:
            raise OptionError(
                f"the recipe of {str(run)!r} names no test photos; set data.test, or data.test_share for places"
            )
        database, queries = (
            without(read_photos(recipe.data, data_folder, name), data_folder, skipped) for name in names
        )
        check_leak(database, queries)
        found = measure(recipe, model, database, queries, folder, progress)
    write_atomically(run / FILE, tomli_w.dumps(found).encode())
    return found


def measure(
    recipe: Recipe,
    model: DescriptorModel,
    database: PhotoSet,
    queries: PhotoSet,
    maps_folder: Path,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Return the metrics of a model, trained or not, with the recipe's settings; see `measure_run`."""
    if not isinstance(database, LabeledPhotos) or not isinstance(queries, LabeledPhotos):
        raise OptionError("test photos must have labels; hold out photos with places with data.test_share")
    labels = queries.labels_among(database.classes)
    first, second = (_described(recipe, model, photos, maps_folder, progress) for photos in (database, queries))
    hits = Relevance(labels, database.labels).hits(second, first)
    return {
        "recall_at_1": recall_at(hits.first, 1),
        "recall_at_5": recall_at(hits.first, 5),
        "mean_average_precision": float(average_precisions(hits).mean()),
        "queries": len(queries),
        "database": len(database),
    }


def measure_places(
    recipe: Recipe,
    model: DescriptorModel,
    data_folder: Path,
    maps_folder: Path,
    progress: Progress | None = None,
    skipped: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Return the metrics of a model, trained or not, on the held-out places of the recipe; see `measure_run`."""
    whole, held = held_out(recipe, data_folder, skipped)
    return place_recalls(_described(recipe, model, whole, maps_folder, progress), whole, held)


def held_out(recipe: Recipe, data_folder: Path, skipped: Mapping[str, str] | None = None) -> tuple[PlacedPhotos, Mask]:
    """Return all photos of ``data.train``, and ``(n,)``: which of them the recipe holds out for the test.

    Raises:
        OptionError: the recipe holds out no photos.
        DatasetError: see `read_data`.
    """
    whole, test = without(read_photos(recipe.data, data_folder, recipe.data.train), data_folder, skipped or {}), None
    if recipe.data.test_share:
        test = read_data(recipe.data, data_folder, recipe.seed, skipped).test
    if not isinstance(whole, PlacedPhotos) or test is None:
        raise OptionError("the recipe holds out no photos with places; set data.test_share")
    return whole, np.isin(whole.paths, test.paths)


def _described(
    recipe: Recipe, model: DescriptorModel, photos: PhotoSet, folder: Path, progress: Progress | None
) -> Floats:
    source = Photos(photos.root, photos.paths, recipe.model.input_rule)
    workers = recipe.batches.workers or num_cores()
    maps = (
        cached_maps(folder, source, model, 0, workers=workers, progress=progress)
        if recipe.model.cached_copies
        else PhotoMaps(source, model)
    )
    return describe(model, maps, np.arange(len(photos)), workers=workers, progress=progress)
