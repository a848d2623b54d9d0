"""Checkpoints: everything a run needs to continue as if uninterrupted.

    RUN/checkpoints/step-00001200/
      weights.safetensors   the model (``model.``) and the loss's own weights (``loss.``)
      state.pt              optimizer, random state, the rest of the epoch; nothing in it is executed
      checkpoint.toml       step, epoch, metrics, architecture, classes, data, commit
    RUN/best.toml           the name of the best one so far

A checkpoint is written to a temporary folder, file by file with fsync, and renamed when complete. So a killed run
leaves only complete checkpoints, and folders whose names start with a dot, which the next one removes.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w
import torch
from numpy.typing import NDArray
from torch import nn

from placeprint.core.files import flush_folder, write_atomically, writing
from placeprint.errors import DatasetError, WeightsError
from placeprint.networks.fitting import fit_into
from placeprint.networks.weight_files import read_safetensors, read_torch
from placeprint.training.run.facts import CheckpointFacts
from placeprint.version import __version__

FORMAT = 1
logger = logging.getLogger(__name__)
FOLDER = "checkpoints"
BEST = "best.toml"
WEIGHTS, STATE, FACTS = "weights.safetensors", "state.pt", "checkpoint.toml"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint.

    Args:
        facts: what it says of itself, besides tensors.
        weights: the tensors by name, on the CPU.
        state: nested dicts and lists of tensors and numbers, on the CPU.
        path: its folder, if it is on disk.
    """

    facts: CheckpointFacts
    weights: Mapping[str, torch.Tensor]
    state: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None

    @property
    def step(self) -> int:
        """The number of optimizer steps so far."""
        return self.facts.step


def write_checkpoint(run: Path, checkpoint: Checkpoint, *, keep: int, best: bool = False) -> Path:
    """Write a checkpoint whole, mark it if it is the best, and remove old ones; return its folder.

    Args:
        run: folder of the run.
        checkpoint: the checkpoint to write.
        keep: the number of latest checkpoints to keep, besides the best.
        best: whether it is the best so far.

    Raises:
        WriteError: the disk is full or the folder cannot be written.
    """
    from safetensors.torch import save

    name = f"step-{checkpoint.step:08d}"
    path = run / FOLDER / name
    temporary = path.with_name(f".{name}.{os.getpid()}.tmp")
    facts = {"format": FORMAT, "placeprint": __version__, **checkpoint.facts.as_tables()}
    with writing(run):
        _all(run)  # restores what an interruption left
        for left in (run / FOLDER).glob(".*.tmp"):
            shutil.rmtree(left, ignore_errors=True)
        temporary.mkdir(parents=True)
        _write(temporary / WEIGHTS, save({key: value.contiguous() for key, value in checkpoint.weights.items()}))
        with (temporary / STATE).open("wb") as file:
            torch.save(dict(checkpoint.state), file)
            _flush(file)
        _write(temporary / FACTS, tomli_w.dumps(facts).encode())
        if path.exists():  # of the same step, such as after a validation
            old = path.with_name(f".{name}.old.tmp")
            path.rename(old)
        temporary.rename(path)
        flush_folder(path.parent)
    if best:
        write_atomically(run / BEST, tomli_w.dumps({"checkpoint": name}).encode())
    marked = best_checkpoint(run)
    for old in _all(run)[:-keep]:
        if old != marked:
            shutil.rmtree(old, ignore_errors=True)
    for left in (run / FOLDER).glob(".*.tmp"):
        shutil.rmtree(left, ignore_errors=True)
    return path


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint from its folder; nothing in it is executed.

    Raises:
        WeightsError: a file is missing or damaged, or a newer placeprint wrote it.
    """
    try:
        tables = tomllib.loads((path / FACTS).read_text(encoding="utf-8"))
        newer = int(tables.get("format", 0)) > FORMAT
        if not newer:
            facts = CheckpointFacts.from_tables(tables)
            return Checkpoint(facts, read_safetensors(path / WEIGHTS)[0], read_torch(path / STATE), path)
    except KeyError as error:
        raise WeightsError(f"the checkpoint {str(path)!r} is damaged: {FACTS} has no {error.args[0]!r}") from error
    except (OSError, ValueError, TypeError, WeightsError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"the checkpoint {str(path)!r} is damaged: {reason}") from error
    raise WeightsError(f"the checkpoint {str(path)!r} was written by a newer placeprint; update it")


def latest_checkpoint(run: Path) -> Path | None:
    """Return the folder of the last complete checkpoint of a run, or None."""
    found = _all(run)
    return found[-1] if found else None


def readable_checkpoint(run: Path) -> Checkpoint | None:
    """Return the last undamaged checkpoint of a run, or None if the run has no checkpoint at all.

    Raises:
        WeightsError: all are damaged, or a newer placeprint wrote the last one.
    """
    found = _all(run)
    for path in reversed(found):
        try:
            return read_checkpoint(path)
        except WeightsError:
            if path == found[0]:
                raise
            logger.warning("the checkpoint %s is damaged; continuing from the one before", path)
    return None


def best_checkpoint(run: Path) -> Path | None:
    """Return the folder of the best checkpoint of a run, or None if none was validated."""
    try:
        path = run / FOLDER / str(tomllib.loads((run / BEST).read_text(encoding="utf-8"))["checkpoint"])
    except (OSError, ValueError, KeyError):
        return None
    return path if (path / FACTS).is_file() else None


def weights_of(model: nn.Module, loss: nn.Module) -> dict[str, torch.Tensor]:
    """Return copies of the weights of a model and of its loss, on the CPU."""
    parts = {"model": model, "loss": loss}
    return {
        f"{prefix}.{name}": value.detach().to("cpu", copy=True)
        for prefix, part in parts.items()
        for name, value in part.state_dict().items()
    }


def load_into(weights: Mapping[str, torch.Tensor], *, model: nn.Module, loss: nn.Module | None = None) -> None:
    """Load the result of `weights_of`.

    Raises:
        WeightsError: keys are missing or unexpected, or of another shape; the message names them.
    """
    for prefix, part in (("model", model), ("loss", loss)):
        if part is not None:
            own = {name.removeprefix(f"{prefix}."): value for name, value in weights.items() if name.startswith(prefix)}
            shapes = {name: tuple(value.shape) for name, value in part.state_dict().items()}
            wrong = [name for name in own if name in shapes and tuple(own[name].shape) != shapes[name]]
            if wrong:
                raise WeightsError(
                    f"the weights do not fit the {prefix}: {wrong[0]!r} has shape {tuple(own[wrong[0]].shape)}, "
                    f"expected {shapes[wrong[0]]}; {len(wrong)} differ like this"
                )
            fit_into(part, own)


def data_fingerprint(root: Path, paths: tuple[str, ...], *about: NDArray[Any]) -> str:
    """Return a fingerprint of 32 hexadecimal digits of photos (path and bytes) and their labels or places.

    Raises:
        DatasetError: a photo is missing.
    """
    seen = hashlib.sha256()
    for path in paths:
        try:
            seen.update(f"{path}\0{(root / path).stat().st_size}\0".encode())
        except OSError as error:
            raise DatasetError(f"there is no photo {path!r} in {str(root)!r}") from error
    for values in about:
        seen.update(values.tobytes())
    return seen.hexdigest()[:32]


def _all(run: Path) -> list[Path]:
    """Return the complete checkpoints, oldest first; one that was being replaced counts again."""
    for old in (run / FOLDER).glob(".step-*.old.tmp"):
        path = old.with_name(old.name.removeprefix(".").removesuffix(".old.tmp"))
        if not path.exists():
            with contextlib.suppress(OSError):
                old.rename(path)
    return sorted(path for path in (run / FOLDER).glob("step-*") if (path / FACTS).is_file())


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        _flush(file)


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
