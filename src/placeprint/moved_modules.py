"""Keep the old names of moved modules for one more version, with a warning that gives the new name."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "placeprint.atlas.allowed": "placeprint.searching.allowed",
    "placeprint.atlas.index_files": "placeprint.searching.index_files",
    "placeprint.atlas.judging": "placeprint.searching.judging",
    "placeprint.atlas.kept_descriptors": "placeprint.searching.kept_descriptors",
    "placeprint.atlas.learning": "placeprint.searching.learning",
    "placeprint.atlas.memory": "placeprint.searching.memory",
    "placeprint.atlas.pushed_index": "placeprint.searching.pushed_index",
    "placeprint.atlas.reader": "placeprint.searching.reader",
    "placeprint.atlas.redescribing": "placeprint.searching.redescribing",
    "placeprint.atlas.rotations": "placeprint.searching.rotations",
    "placeprint.atlas.search": "placeprint.searching.search",
    "placeprint.atlas.snapshot": "placeprint.searching.snapshot",
    "placeprint.atlas.stored_index": "placeprint.searching.stored_index",
    "placeprint.atlas.stored_voters": "placeprint.searching.stored_voters",
    "placeprint.atlas.weighing": "placeprint.searching.weighing",
    "placeprint.features.turning": "placeprint.features.rotating",
    "placeprint.adding": "placeprint.atlas.adding",
    "placeprint.atlas_reports": "placeprint.atlas.reports",
    "placeprint.bulk": "placeprint.describing.bulk",
    "placeprint.datasets.class_sets": "placeprint.datasets.readers.class_sets",
    "placeprint.datasets.clip_areas": "placeprint.datasets.readers.clip_areas",
    "placeprint.datasets.csv_files": "placeprint.core.csv_files",
    "placeprint.datasets.db_struct": "placeprint.datasets.readers.db_struct",
    "placeprint.datasets.frames": "placeprint.datasets.readers.frames",
    "placeprint.datasets.google_landmarks": "placeprint.datasets.readers.google_landmarks",
    "placeprint.datasets.image_pairs": "placeprint.datasets.photos.image_pairs",
    "placeprint.datasets.labeled_photos": "placeprint.datasets.photos.labeled_photos",
    "placeprint.datasets.local_copy": "placeprint.datasets.photos.local_copy",
    "placeprint.datasets.matlab": "placeprint.datasets.tables.matlab",
    "placeprint.datasets.msls": "placeprint.datasets.readers.msls",
    "placeprint.datasets.near_photos": "placeprint.datasets.readers.near_photos",
    "placeprint.datasets.numbered_groups": "placeprint.datasets.readers.numbered_groups",
    "placeprint.datasets.place_folder": "placeprint.datasets.readers.place_folder",
    "placeprint.datasets.placed_photos": "placeprint.datasets.photos.placed_photos",
    "placeprint.datasets.plain_pickle": "placeprint.datasets.tables.plain_pickle",
    "placeprint.datasets.position_grid": "placeprint.core.position_grid",
    "placeprint.datasets.projection": "placeprint.core.map_projection",
    "placeprint.datasets.revisited": "placeprint.datasets.readers.revisited",
    "placeprint.datasets.sample_photos": "placeprint.datasets.photos.sample_photos",
    "placeprint.datasets.splits": "placeprint.datasets.photos.splits",
    "placeprint.describe": "placeprint.describing.describer",
    "placeprint.evaluation.matching": "placeprint.evaluation.pair_benchmark",
    "placeprint.evaluation.report.comparison": "placeprint.evaluation.report.differences",
    "placeprint.evaluation.report.photos": "placeprint.evaluation.report.thumbnails",
    "placeprint.exporting": "placeprint.onnx.exporting",
    "placeprint.files": "placeprint.core.files",
    "placeprint.graphs": "placeprint.onnx.describer_graph",
    "placeprint.images": "placeprint.photos",
    "placeprint.importing": "placeprint.describing.importing",
    "placeprint.learning": "placeprint.searching.learning",
    "placeprint.masks": "placeprint.photos.masks",
    "placeprint.memory": "placeprint.core.memory",
    "placeprint.moved_photos": "placeprint.atlas.moved_photos",
    "placeprint.named_toml": "placeprint.core.named_toml",
    "placeprint.networks.onnx_aggregators": "placeprint.onnx.aggregators",
    "placeprint.networks.onnx_graph": "placeprint.onnx.picture_graph",
    "placeprint.numerics": "placeprint.core.numerics",
    "placeprint.options": "placeprint.core.options",
    "placeprint.outputs": "placeprint.core.outputs",
    "placeprint.photos.files": "placeprint.photos.opening",
    "placeprint.places.plane": "placeprint.core.plane",
    "placeprint.preset_learning": "placeprint.describing.preset_learning",
    "placeprint.registry": "placeprint.core.registry",
    "placeprint.store.files": "placeprint.store.writing",
    "placeprint.threads": "placeprint.core.threads",
    "placeprint.training.augmentation": "placeprint.training.data.augmentation",
    "placeprint.training.beginnings": "placeprint.training.model.initialization",
    "placeprint.training.blending": "placeprint.training.model.blending",
    "placeprint.training.cgd_loss": "placeprint.training.losses.cgd_loss",
    "placeprint.training.checkpoint": "placeprint.training.run.checkpoint",
    "placeprint.training.classification_loss": "placeprint.training.losses.classification_loss",
    "placeprint.training.clutter": "placeprint.training.data.clutter",
    "placeprint.training.delf_heads": "placeprint.training.model.delf_heads",
    "placeprint.training.descriptor_cache": "placeprint.training.data.descriptor_cache",
    "placeprint.training.heads": "placeprint.training.model.heads",
    "placeprint.training.journal": "placeprint.training.run.journal",
    "placeprint.training.loop": "placeprint.training.run.loop",
    "placeprint.training.map_cache": "placeprint.training.data.map_cache",
    "placeprint.training.mining": "placeprint.training.data.mining",
    "placeprint.training.models": "placeprint.training.model.trained_network",
    "placeprint.training.notes": "placeprint.training.data.notes",
    "placeprint.training.objectives": "placeprint.training.run.objectives",
    "placeprint.training.optimizer": "placeprint.training.run.optimizer",
    "placeprint.training.pair_losses": "placeprint.training.losses.pair_losses",
    "placeprint.training.photo_sets": "placeprint.training.data.photo_sets",
    "placeprint.training.photos": "placeprint.training.data.loading",
    "placeprint.training.place_testing": "placeprint.training.run.place_testing",
    "placeprint.training.plans": "placeprint.training.data.plans",
    "placeprint.training.preset_export": "placeprint.training.model.preset_export",
    "placeprint.training.proxy_losses": "placeprint.training.losses.proxy_losses",
    "placeprint.training.ranking_loss": "placeprint.training.losses.ranking_loss",
    "placeprint.training.sampling": "placeprint.training.data.sampling",
    "placeprint.training.scoring": "placeprint.training.run.scoring",
    "placeprint.training.sifting": "placeprint.training.data.sifting",
    "placeprint.training.testing": "placeprint.training.run.testing",
    "placeprint.training.validation": "placeprint.training.run.validation",
    "placeprint.verification.models": "placeprint.verification.transforms",
    "placeprint.visualization.pairs": "placeprint.visualization.pair_pictures",
    "placeprint.voting": "placeprint.searching.stored_voters",
    "placeprint.whitening": "placeprint.aggregation.whitening",
}
"""New module names by old name."""


class MovedModules(MetaPathFinder, Loader):
    """Import a module under its old name; it is the same object as under the new name."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a moved module, or None for any other."""
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module under its new name, and warn."""
        new = MOVED[spec.name]
        warnings.warn(f"{spec.name} has moved to {new}; change the import", DeprecationWarning, stacklevel=2)
        module = importlib.import_module(new)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Restore the module's own spec; it has already run."""
        module.__spec__ = self._spec


def install() -> None:
    """Register the old names with Python."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(MovedModules())
