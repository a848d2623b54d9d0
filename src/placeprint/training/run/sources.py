"""Where the maps of the photos of a run come from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from placeprint.errors import OptionError
from placeprint.training.data.augmentation import Augmentation
from placeprint.training.data.clutter import Clutter
from placeprint.training.data.loading import Maps, PhotoMaps, Photos
from placeprint.training.data.map_cache import cached_maps
from placeprint.training.data.prepare import TrainingData
from placeprint.training.model.trained_network import DescriptorModel
from placeprint.training.recipe import Recipe
from placeprint.training.run.loop import Progress


@dataclass(frozen=True, eq=False)
class Sources:
    """The maps of the photos."""

    train: Maps
    validation: Maps
    copies: int


def sources_of(
    recipe: Recipe, data: TrainingData, model: DescriptorModel, workers: int, folder: Path | None, progress: Progress
) -> Sources:
    """Return the maps of the photos, from the cache in `folder` where the recipe wants one and there is a folder."""
    if "size" in recipe.augmentation:
        raise OptionError("the size of augmented pictures is model.size; remove augmentation.size")
    rule = recipe.model.input_rule
    augment = dataclasses.replace(Augmentation.from_table(recipe.augmentation), size=rule.stretch)
    clutter = Clutter.from_table(recipe.clutter)
    photos = Photos(data.train.root, data.train.paths, rule, augment, recipe.seed, clutter)
    # those that validate are put among others, too: what is chosen is what finds the photo in the clutter
    others = Photos(data.validation.root, data.validation.paths, rule, None, recipe.seed, clutter, 0)
    copies = recipe.model.cached_copies
    if folder is None or not copies:
        return Sources(PhotoMaps(photos, model), PhotoMaps(others, model), copies)

    found = [
        cached_maps(folder, each, model, count, workers=workers, progress=partial(progress, "caching maps"))
        for each, count in ((photos, copies), (others, 0))
    ]
    return Sources(found[0], found[1], copies)
