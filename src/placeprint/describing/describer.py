"""Describe a photo by local features and one global descriptor: extractors, aggregators, an optional whitener.

Usually there is one extractor and one aggregator. If a preset names more, their descriptors v_i are joined with weights
w_i::

    v = (sqrt(w_1) v_1, ..., sqrt(w_n) v_n),   then v / |v|

So the cosine of two photos is the weighted mean of their cosines, and a whitener gets all of them. Geometry verifies
the first extractor's features. Each extractor runs once per photo.

Search uses only what is stored: local features are encoded first, and the descriptor is aggregated from the decoded
ones. So the atlas can aggregate everything again from disk with another codebook, with the same result as from the
photos.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.arrays import LARGEST_HALF
from placeprint.core import registry
from placeprint.core.numerics import normalize, spread_features
from placeprint.core.threads import map_cores
from placeprint.describing.word_weights import STAGE, WordWeights, weighted
from placeprint.errors import NotFittedError, OptionError
from placeprint.features.network_extractor import NetworkExtractor
from placeprint.features.pyramid import in_size, working_side
from placeprint.features.rotating import rotated_features
from placeprint.features.steering import steered, steerer_name
from placeprint.networks.weights import weights_sha256
from placeprint.photos import Photo
from placeprint.presets import Preset
from placeprint.store.encoding import (
    Bytes,
    Columns,
    codes_of,
    cosine,
    decode_features,
    encode_features,
    numbered,
    numbered_back,
    pack_descriptor,
    row_bytes,
    stored_bytes,
    unit_rows,
)
from placeprint.types import Aggregator, Extractor, Floats, Image, LocalFeatures, Mask, PhotoFeatures, Whitener

State = dict[str, NDArray[Any]]

MAX_DESCRIPTORS = 500_000
"""Most local descriptors to learn a codebook from."""
ENOUGH = 2.0
"""How many times as large as the largest working copy a photo is read at least."""
MIN_WHITENING = 4000
"""Default number of photos to fit whitening on: fitted on a few hundred, it ruins a ranking."""


@dataclass(frozen=True, eq=False)
class Branch:
    """One of the descriptors in a photo's global descriptor.

    Args:
        name: the name of its learned state.
        source: the index of its extractor.
        aggregator: the aggregator of its features.
        weight: the weight of its cosine, above 0.
        late: whether a query gets it only while the answer is uncertain.
    """

    name: str
    source: int
    aggregator: Aggregator
    weight: float = 1.0
    late: bool = False


class Describer:
    """Describe photos by a preset.

    Args:
        preset: its extractors, aggregators, whitener and bits.
        state: the learned state, ``"aggregator.<field>"``, ``"fusion.<number>.aggregator.<field>"`` and perhaps
            ``"whitener.<field>"``; None to learn it.

    Attributes:
        extractors: the extractors; geometry verifies the first one's features.
        branches: the parts of the global descriptor.
        whitener: the whitener of the joined descriptors, None if there is none or it is not fitted.
        word_weights: the weights of visual words by descriptor, where an atlas has learned them.

    Raises:
        OptionError: a component or parameter is unknown, or the state does not fit.
    """

    def __init__(self, preset: Preset, state: State | None = None) -> None:
        self.extractors: tuple[Extractor, ...]
        self.branches: tuple[Branch, ...]
        self.extractors = tuple(spec.make() for spec in preset.extractors)
        self.branches = tuple(_branches(preset))
        self.whitener: Whitener | None = None
        self.word_weights: WordWeights = {}
        self._whitener = preset.whitener
        self._local_bits = preset.store.local_bits
        self._descriptor_bits = preset.store.descriptor_bits
        for extractor in self.extractors:
            row_bytes(extractor.dim, self._local_bits)
        if state is not None:
            self._restore(state)

    @property
    def dim(self) -> int:
        """The length of the global descriptor; 0 before learning."""
        try:
            if self.whitener is not None:
                return self.whitener.dim
            return sum(branch.aggregator.dim for branch in self.branches)
        except NotFittedError:
            return 0

    @property
    def has_networks(self) -> bool:
        """Whether an extractor is a network, so that Torch is loaded anyway."""
        return any(isinstance(extractor, NetworkExtractor) for extractor in self.extractors)

    @property
    def shortened_at(self) -> tuple[int, int] | None:
        """The length that descriptors get later and the photos needed for it; None if there is nothing to wait for."""
        if self._whitener is None or self.whitener is not None:
            return None
        dim = int(self._whitener.make().dim)
        return dim, max(self._whitener.min_photos or MIN_WHITENING, dim + 1)

    @property
    def enough_pixels(self) -> int:
        """Pixels of a photo's longest side above which a smaller copy gives the same; 0 where there is no such number.

        That is `ENOUGH` times the largest working copy, so that what is seen was averaged from several pixels.
        """
        sides = [working_side(extractor) for extractor in self.extractors]
        return round(ENOUGH * max(sides)) if min(sides) else 0

    def features_of(self, photo: Photo, mask: Mask | None = None) -> PhotoFeatures:
        """Return the local features of a photo in pixels of the whole, as `features`."""
        found = self.features(photo.image, mask)
        return found if photo.whole is None else tuple(in_size(each, photo.whole) for each in found)

    def features(self, image: Image, mask: Mask | None = None) -> PhotoFeatures:
        """Return the local features of an ``(H, W, 3)`` uint8 RGB image, only where an ``(H, W)`` bool mask is True."""
        return tuple(extractor.extract(image, mask) for extractor in self.extractors)

    @property
    def late_sources(self) -> list[int]:
        """The numbers of the extractors that a query needs only for descriptors that are late."""
        begun = {0, *(branch.source for branch in self.branches if not branch.late)}
        return sorted({branch.source for branch in self.branches} - begun)

    def query_features(self, image: Image, degrees: float, *, late: bool = True) -> PhotoFeatures:
        """Return `rotated_one` of the extractors that a search needs; the others find nothing.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            degrees: the rotation counter-clockwise.
            late: whether those of `late_sources` are among them.
        """
        begun = sorted({0, *(branch.source for branch in self.branches)})
        begun = begun if late else [number for number in begun if number not in self.late_sources]
        found = dict(zip(begun, map_cores(lambda number: self.rotated_one(image, degrees, number), begun), strict=True))
        return self.only(found, (image.shape[1], image.shape[0]))

    def only(self, found: Mapping[int, LocalFeatures], size: tuple[int, int]) -> PhotoFeatures:
        """Return the features of a photo by some of the extractors; the others find nothing.

        Args:
            found: features by the number of the extractor.
            size: ``(width, height)`` of the photo.
        """
        return tuple(
            found[number] if number in found else no_features(extractor.dim, size)
            for number, extractor in enumerate(self.extractors)
        )

    def rotated_one(self, image: Image, degrees: float, number: int) -> LocalFeatures:
        """Return one extractor's features of the rotated image, see `features.rotating.rotated_features`."""
        return rotated_features(self.extractors[number], image, degrees)

    def parts(self, descriptors: Floats) -> list[Floats]:
        """Return each descriptor that global descriptors ``(n, dim)`` are joined of, as ``(n, d)`` unit rows."""
        ends = np.cumsum([branch.aggregator.dim for branch in self.branches])
        return [normalize(part) for part in np.split(descriptors, ends[:-1], axis=1)]

    def steered_features(self, features: LocalFeatures, degrees: float) -> LocalFeatures | None:
        """Return about what `rotated_one` is for the first extractor, without the image; None if it has no steerers.

        Args:
            features: the features of the original image, by the first extractor.
            degrees: the rotation counter-clockwise, a multiple of `steering.STEP`.
        """
        name = steerer_name(self.extractors[0])
        return None if name is None else steered(features, name, degrees)

    def descriptor(self, features: PhotoFeatures) -> Floats:
        """Return the ``(dim,)`` unit global descriptor, or zeros if it has no features."""
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
        return self.rows_of_codes([self.descriptor_codes(each) for each in rows])

    def descriptor_codes(self, data: bytes) -> Bytes:
        """Return the codes of a stored global descriptor: what is kept of it in memory, an eighth of a row.

        Raises:
            AtlasFormatError: it is damaged, or has another length.
        """
        with stored_bytes("the descriptors of the atlas"):
            return codes_of(data, self.dim, self._descriptor_bits)

    def rows_of_codes(self, codes: Sequence[Bytes]) -> Floats:
        """Return ``(n, dim)`` unit rows of `descriptor_codes`."""
        return unit_rows(codes, self._descriptor_bits)

    def cosine_of_codes(self, codes: Bytes, descriptor: Floats) -> float:
        """Return the cosine of `descriptor_codes` and a ``(dim,)`` unit row."""
        return cosine(codes, self._descriptor_bits, descriptor)

    def learn(
        self, photos: Callable[[], Iterable[PhotoFeatures]], sample: int, start: State | None, *, adapt: bool
    ) -> State:
        """Learn codebooks and, with enough photos, whitening; use them from now on and return them.

        Args:
            photos: a function that returns the local features of a sample of the photos each time it is called.
            sample: the number of photos in the sample.
            start: the state to start from; None for none.
            adapt: whether to adapt its codebooks, for few photos; otherwise learn new ones.
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
        waiting = self.shortened_at
        if self._whitener is not None and waiting is not None and sample >= waiting[1]:
            vectors = np.stack([self._joined(photo) for photo in photos()])
            whitener: Whitener = self._whitener.make().fit(vectors)
            self.whitener = whitener
            state |= _prefixed("whitener", registry.state_of(whitener))
        state = {name: _as(np.float16 if _fits_half(value) else np.float32, value) for name, value in state.items()}
        self._restore(state)  # the stored float16 values make the descriptors
        return state

    def know_lengths(self) -> State:
        """Tell aggregators that learn nothing else how long the descriptors are; return it as what was learned."""
        state: State = {}
        for branch in self.branches:
            dim, none = self.extractors[branch.source].dim, np.zeros((0, 2), np.float32)
            branch.aggregator.fit([LocalFeatures(none, np.zeros((0, dim), np.float32), none[:, 0], (1, 1))])
            state |= _prefixed(branch.name, registry.state_of(branch.aggregator))
        return state

    def weights(self) -> dict[str, str]:
        """Return the sha256 of the pretrained weights in use, by name."""
        names = [getattr(extractor, "weights", None) for extractor in self.extractors]
        return {name: weights_sha256(name) for name in names if name is not None}

    def vector_of(self, branch: Branch, features: PhotoFeatures) -> Floats:
        """Return the unit vector of one of the descriptors, with the weights of its words."""
        vector = branch.aggregator.aggregate(features[branch.source])
        weights = self.word_weights.get(branch.name)
        return vector if weights is None else weighted(vector, weights)

    def _joined(self, features: PhotoFeatures) -> Floats:
        """Return the descriptor before whitening."""
        vectors = [(branch.weight, self.vector_of(branch, features)) for branch in self.branches]
        if len(vectors) == 1:
            return vectors[0][1]
        return normalize(np.concatenate([np.float32(weight) ** 0.5 * vector for weight, vector in vectors]))

    def _restore(self, state: State) -> None:
        for branch in self.branches:
            registry.restore(branch.aggregator, _chosen(branch.name, state))
        self.word_weights = _chosen(STAGE, state)
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
        yield Branch(f"fusion.{number}.aggregator", source, each.aggregator.make(), weight, bool(each.late))


def checked_describer(preset: Preset) -> Describer:
    """Make the describer of a preset, and check that its other components can be made.

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
    """Return real values in another float type; integers are unchanged."""
    return np.asarray(value, kind) if np.issubdtype(np.asarray(value).dtype, np.floating) else np.asarray(value)


def no_features(dim: int, size: tuple[int, int]) -> LocalFeatures:
    """Return no local features of a photo.

    Args:
        dim: length of a descriptor.
        size: ``(width, height)`` of the photo.
    """
    none = np.zeros((0, 2), np.float32)
    return LocalFeatures(none, np.zeros((0, dim), np.float32), none[:, 0], size)
