"""Find loop closures in the frames of a camera: one call per frame, in bounded memory and time.

A frame is described by a preset, compared with every remembered frame, and verified by geometry against the most
similar ones and those that earlier frames make probable. A Bayes filter (`belief`) converts this into probabilities.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from placeprint.atlas import Atlas
from placeprint.core.defaults import PRESET
from placeprint.core.options import Count, NotNegative, OneOf, Range, Share, checked
from placeprint.core.threads import one_core_for_products
from placeprint.describing.describer import Describer, State
from placeprint.errors import OptionError
from placeprint.evidence.shipped import SURE
from placeprint.photos import Picture, as_image
from placeprint.places.motion import STEPS
from placeprint.presets import Preset, load_preset
from placeprint.searching.learning import first_state
from placeprint.store.encoding import encode_features
from placeprint.stream import saving
from placeprint.stream.belief import Belief, near
from placeprint.stream.frames import LEAVING, Frame, FrameMemory
from placeprint.stream.relative_pose import RelativePose, checked_camera, pose_of
from placeprint.types import Floats, Image, LocalFeatures, Mask, PhotoFeatures, Verification, Verifier

FRAMES, EXCLUDED, CANDIDATES, LEAST = 1000, 30, 3, 0.5
SURELY = float(np.log(SURE / (1 - SURE)))
"""Log odds of "same place"; those of "possible" are 0."""
MOST_ODDS = 8.0
"""Log odds of one frame, at most."""
RATIO = 8.0
"""Log odds that a verification of a frame loses where another one is e times as strong."""


@dataclass(frozen=True, eq=False)
class Described:
    """A frame, described.

    Args:
        features: its local features, which geometry verifies.
        descriptor: ``(dim,)`` unit descriptor, zeros without features.
    """

    features: LocalFeatures
    descriptor: Floats


@dataclass(frozen=True, eq=False)
class Loop:
    """A remembered frame that geometry has compared with the new one.

    Args:
        frame: number of the new frame.
        other: number of the remembered frame.
        stamp: time of the remembered frame in seconds, or None.
        probability: that both are at the same place, given this frame and earlier ones.
        similarity: cosine of their descriptors.
        check: the verified matches; the query is the new frame.
        pose: of the new camera relative to the earlier one; None if it is not a loop or no pose fits.
    """

    frame: int
    other: int
    stamp: float | None
    probability: float
    similarity: float
    check: Verification
    pose: RelativePose | None


@dataclass(frozen=True, eq=False)
class Seen:
    """The result of a frame.

    Args:
        frame: its number, from 0.
        candidates: the remembered frames that were verified, the most probable first.
        loops: those that are probable and have a relative pose.
        seconds: the time of ``describe``, ``search``, ``verify`` and ``remember``.
    """

    frame: int
    candidates: tuple[Loop, ...]
    loops: tuple[Loop, ...]
    seconds: dict[str, float]


class LoopCloser:
    """Finds loop closures in the frames of one camera; not thread-safe.

    Args:
        preset: the name of a preset with a codebook, or the path of its TOML file; or an atlas, to describe frames with
            its preset and learned codebook. Its photos are not remembered.
        frames: frames to remember; each takes about 0.1 MB with the default preset.
        leave: which frame to drop when there are more: the ``"redundant"`` one, most similar to the one before it, or
            the ``"oldest"``.
        exclude: the number of latest frames that cannot close a loop.
        exclude_seconds: frames of this many latest seconds cannot close a loop either; needs stamps.
        candidates: remembered frames to verify by geometry per frame.
        least: the smallest probability of a loop.
        camera: ``(3, 3)`` intrinsics of frames without distortion, for rotation and direction; None if unknown.

    Raises:
        OptionError: a value is out of its range, the preset has no codebook, or the atlas is empty.

    Example:
        closer = LoopCloser(camera=K)
        for image in camera_frames:
            for loop in closer.add(image).loops:
                print(loop.other, loop.probability, loop.pose.rotation)
    """

    @checked
    def __init__(
        self,
        preset: str | Atlas = PRESET,
        *,
        frames: Annotated[int, Range(2, 1_000_000)] = FRAMES,
        leave: Annotated[str, OneOf(*LEAVING)] = "redundant",
        exclude: Count = EXCLUDED,
        exclude_seconds: NotNegative = 0.0,
        candidates: Annotated[int, Range(1, 100)] = CANDIDATES,
        least: Share = LEAST,
        camera: NDArray[np.floating] | None = None,
    ) -> None:
        self._options = saving.Options(frames, leave, exclude, exclude_seconds, candidates, least)
        self._camera = checked_camera(camera)
        self._begin(*_described_by(preset))

    @classmethod
    def load(cls, path: Path | str) -> LoopCloser:
        """Load what `save` has written, and continue with the next frame.

        Raises:
            OptionError: the file cannot be read, or was written by another version or with other weights.
        """
        kept = saving.read(Path(path))
        made = cls.__new__(cls)
        made._options, made._camera = kept.options, kept.camera
        made._begin(kept.preset, kept.state)
        saving.check_weights(kept, made._describer.weights())
        made._memory.restore(kept.frames, kept.rows)
        made._belief.places, made._next = kept.places, kept.next
        return made

    def save(self, path: Path | str) -> None:
        """Save everything that is remembered in one file, atomically.

        Raises:
            WriteError: the file cannot be written.
        """
        kept = saving.Kept(
            options=self._options,
            camera=self._camera,
            preset=self._preset,
            weights=self._describer.weights(),
            state=self._state,
            frames=self._memory.frames,
            rows=self._memory.rows(),
            places=self._belief.places,
            next=self._next,
        )
        saving.write(kept, Path(path))

    def __len__(self) -> int:
        return len(self._memory)

    @property
    def num_bytes(self) -> int:
        """Bytes of the remembered descriptors and features."""
        return self._memory.num_bytes

    @property
    def preset(self) -> str:
        """The name of the preset."""
        return self._preset.name

    def add(self, frame: Picture, stamp: float | None = None, mask: Mask | None = None) -> Seen:
        """Find the loops that a frame closes, and remember it.

        Args:
            frame: anything that `read_photo` accepts: a path, an RGB array.
            stamp: its time in seconds.
            mask: ``(H, W)`` bool, True where keypoints are allowed; exclude what moves with the camera.

        Raises:
            PhotoError: the frame cannot be used; then it does not become part of the stream.
            OptionError: it has no stamp, and ``exclude_seconds`` needs one; or with intrinsics, its size differs from
                earlier frames.
        """
        began = time.perf_counter()
        described = self.describe(frame, mask)
        seconds = {"describe": time.perf_counter() - began}
        seen = self.add_described(described, stamp)
        return replace(seen, seconds=seconds | seen.seconds)

    def describe(self, frame: Picture, mask: Mask | None = None) -> Described:
        """Describe a frame, in any thread or on another machine, for `add_described`.

        Args:
            frame: see `add`.
            mask: see `add`.

        Raises:
            PhotoError: the frame cannot be used.
        """
        features = self._features(as_image(frame), mask)
        return Described(features[0], self._describer.descriptor(features))

    def add_described(self, described: Described, stamp: float | None = None) -> Seen:
        """Find the loops that a described frame closes, and remember it.

        Args:
            described: by `describe` of a loop closer with the same preset.
            stamp: its time in seconds.

        Raises:
            OptionError: see `add`.
        """
        if stamp is None and self._options.exclude_seconds:
            raise OptionError("exclude_seconds needs the time of each frame; give its stamp in seconds")
        self._check_size(described.features.image_size)
        time_ = float("nan") if stamp is None else float(stamp)
        began = time.perf_counter()
        with one_core_for_products():
            states = self._open_states(time_)
            similar = self._memory.similarities(described.descriptor)[:states]
            before = self._belief.before(states)
            chosen = self._chosen(similar, before)
            searched = time.perf_counter()
            found = self._verified(described.features, similar, before, chosen)
            verified = time.perf_counter()
            self._remember(described, time_)
        loops = tuple(loop for loop in found if loop.pose is not None)
        seconds = {
            "search": searched - began,
            "verify": verified - searched,
            "remember": time.perf_counter() - verified,
        }
        return Seen(self._next - 1, found, loops, seconds)

    def _begin(self, preset: Preset, state: State) -> None:
        """Remember nothing, and describe frames by a preset."""
        self._preset, self._state = preset, state
        self._describer = Describer(preset, state)
        self._verifier: Verifier = preset.verifier.make()
        chosen = self._options
        self._memory = FrameMemory(self._describer.dim, chosen.frames, chosen.leave, chosen.exclude)
        self._belief, self._next = Belief(), 0

    def _features(self, image: Image, mask: Mask | None) -> PhotoFeatures:
        """Return the features that the descriptor and geometry need."""
        needed = sorted({0, *(branch.source for branch in self._describer.branches)})
        found = {number: self._describer.extractors[number].extract(image, mask) for number in needed}
        return self._describer.only(found, (image.shape[1], image.shape[0]))

    def _check_size(self, size: tuple[int, int]) -> None:
        known = self._memory.frames[-1].size if self._memory.frames else size
        if self._camera is not None and size != known:
            raise OptionError(f"the intrinsics are for frames of {known[0]} x {known[1]}, got {size[0]} x {size[1]}")

    def _open_states(self, stamp: float) -> int:
        """Return how many of the remembered frames are old enough to close a loop."""
        options = self._options

        def is_old(frame: Frame) -> bool:
            late = options.exclude_seconds > 0 and not stamp - frame.stamp > options.exclude_seconds
            return self._next - frame.number > options.exclude and not late

        return sum(map(is_old, self._memory.frames))

    def _chosen(self, similar: Floats, before: NDArray[np.float64]) -> list[int]:
        """Return the indices of the frames to verify: where the camera should be, and the most similar ones."""
        if not len(similar):
            return []
        chosen: list[int] = []
        expected = int(before.argmax())
        if near(before, expected) > self._options.least:
            around = slice(max(0, expected - STEPS), expected + STEPS + 1)
            chosen.append(around.start + int(similar[around].argmax()))
        for place in np.argsort(-similar, kind="stable"):
            if len(chosen) >= self._options.candidates:
                break
            if similar[place] > 0 and all(abs(int(place) - other) > STEPS for other in chosen):
                chosen.append(int(place))
        return chosen

    def _verified(
        self, features: LocalFeatures, similar: Floats, before: NDArray[np.float64], chosen: Sequence[int]
    ) -> tuple[Loop, ...]:
        """Verify the chosen frames, and learn where the camera is."""
        frames = [self._memory.frames[place] for place in chosen]
        known = [self._describer.decode_one(frame.columns, 0, frame.size) for frame in frames]
        checks = self._verifier.verify(features, known) if known else []
        odds = dict(zip(chosen, self._log_odds(checks), strict=True))
        after = self._belief.update(before, odds)
        loops = [
            self._loop(frame, check, near(after, place), float(similar[place]))
            for place, frame, check in zip(chosen, frames, checks, strict=True)
        ]
        return tuple(sorted(loops, key=lambda loop: -loop.probability))

    def _loop(self, frame: Frame, check: Verification, probability: float, similarity: float) -> Loop:
        stamp = None if np.isnan(frame.stamp) else frame.stamp
        pose = pose_of(check, frame.size, self._camera) if probability >= self._options.least else None
        return Loop(self._next, frame.number, stamp, probability, similarity, check, pose)

    def _log_odds(self, checks: Sequence[Verification]) -> list[float]:
        """Return the log odds of each verification of a frame.

        They are 0 where the preset's verifier says "possible" and `SURELY` where it is certain. Above that,
        verifications do not differ, because many places of a building match well. So the strongest keeps its log odds,
        and the others are lowered by `RATIO` times the logarithm of the ratio of the strengths.
        """
        sure, possible = (float(getattr(self._verifier, name)) for name in ("sure", "possible"))
        strongest = max((check.strength for check in checks), default=0.0)

        def odds(check: Verification) -> float:
            if check.strength <= 0:
                return -math.inf
            own = SURELY * (check.strength - possible) / max(sure - possible, 1e-6)
            return min(MOST_ODDS, own) + RATIO * math.log(check.strength / strongest)

        return [odds(check) for check in checks]

    def _remember(self, described: Described, stamp: float) -> None:
        features = described.features
        columns = encode_features(features, self._preset.store.local_bits)
        left = self._memory.add(described.descriptor, self._next, stamp, features.image_size, columns)
        self._belief.remember(left)
        self._next += 1


def _described_by(preset: str | Atlas) -> tuple[Preset, State]:
    """Return a preset and what it has learned."""
    if isinstance(preset, Atlas):
        now = preset.snapshot()
        if now.stored.state_name is None:
            raise OptionError("the atlas is empty, so it has no codebook; add photos of the area first")
        return now.preset, now.stored.load_state(now.stored.state_name)
    chosen = load_preset(preset)
    state = first_state(chosen)
    if state is None:
        raise OptionError(
            f"the preset {chosen.name!r} comes without a codebook; make an atlas of photos of the area with it, and "
            "pass the atlas instead"
        )
    return chosen, state
