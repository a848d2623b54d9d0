"""Photo -> local features and one global descriptor: an extractor, an aggregator, perhaps a whitener.

What is searched is made from what is stored: the local features are encoded first and the descriptor is
aggregated from the decoded ones. So the atlas can aggregate everything anew from the disk, with another
codebook, and get what the photo itself would give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint import registry
from placeprint.errors import NotFittedError, OptionError
from placeprint.features.turning import turned_features
from placeprint.networks.weights import find_weights
from placeprint.presets import Tables
from placeprint.store import Store
from placeprint.store.encoding import (
    Columns,
    decode_features,
    encode_features,
    pack_descriptor,
    row_bytes,
    unpack_descriptors,
)
from placeprint.types import Aggregator, Extractor, Floats, Image, LocalFeatures, Whitener

State = dict[str, NDArray[Any]]

MAX_DESCRIPTORS = 500_000
"""Local descriptors a codebook is learnt from at most."""
MIN_WHITENING = 4000
"""Photos whitening is fitted from, unless the preset says: fitted on a few hundred it ruins a ranking."""


class Describer:
    """Describe photos as a preset says.

    Args:
        tables: of the preset.
        state: what was learnt, ``"aggregator.<field>"`` and perhaps ``"whitener.<field>"``; None to learn it.

    Raises:
        OptionError: a component or parameter is unknown, or the state does not fit.
    """

    def __init__(self, tables: Tables, state: State | None = None) -> None:
        self.extractor: Extractor = component(tables, "extractor")
        self.aggregator: Aggregator = component(tables, "aggregator")
        self.whitener: Whitener | None = None
        self._tables = tables
        self._local_bits = int(tables["store"].get("local_bits", 8))
        self._descriptor_bits = int(tables["store"].get("descriptor_bits", 8))
        row_bytes(self.extractor.dim, self._local_bits)
        if state is not None:
            self._restore(state)

    @property
    def dim(self) -> int:
        """Length of the global descriptor; 0 before anything is learnt."""
        try:
            return self.aggregator.dim if self.whitener is None else self.whitener.dim
        except NotFittedError:
            return 0

    def features(self, image: Image) -> LocalFeatures:
        """Return the local features of an ``(H, W, 3)`` uint8 RGB image."""
        return self.extractor.extract(image)

    def turned_features(self, image: Image, degrees: float) -> LocalFeatures:
        """Return the features of the image turned counter-clockwise, in pixels of the image as it is."""
        return turned_features(self.extractor, image, degrees)

    def descriptor(self, features: LocalFeatures) -> Floats:
        """Return the ``(dim,)`` unit global descriptor, zeros without features."""
        vector = self.aggregator.aggregate(features)
        return vector if self.whitener is None else self.whitener.transform(vector[None])[0]

    def encode(self, features: LocalFeatures) -> Columns:
        """Return the bytes to store."""
        return encode_features(features, self._local_bits)

    def decode(self, columns: Columns, image_size: tuple[int, int]) -> LocalFeatures:
        """Return the local features of stored bytes."""
        return decode_features(columns, image_size, self.extractor.dim, self._local_bits)

    def read_features(self, store: Store, ids: Sequence[int]) -> list[tuple[int, LocalFeatures]]:
        """Return the stored local features of photos by id, in the order of the ids; gone ones are empty."""
        photos, columns = store.photos(), store.local_columns(ids)
        none = np.zeros((0, 2), np.float32)
        empty = LocalFeatures(none, np.zeros((0, self.extractor.dim), np.float32), none[:, 0], (1, 1))
        return [
            (i, self.decode(columns[i], (photos[i].width, photos[i].height)) if i in columns else empty) for i in ids
        ]

    def encode_descriptor(self, descriptor: Floats) -> bytes:
        """Return the bytes of a global descriptor."""
        return pack_descriptor(descriptor, self._descriptor_bits)

    def decode_descriptors(self, rows: Sequence[bytes]) -> Floats:
        """Return ``(n, dim)`` unit rows of stored global descriptors."""
        return unpack_descriptors(rows, self._descriptor_bits)

    def learn(
        self, photos: Callable[[], Iterable[LocalFeatures]], sample: int, start: State | None, *, adapt: bool
    ) -> State:
        """Learn a codebook and, with photos enough, whitening; use them from now on and return them.

        Args:
            photos: gives the local features of a sample of the photos, anew each time it is called.
            sample: photos it gives.
            start: the state to start from; None to begin from nothing.
            adapt: move its codebook, right for few photos; otherwise learn another.
        """
        self.whitener = None
        if start is not None:
            self._restore({name: value for name, value in start.items() if name.startswith("aggregator.")})
        each = max(1, MAX_DESCRIPTORS // max(sample, 1))
        features = [_spread(photo, each) for photo in photos()]
        if start is None:
            self.aggregator.fit(features)
        elif adapt:
            self.aggregator.adapt(features)
        else:
            self.aggregator.refit(features)
        state = _prefixed("aggregator", registry.state_of(self.aggregator))
        if "whitener" in self._tables and sample >= int(self._tables["whitener"].get("min_photos", MIN_WHITENING)):
            vectors = np.stack([self.aggregator.aggregate(photo) for photo in photos()])
            self.whitener = component(self._tables, "whitener").fit(vectors)
            state |= _prefixed("whitener", registry.state_of(self.whitener))
        state = {name: _as(np.float16, value) for name, value in state.items()}
        self._restore(state)  # what is stored as float16 is what makes the descriptors
        return state

    def weights(self) -> dict[str, str]:
        """Return the sha256 of the pretrained weights in use, by name."""
        name = getattr(self.extractor, "weights", None)
        return {} if name is None else {name: find_weights(name).sha256}

    def _restore(self, state: State) -> None:
        registry.restore(self.aggregator, _chosen("aggregator", state))
        if learned := _chosen("whitener", state):
            self.whitener = registry.restore(component(self._tables, "whitener"), learned)


def component(tables: Tables, stage: str) -> Any:
    """Make the component a preset names for a stage.

    Raises:
        OptionError: the stage has no name, or a name or parameter is unknown.
    """
    params = dict(tables[stage])
    name = params.pop("name", None)
    if name is None:
        raise OptionError(f"the table [{stage}] of a preset needs a name")
    if stage == "whitener":
        params.pop("min_photos", None)
    return registry.create("indexes" if stage == "index" else f"{stage}s", name, params)


def _spread(features: LocalFeatures, count: int) -> LocalFeatures:
    """Return at most ``count`` features, spread evenly over strong and weak ones."""
    if len(features) <= count:
        return features
    return features[np.linspace(0, len(features) - 1, count).astype(np.intp)]


def _prefixed(stage: str, state: State) -> State:
    return {f"{stage}.{name}": value for name, value in state.items()}


def _chosen(stage: str, state: State) -> State:
    return {
        name.removeprefix(f"{stage}."): _as(np.float32, value)
        for name, value in state.items()
        if name.startswith(f"{stage}.")
    }


def _as(kind: type[np.floating[Any]], value: NDArray[Any]) -> NDArray[Any]:
    """Return real values as another kind of them; whole numbers stay as they are."""
    return np.asarray(value, kind) if np.issubdtype(np.asarray(value).dtype, np.floating) else np.asarray(value)
