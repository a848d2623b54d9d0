"""Decide when an atlas learns its codebook, and from what.

A new atlas has the codebook that ships with the preset. With `ADAPT_PHOTOS` photos it is adapted to them. At the
preset's ``min_photos``, and each time the atlas doubles, a new one is learned. Local features are stored, so no photo
is read again. A preset without a shipped codebook learns its first from a sample of the first photos added. A preset
without ``min_photos`` keeps its codebook, as trained networks do. Above `FROZEN` photos an atlas learns only on
request, because computing all descriptors again takes longer than adding photos.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from placeprint.codebooks import load_codebook, load_codebook_file
from placeprint.core.numerics import evenly
from placeprint.describing.describer import Describer, State
from placeprint.errors import OptionError
from placeprint.presets import Preset
from placeprint.searching.redescribing import READ_PHOTOS, Redescription
from placeprint.searching.snapshot import Snapshot
from placeprint.store import Store
from placeprint.store.store_snapshot import digest_of
from placeprint.types import PhotoFeatures, Progress

ADAPT_PHOTOS = 8
GROWTH = 2.0
FROZEN = 20_000
"""Photos above which an atlas keeps its codebook until `Atlas.refit` is called."""
FIRST_PHOTOS = 200
"""Photos to learn a first codebook from if none ships, spread evenly over those being added."""
LEARN_PHOTOS = 4000
"""Most photos to learn a codebook from, spread evenly over the atlas."""


def first_state(preset: Preset) -> State | None:
    """Return the codebook that comes with a preset, or that none is needed; None when one has to be learned.

    Raises:
        OptionError: the preset names a codebook that does not exist.
    """
    codebook = preset.codebook
    if codebook.file is not None:
        return load_codebook_file(codebook.file)
    if codebook.shipped is not None:
        return load_codebook(codebook.shipped)
    return Describer(preset).know_lengths() if codebook.is_empty else None


def learn_first(describer: Describer, features: Sequence[PhotoFeatures]) -> State:
    """Learn a first codebook from the features of photos that will be added; return the state.

    Raises:
        ShapeError: there are too few features.
    """
    state = describer.learn(lambda: features, len(features), None, adapt=False)
    return state | {"learned_from": np.array(len(features))}


def learned_from(now: Snapshot) -> int:
    """Return how many photos the current codebook was learned from; 0 for a shipped one."""
    name = now.stored.state_name
    return 0 if name is None else int(now.stored.load_state(name).get("learned_from", 0))


def should_learn(now: Snapshot) -> bool:
    """Return whether the atlas has grown enough for a better codebook."""
    count, before, needed = len(now.usable()), learned_from(now), now.preset.codebook.min_photos
    if needed is None:
        return False
    crossed = before < needed <= count
    return ADAPT_PHOTOS <= count <= FROZEN and (crossed or count >= GROWTH * before)


def before_and_after(count: int, paths: Sequence[Path]) -> list[Sequence[Path]]:
    """Divide photos to add to an atlas of ``count`` photos: those before which it may learn, and the others."""
    return [paths[: max(0, FROZEN - count)], paths[max(0, FROZEN - count) :]]


def sampled_photos(now: Snapshot) -> list[int]:
    """Return the ids of the photos to learn from, spread evenly over the atlas."""
    ids = now.usable().ids
    chosen: list[int] = ids[evenly(len(ids), LEARN_PHOTOS)].tolist()
    return chosen


def in_parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield ids in groups that are read at once."""
    for start in range(0, len(ids), READ_PHOTOS):
        yield ids[start : start + READ_PHOTOS]


def refit(
    store: Store,
    preset: Preset,
    *,
    adapt: bool | None = None,
    progress: Progress | None = None,
    readers: bool = True,
) -> None:
    """Learn from a sample of the stored features, then make all descriptors with the result.

    The descriptors are made in a job (`atlas.redescribing`) without the write lock, and replaced in one commit. After
    an interruption, the next call goes on with what was learned, unless the atlas has doubled since.

    Args:
        store: the store of the atlas, without exclusive access.
        preset: the preset of the atlas.
        adapt: adapt the shipped codebook; False learns another; None chooses by the count of photos.
        progress: called with the number of photos done and the total.
        readers: whether to keep the replaced descriptors for a while, for those who read them.

    Raises:
        OptionError: there is no codebook to adapt, or the preset keeps its own.
        AtlasBusyError: another process is learning, or is writing when all descriptors are made; then the next call
            goes on from there.
    """
    job = Redescription(store, preset, progress)
    with job.alone():
        state = job.pending() if adapt is None else None
        if state is None or len(store.snapshot().usable()) >= GROWTH * int(state.get("learned_from", 0)):
            state = _learned_state(store, preset, adapt)
        _make_descriptors(store, preset, job, state, readers=readers)


def describe_again(store: Store, preset: Preset) -> None:
    """Make all descriptors again with the learned state that the atlas has.

    Raises:
        AtlasFormatError: the state is damaged.
        AtlasBusyError: another process is writing or learning.
    """
    now = store.snapshot()
    if now.state_name is None:
        return
    job, state = Redescription(store, preset), now.load_state(now.state_name)
    with job.alone():
        _make_descriptors(store, preset, job, state)


def describe_with(store: Store, preset: Preset, state: State, progress: Progress | None = None) -> None:
    """Make all descriptors with a state.

    Args:
        store: the store of the atlas, without exclusive access.
        preset: the preset of the atlas.
        state: what was learned.
        progress: called with the number of photos done and the total.

    Raises:
        AtlasBusyError: another process is learning, or is writing when all descriptors are made.
    """
    job = Redescription(store, preset, progress)
    with job.alone():
        _make_descriptors(store, preset, job, state)


def restore_state(store: Store, preset: Preset) -> None:
    """Restore the learned state of an atlas whose file is lost: the one that ships if that was it, or a new one.

    Raises:
        OptionError: there are too few photos to learn from.
        AtlasBusyError: another process is writing or learning.
    """
    first, lost = first_state(preset), store.snapshot().state_name
    if first is not None and digest_of(first) == lost:
        with store.exclusive():
            store.save_state(first)
        return
    count = len(store.snapshot().usable())
    if count < ADAPT_PHOTOS:
        raise OptionError(
            f"the atlas has {count} photos; learning needs at least {ADAPT_PHOTOS}; index its photos again"
        )
    refit(store, preset)


def _make_descriptors(store: Store, preset: Preset, job: Redescription, state: State, *, readers: bool = True) -> None:
    """Make all descriptors with a state, in a job that no other process does."""
    job.begin(state)
    describer = Describer(preset, state)
    job.describe(describer)
    with store.exclusive():
        job.finish(state, describer)
        store.maintain(readers=readers)


def _learned_state(store: Store, preset: Preset, adapt: bool | None) -> State:
    """Return what is learned from a sample of the stored features; arguments and errors as `refit`."""
    needed = preset.codebook.min_photos
    if needed is None and adapt is None:
        raise OptionError("the preset keeps what it came with (its [codebook] has no min_photos); nothing is learned")
    describer = Describer(preset)
    now = Snapshot(store.snapshot(), preset, lambda _: describer)
    count, sample = len(now.usable()), sampled_photos(now)

    def photos() -> Iterator[PhotoFeatures]:
        for part in in_parts(sample):
            for _, features in now.features(part):
                yield features

    start = first_state(preset)
    if adapt and start is None:
        raise OptionError("the preset ships no codebook to adapt; learn the atlas's own codebook")
    adapt = count < (needed or 0) if adapt is None else adapt
    state = describer.learn(photos, len(sample), start, adapt=adapt)
    return state | {"learned_from": np.array(count)}
