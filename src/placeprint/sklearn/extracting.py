"""Local descriptors of photos, as a transformer: the first step of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from placeprint.core import registry
from placeprint.photos import Picture, as_image
from placeprint.sklearn.base import BaseEstimator, TransformerMixin
from placeprint.types import Extractor, LocalFeatures


class Extract(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """Extract the local features of photos; it learns nothing.

    Args:
        extractor: the name of an extractor, such as ``"sift"`` or ``"xfeat"``.
        options: its parameters.
    """

    def __init__(self, extractor: str = "sift", *, options: Mapping[str, Any] | None = None) -> None:
        self.extractor = extractor
        self.options = options

    def fit(self, photos: object = None, y: object = None) -> Self:
        """Check the name and the parameters; return self.

        Raises:
            OptionError: one is unknown or out of its range.
        """
        self._extractor()
        return self

    def transform(self, photos: Iterable[Picture]) -> list[LocalFeatures]:
        """Return the local features of each photo.

        Args:
            photos: what `read_photo` accepts: paths, RGB arrays.

        Raises:
            OptionError: see `fit`.
            PhotoError: a photo cannot be used.
        """
        extractor = self._extractor()
        return [extractor.extract(as_image(photo)) for photo in photos]

    def _extractor(self) -> Extractor:
        made: Extractor = registry.create("extractors", self.extractor, dict(self.options or {}))
        return made

    def __sklearn_is_fitted__(self) -> bool:
        """Return True: it learns nothing."""
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags
