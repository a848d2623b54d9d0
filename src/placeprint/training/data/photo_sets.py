"""The forms of photos for a run, by name, and their readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from placeprint.core.options import parameters
from placeprint.core.table_reading import check_values
from placeprint.datasets.photos.labeled_photos import LabeledPhotos, read_image_folder, read_label_csv, read_label_list
from placeprint.datasets.photos.placed_photos import (
    PlacedPhotos,
    read_clips,
    read_gps_folder,
    read_position_csv,
    read_utm_names,
)
from placeprint.training.recipe import Data

PhotoSet = LabeledPhotos | PlacedPhotos
READERS: Mapping[str, Callable[..., PhotoSet]] = {
    "folder": read_image_folder,
    "csv": read_label_csv,
    "list": read_label_list,
    "clips": read_clips,
    "gps": read_gps_folder,
    "utm": read_utm_names,
    "positions": read_position_csv,
}


def read_photos(data: Data, folder: Path, name: str) -> PhotoSet:
    """Read the photos of one file or folder in a recipe's form.

    Raises:
        DatasetError: the photos do not have the documented form.
        OptionError: the reader does not have an option.
    """
    reader = READERS[data.form]
    what, place = f"data.options of the form {data.form!r}", list(parameters(reader))[:1]
    options = check_values(reader, data.options, what=what, prefix="data.options.", without=place)
    return reader(folder / name if name else folder, **options)
