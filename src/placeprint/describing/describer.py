"""Photo -> local features and one global descriptor: extractors, aggregators, perhaps a whitener.

Mostly one extractor and one aggregator. Where a preset names more, their descriptors v_i are joined, with weights w_i::

    v = (sqrt(w_1) v_1, ..., sqrt(w_n) v_n),   then v / |v|

so the cosine of two photos is the weighted mean of their cosines, and a whitener sees them all. The first extractor's
features are those that geometry verifies; a photo goes through each extractor once.

What is searched is made from what is stored: the local features are encoded first and the descriptor is
aggregated from the decoded ones. So the atlas can aggregate everything anew from the disk, with another
codebook, and get what the photo itself would give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.arrays import LARGEST_HALF
from placeprint.core import registry
from placeprint.core.numerics import normalize, spread_features
from placeprint.core.threads import map_cores
from placeprint.errors import NotFittedError, OptionError, ShapeError
from placeprint.features.steering import steered, steerer_name
from placeprint.features.turning import turned_features
from placeprint.networks.weights import weights_sha256
from placeprint.presets import Preset
from placeprint.store.encoding import (
    Columns,
    decode_features,
    encode_features,
    numbered,
    numbered_back,
    pack_descriptor,
    row_bytes,
    stored_bytes,
    unpack_descriptors,
)
from placeprint.types import Aggregator, Extractor, Floats, Image, LocalFeatures, PhotoFeatures, Whitener

State = dict[str, NDArray[Any]]

MAX_DESCRIPTORS = 500_000
"""Local descriptors a codebook is learnt from at most."""
MIN_WHITENING = 4000
"""Photos whitening is fitted from, unless the preset says: fitted on a few hundred it ruins a ranking."""


@dataclass(frozen=True, eq=False)
class Branch:
    """One of the descriptors a photo's global descriptor is made of.

    Args:
        name: of its learnt state.
        source: which of the extractors.
        aggregator: of its features.
        weight: of its cosine, above 0.
    """

    name: str
    source: int
    aggregator: Aggregator
    weight: float = 1.0


class Describer:
    """Describe photos as a preset says.

    Args:
        preset: its extractors, aggregators, whitener and bits.
        state: what was learnt, ``"aggregator.<field>"``, ``"fusion.<number>.aggregator.<field>"`` and perhaps
            ``"whitener.<field>"``; None to learn it.

    Attributes:
        extractors: the first one's features are those that are verified.
        branches: what the global descriptor is made of.
        whitener: of the joined descriptors, None without or before it is fitted.

    Raises:
        OptionError: a component or parameter is unknown, or the state does not fit.
    """

    def __init__(self, preset: Preset, state: State | None = None) -> None:
        self.extractors: tuple[Extractor, ...]
        self.branches: tuple[Branch, ...]
        self.extractors = tuple(spec.make() for spec in preset.extractors)
        self.branches = tuple(_branches(preset))
        self.whitener: Whitener | None = None
        self._whitener = preset.whitener
        self._local_bits = preset.store.local_bits
        self._descriptor_bits = preset.store.descriptor_bits
        for extractor in self.extractors:
            row_bytes(extractor.dim, self._local_bits)
        if state is not None:
            self._restore(state)

    @property
    def dim(self) -> int:
        """Length of the global descriptor; 0 before anything is learnt."""
        try:
            if self.whitener is not None:
                return self.whitener.dim
            return sum(branch.aggregator.dim for branch in self.branches)
        except NotFittedError:
            return 0

    def features(self, image: Image) -> PhotoFeatures:
        """Return the local features of an ``(H, W, 3)`` uint8 RGB image."""
        return tuple(extractor.extract(image) for extractor in self.extractors)

    def turned_features(self, image: Image, degrees: float) -> PhotoFeatures:
        """Return the features of the image turned counter-clockwise, in pixels of the image as it is."""
        return tuple(turned_features(extractor, image, degrees) for extractor in self.extractors)

    def query_features(self, image: Image, degrees: float) -> PhotoFeatures:
        """Return `turned_features` of the extractors that a search begins with; the others find nothing."""
        begun = sorted({0, *(branch.source for branch in self.branches)})
        found = dict(zip(begun, map_cores(lambda number: self.turned_one(image, degrees, number), begun), strict=True))
        size = (image.shape[1], image.shape[0])
        return tuple(
            found[number] if number in found else no_features(extractor.dim, size)
            for number, extractor in enumerate(self.extractors)
        )

    def turned_one(self, image: Image, degrees: float, number: int) -> LocalFeatures:
        """Return the features of `turned_features` by one extractor."""
        return turned_features(self.extractors[number], image, degrees)

    def parts(self, descriptors: Floats) -> list[Floats]:
        """Return each descriptor that global descriptors ``(n, dim)`` are joined of, as ``(n, d)`` unit rows."""
        ends = np.cumsum([branch.aggregator.dim for branch in self.branches])
        return [normalize(part) for part in np.split(descriptors, ends[:-1], axis=1)]

    def steered_features(self, features: LocalFeatures, degrees: float) -> PhotoFeatures | None:
        """Return about what `turned_features` would, without the image; None where there are no steerers for it.

        Args:
            features: of the image as it is, by the first extractor.
            degrees: counter-clockwise, a multiple of `steering.STEP`.
        """
        name = steerer_name(self.extractors[0]) if len(self.extractors) == 1 else None
        return None if name is None else (steered(features, name, degrees),)

    def descriptor(self, features: PhotoFeatures) -> Floats:
        """Return the ``(dim,)`` unit global descriptor, zeros without features."""
        vector = self._joined(features)
        return vector if self.whitener is None else self.whitener.transform(vector[None])[0]

    def encode(self, features: PhotoFeatures) -> Columns:
        """Return the bytes to store."""
        columns: Columns = {}
        for number, each in enumerate(features):
            columns |= numbered(encode_features(each, self._local_bits), number)
        return columns

    def decode(self, columns: Columns, image_size: tuple[int, int]) -> PhotoFeatures:
        """Return the local features of stored bytes."""
        return tuple(self.decode_one(columns, number, image_size) for number in range(len(self.extractors)))

    def decode_one(self, columns: Columns, number: int, image_size: tuple[int, int]) -> LocalFeatures:
        """Return the local features of one extractor of stored bytes."""
        return decode_features(
            numbered_back(columns, number), image_size, self.extractors[number].dim, self._local_bits
        )

    def encode_descriptor(self, descriptor: Floats) -> bytes:
        """Return the bytes of a global descriptor."""
        return pack_descriptor(descriptor, self._descriptor_bits)

    def decode_descriptors(self, rows: Sequence[bytes]) -> Floats:
        """Return ``(n, dim)`` unit rows of stored global descriptors."""
        with stored_bytes("the descriptors of the atlas"):
            found = unpack_descriptors(rows, self._descriptor_bits)
            if found.shape[1] != self.dim:
                raise ShapeError(f"they have {found.shape[1]} values, not {self.dim}")
        return found

    def learn(
        self, photos: Callable[[], Iterable[PhotoFeatures]], sample: int, start: State | None, *, adapt: bool
    ) -> State:
        """Learn codebooks and, with photos enough, whitening; use them from now on and return them.

        Args:
            photos: gives the local features of a sample of the photos, anew each time it is called.
            sample: photos it gives.
            start: the state to start from; None to begin from nothing.
            adapt: move its codebooks, right for few photos; otherwise learn others.
        """
        self.whitener = None
        if start is not None:
            self._restore({name: value for name, value in start.items() if not name.startswith("whitener.")})
        each = max(1, MAX_DESCRIPTORS // max(sample, 1))
        kept = [tuple(spread_features(features, each) for features in photo) for photo in photos()]
        state: State = {}
        for branch in self.branches:
            features = [photo[branch.source] for photo in kept]
            if start is None:
                branch.aggregator.fit(features)
            elif adapt:
                branch.aggregator.adapt(features)
            else:
                branch.aggregator.refit(features)
            state |= _prefixed(branch.name, registry.state_of(branch.aggregator))
        if self._whitener is not None and sample >= (self._whitener.min_photos or MIN_WHITENING):
            vectors = np.stack([self._joined(photo) for photo in photos()])
            whitener: Whitener = self._whitener.make().fit(vectors)
            self.whitener = whitener
            state |= _prefixed("whitener", registry.state_of(whitener))
        state = {name: _as(np.float16 if _fits_half(value) else np.float32, value) for name, value in state.items()}
        self._restore(state)  # what is stored as float16 is what makes the descriptors
        return state

    def weights(self) -> dict[str, str]:
        """Return the sha256 of the pretrained weights in use, by name."""
        names = [getattr(extractor, "weights", None) for extractor in self.extractors]
        return {name: weights_sha256(name) for name in names if name is not None}

    def _joined(self, features: PhotoFeatures) -> Floats:
        """Return the descriptor before whitening."""
        vectors = [(branch.weight, branch.aggregator.aggregate(features[branch.source])) for branch in self.branches]
        if len(vectors) == 1:
            return vectors[0][1]
        return normalize(np.concatenate([np.float32(weight) ** 0.5 * vector for weight, vector in vectors]))

    def _restore(self, state: State) -> None:
        for branch in self.branches:
            registry.restore(branch.aggregator, _chosen(branch.name, state))
        if learned := _chosen("whitener", state):
            if self._whitener is None:
                raise OptionError("the saved state holds a whitener, which the preset does not name")
            self.whitener = registry.restore(self._whitener.make(), learned)


def _branches(preset: Preset) -> Iterator[Branch]:
    """Make what aggregates the features of the preset's extractors."""
    if preset.aggregator is not None:
        yield Branch("aggregator", 0, preset.aggregator.make())
    for number, each in enumerate(preset.fusion):
        source = preset.extractors.index(each.extractor or preset.extractor)
        weight = 1.0 if each.weight is None else each.weight
        yield Branch(f"fusion.{number}.aggregator", source, each.aggregator.make(), weight)


def checked_describer(preset: Preset) -> Describer:
    """Make what describes photos by a preset, and see that its other components can be made, too.

    Raises:
        OptionError: options of a component do not go together.
    """
    for spec in (preset.verifier, preset.index, preset.voter):
        if spec is not None:
            spec.make()
    return Describer(preset)


def _prefixed(stage: str, state: State) -> State:
    return {f"{stage}.{name}": value for name, value in state.items()}


def _chosen(stage: str, state: State) -> State:
    return {
        name.removeprefix(f"{stage}."): _as(np.float32, value)
        for name, value in state.items()
        if name.startswith(f"{stage}.")
    }


def _fits_half(value: NDArray[Any]) -> bool:
    return not np.asarray(value).size or float(np.abs(np.asarray(value, np.float64)).max()) <= LARGEST_HALF


def _as(kind: type[np.floating[Any]], value: NDArray[Any]) -> NDArray[Any]:
    """Return real values as another kind of them; whole numbers stay as they are."""
    return np.asarray(value, kind) if np.issubdtype(np.asarray(value).dtype, np.floating) else np.asarray(value)


def no_features(dim: int, size: tuple[int, int]) -> LocalFeatures:
    """Return no local features of a photo.

    Args:
        dim: length of a descriptor.
        size: ``(width, height)`` of the photo.
    """
    none = np.zeros((0, 2), np.float32)
    return LocalFeatures(none, np.zeros((0, dim), np.float32), none[:, 0], size)
