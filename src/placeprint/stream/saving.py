"""Save a loop closer in one ``.npz`` file, and load it again; nothing in the file is executed.

The options, the preset and the sha256 of the weights are JSON; what was learned is ``state.*``; the encoded features of
all frames are one array of bytes per column, with the length of each frame's part (-1 for none).
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.files import arrays_of, reason_of, write_arrays
from placeprint.describing.describer import State
from placeprint.errors import OptionError
from placeprint.presets import Preset, preset_from
from placeprint.store.encoding import LOCAL_COLUMNS, Columns
from placeprint.stream.frames import Frame

FORMAT = 1


@dataclass(frozen=True)
class Options:
    """The options of a loop closer, see there."""

    frames: int
    leave: str
    exclude: int
    exclude_seconds: float
    candidates: int
    least: float


@dataclass(frozen=True, eq=False)
class Kept:
    """All that a loop closer knows.

    Args:
        options: its options.
        camera: ``(3, 3)`` intrinsics, or None.
        preset: what describes frames.
        weights: sha256 of the networks' weights, by name.
        state: what the preset has learned.
        frames: the remembered frames.
        rows: ``(n, dim)`` their descriptors in steps.
        places: ``(n,)`` probability that the camera is at each.
        next: the number of the next frame.
    """

    options: Options
    camera: NDArray[np.float64] | None
    preset: Preset
    weights: Mapping[str, str]
    state: State
    frames: Sequence[Frame]
    rows: NDArray[np.int8]
    places: NDArray[np.float64]
    next: int


def write(kept: Kept, path: Path) -> None:
    """Write a file.

    Raises:
        WriteError: it cannot be written.
    """
    about = {
        "format": FORMAT,
        "options": dataclasses.asdict(kept.options),
        "camera": None if kept.camera is None else kept.camera.tolist(),
        "preset": {"name": kept.preset.name, "components": kept.preset.components},
        "weights": dict(kept.weights),
        "next": kept.next,
    }
    frames = kept.frames
    arrays: dict[str, NDArray[Any]] = {
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
        "numbers": np.array([frame.number for frame in frames], np.int64),
        "stamps": np.array([frame.stamp for frame in frames], np.float64),
        "sizes": np.array([frame.size for frame in frames], np.int64).reshape(-1, 2),
        "norms": np.array([frame.norm for frame in frames], np.float64),
        "alike": np.array([frame.alike for frame in frames], np.float64),
        "rows": kept.rows,
        "places": kept.places,
    }
    for name in LOCAL_COLUMNS:
        values = [frame.columns[name] for frame in frames]
        arrays[f"{name}.lengths"] = np.array([-1 if value is None else len(value) for value in values], np.int64)
        arrays[name] = np.frombuffer(b"".join(value or b"" for value in values), np.uint8)
    write_arrays(path, arrays | {f"state.{name}": value for name, value in kept.state.items()})


def read(path: Path) -> Kept:
    """Read a file.

    Raises:
        OptionError: it is not there, damaged, or of a newer version.
    """
    try:
        found = arrays_of(path.read_bytes())
        about = json.loads(found["about"].tobytes())
        if about["format"] != FORMAT:
            raise OptionError(
                f"{str(path)!r} has format {about['format']}, this placeprint reads {FORMAT}; upgrade placeprint"
            )
        return _kept(about, found)
    except OSError as error:
        raise OptionError(f"{str(path)!r} cannot be read: {reason_of(error)}") from error
    except OptionError:
        raise
    except (ValueError, KeyError, TypeError, EOFError, IndexError, zipfile.BadZipFile) as error:
        raise OptionError(f"{str(path)!r} was not saved by a loop closer, or is damaged: {error}") from error


def check_weights(kept: Kept, installed: Mapping[str, str]) -> None:
    """Check that frames were described with the weights that are installed.

    Raises:
        OptionError: they were not.
    """
    if dict(kept.weights) != dict(installed):
        raise OptionError(
            "the saved frames were described with different network weights than those installed; install the matching "
            "version, or start a new loop closer"
        )


def _kept(about: Mapping[str, Any], found: Mapping[str, NDArray[Any]]) -> Kept:
    columns = _columns(found)
    frames = [
        Frame(int(number), float(stamp), (int(size[0]), int(size[1])), own, float(norm), float(alike))
        for number, stamp, size, own, norm, alike in zip(
            found["numbers"], found["stamps"], found["sizes"], columns, found["norms"], found["alike"], strict=True
        )
    ]
    if not len(frames) == len(found["rows"]) == len(found["places"]):
        raise ValueError("its numbers of frames and descriptors differ")
    return Kept(
        options=Options(**about["options"]),
        camera=None if about["camera"] is None else np.array(about["camera"], np.float64),
        preset=preset_from(about["preset"]["components"], about["preset"]["name"]),
        weights=about["weights"],
        state={name.removeprefix("state."): value for name, value in found.items() if name.startswith("state.")},
        frames=frames,
        rows=found["rows"].astype(np.int8),
        places=found["places"].astype(np.float64),
        next=int(about["next"]),
    )


def _columns(found: Mapping[str, NDArray[Any]]) -> list[Columns]:
    """Return the encoded features of each frame."""
    parts: dict[str, list[bytes | None]] = {}
    for name in LOCAL_COLUMNS:
        lengths, data = found[f"{name}.lengths"], found[name].tobytes()
        ends = np.cumsum(np.maximum(lengths, 0))
        if len(data) != (int(ends[-1]) if len(ends) else 0):
            raise ValueError(f"{name} is cut off")
        parts[name] = [
            None if length < 0 else data[end - length : end] for length, end in zip(lengths, ends, strict=True)
        ]
    return [dict(zip(parts, row, strict=True)) for row in zip(*parts.values(), strict=True)]
