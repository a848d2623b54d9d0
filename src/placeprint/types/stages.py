"""The interface of every stage, and of a callback that follows a long job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, Self

from placeprint.types.data import (
    Floats,
    Ids,
    Image,
    LocalFeatures,
    Mask,
    Matches,
    PictureMatches,
    Ranking,
    Verification,
)

PhotoFeatures = tuple[LocalFeatures, ...]
"""The local features of one photo by each extractor of a preset; geometry verifies the first."""

Progress = Callable[[int, int], None]
"""Called while a long job runs, with the number of units done and their total."""


class Extractor(Protocol):
    """Find and describe the local features of a photo."""

    @property
    def dim(self) -> int:
        """The length of one descriptor."""

    def extract(self, image: Image, mask: Mask | None = None) -> LocalFeatures:
        """Return the features of one ``(H, W, 3)`` uint8 RGB image, or none if it has no features.

        With a mask, ``(H, W)`` bool, keypoints are only where it is True.
        """


class Aggregator(Protocol):
    """Aggregate the local features of a photo to one global descriptor."""

    @property
    def dim(self) -> int:
        """The length of the global descriptor."""

    def fit(self, features: Sequence[LocalFeatures]) -> Self:
        """Learn from the photos of a collection; return self."""

    def refit(self, features: Sequence[LocalFeatures]) -> Self:
        """Learn again from another collection, keeping what does not depend on it; return self."""

    def adapt(self, features: Sequence[LocalFeatures]) -> Self:
        """Adapt what was learned elsewhere to a small collection; return self."""

    def aggregate(self, features: LocalFeatures) -> Floats:
        """Return the ``(dim,)`` unit vector of one photo, or zeros if it has no features."""


class Whitener(Protocol):
    """Decorrelate and shorten global descriptors."""

    dim: int

    def fit(self, descriptors: Floats) -> Self:
        """Learn from ``(n, d)`` global descriptors; return self."""

    def transform(self, descriptors: Floats) -> Floats:
        """Return ``(n, dim)`` unit rows; zero rows stay zero."""


class Index(Protocol):
    """Find the most similar rows."""

    def __len__(self) -> int:
        """The number of rows in the index."""

    def add(self, ids: Ids, descriptors: Floats) -> None:
        """Add ``(n, d)`` rows under their ids."""

    def remove(self, ids: Ids) -> None:
        """Remove the rows with these ids; unknown ids are ignored."""

    def search(self, descriptors: Floats, top: int, among: Ids | None = None) -> list[Ranking]:
        """Return the ``top`` best ids for each of ``(q, d)`` queries, fewer when there are fewer.

        With ``among``, only the rows with these ids are searched.
        """


class Voter(Protocol):
    """Find the photos with the most similar local features."""

    def __len__(self) -> int:
        """The number of photos in the index."""

    def fit(self, features: Sequence[LocalFeatures]) -> Self:
        """Learn from the photos of a collection and empty the index; return self."""

    def add(self, ids: Ids, features: Sequence[LocalFeatures]) -> None:
        """Add the features of photos under the photos' ids, ``(n,)`` int64; no id may be in the index yet."""

    def remove(self, ids: Ids) -> None:
        """Remove photos; unknown ids are ignored."""

    def search(self, features: LocalFeatures, top: int) -> Ranking:
        """Return the ``top`` photos, with scores in [0, 1], without photos that have no votes."""

    def write(self, folder: Path) -> None:
        """Write files into an existing folder."""

    def read(self, folder: Path) -> Self:
        """Load what an equal voter has written; return self."""


class Matcher(Protocol):
    """Match keypoints of two photos that show the same point of the scene."""

    def match(self, query: LocalFeatures, candidates: Sequence[LocalFeatures]) -> list[Matches]:
        """Return the matches with each candidate, in order; no keypoint of either side is matched twice."""


class PictureMatcher(Protocol):
    """Match two pictures directly, as dense and detector-free matchers do.

    To add one, write a dataclass with this method and name it in an entry point of group
    ``placeprint.picture-matchers``. Points beyond a picture's border and values that are not finite are dropped by who
    calls it; so are those outside of masks.
    """

    def match_pictures(self, query: Image, candidate: Image) -> PictureMatches:
        """Return the matches of two ``(H, W, 3)`` uint8 RGB pictures of any sizes; none if they share nothing."""


class Verifier(Protocol):
    """Check by geometry whether two photos show the same place."""

    def verify(self, query: LocalFeatures, candidates: Sequence[LocalFeatures]) -> list[Verification]:
        """Return one verification per candidate, in order; poor input never raises."""

    def verdict(self, check: Verification | None) -> str:
        """Return the verdict of a verification; see `Evidence.verdict`."""
