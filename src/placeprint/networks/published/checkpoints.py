"""The files of published weights on this machine: where they lie, what is there, and loading them.

They lie in one folder, `models_folder`. Beside each is a small file with its sha256, written when it first came. A file
that has another one later, by damage or because another was published under the same name, is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from placeprint.core.files import file_sha256, read_json, write_atomically, written_aside
from placeprint.core.user_cache import user_cache
from placeprint.errors import OptionError, WeightsError
from placeprint.networks.published.download import download
from placeprint.networks.published.rows import Network, PublishedFile
from placeprint.types import Progress

if TYPE_CHECKING:
    import torch

    from placeprint.networks.published.building import PlaceNetwork

FOLDER = "PLACEPRINT_MODELS"
"""The variable of the environment that names the folder."""
MAT_NAMES = "hloc-mat"

FileProgress = Callable[[PublishedFile, int, int], None]


@dataclass(frozen=True)
class Remembered:
    """What is known of a file since it first came.

    Args:
        sha256: of its content.
        size: in bytes.
        time: when it was last changed, ns; a file of the same size and time is not read again.
    """

    sha256: str
    size: int
    time: int


def models_folder() -> Path:
    """Return the folder of weights: ``PLACEPRINT_MODELS``, or one in the user's cache."""
    if named := os.environ.get(FOLDER):
        return Path(named)
    return user_cache() / "models"


def paths_of(network: Network) -> tuple[Path, ...]:
    """Return where a network's files lie, or would."""
    return tuple(models_folder() / file.name for file in network.files)


def is_here(network: Network) -> bool:
    """Return whether all files of a network are there; False for one without published weights."""
    return bool(network.files) and all(path.is_file() for path in paths_of(network))


def get(network: Network, progress: FileProgress | None = None) -> tuple[Path, ...]:
    """Download the files of a network that are not here, see that they fit, and return where they lie.

    Raises:
        OptionError: its weights were not published, or only for browsers.
        DownloadError: there is no network, or no such file.
        WeightsError: a file is not the one that first came, or does not fit.
        WriteError: the disk is full, or the folder cannot be written.
    """
    paths = paths_of(network)
    if not paths:
        raise OptionError(f"no weights of {network.name!r} were published; it exists for tests")
    for file, path in zip(network.files, paths, strict=True):
        if path.is_file():
            continue
        if not file.url:
            raise OptionError(
                f"{file.name!r} can only be downloaded in a browser: fetch it from {file.page} and run: "
                f"placeprint models get {network.name} --from FILE"
            )
        download(file.url, path, progress=_progress_of(file, progress))
        _accept(path)
    load(network)
    return paths


def take(network: Network, given: Sequence[Path]) -> tuple[Path, ...]:
    """Copy files that one has, once it is seen that they fit, and return where they lie now.

    Args:
        network: whose weights they are.
        given: the files, in the order of the table.

    Raises:
        OptionError: there are not as many as the network has.
        WeightsError: one cannot be read, or they do not fit; nothing is copied.
        WriteError: the disk is full, or the folder cannot be written.
    """
    wanted = [file.name for file in network.files]
    if len(given) != len(wanted):
        raise OptionError(
            f"{network.name!r} has {len(wanted)} files ({', '.join(wanted) or 'none were published'}), got "
            f"{len(given)}; give one --from FILE for each, in this order"
        )
    load_files(network, given)
    for source, path in zip(given, paths_of(network), strict=True):
        if not (path.exists() and path.samefile(source)):
            with written_aside(path) as written:
                shutil.copyfile(source, written)
            _remember(path, file_sha256(path, error=WeightsError, what="the weights"))
    return paths_of(network)


def load(network: Network) -> PlaceNetwork:
    """Return a network with its weights, in eval mode on the CPU; nothing in the files is executed.

    Raises:
        WeightsError: they are not here, not those that first came, or do not fit.
    """
    sha256(network)
    return load_files(network, paths_of(network))


def load_files(network: Network, paths: Sequence[Path]) -> PlaceNetwork:
    """Return a network with the weights of files, in the order of the table. Raises as `load`."""
    from placeprint.networks.published.building import build

    state: dict[str, torch.Tensor] = {}
    for file, path in zip(network.files, paths, strict=True):
        state |= _read(network, file, path)
    try:
        return build(network.name, state)
    except WeightsError as error:
        named = ", ".join(repr(str(path)) for path in paths)
        raise WeightsError(f"{named}: {error}; they are of another network, or of another version") from error


def sha256(network: Network) -> str:
    """Return the sha256 of a network's weights; of several files, that of their sha256 in the order of the table.

    Raises:
        WeightsError: they are not here, or not those that first came.
    """
    if not is_here(network):
        raise WeightsError(
            f"the weights of {network.name!r} are missing ({models_folder()}); run: placeprint models get "
            f"{network.name}"
        )
    found = [_accept(path) for path in paths_of(network)]
    return found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest()


def _read(network: Network, file: PublishedFile, path: Path) -> dict[str, torch.Tensor]:
    from placeprint.networks.published.hloc_files import read_hloc
    from placeprint.networks.weight_files import read_state_dict, read_tensor

    if file.names == MAT_NAMES:
        return read_hloc(path, whitened=network.dim != _whole_netvlad())
    if file.tensor:
        return {file.tensor: read_tensor(path)}
    return read_state_dict(path)


def _whole_netvlad() -> int:
    from placeprint.networks.published.netvlad import CHANNELS, CLUSTERS

    return CHANNELS * CLUSTERS


def _accept(path: Path) -> str:
    """Return the sha256 of a file, which is remembered when it is seen first.

    Raises:
        WeightsError: it is not the one that is remembered.
    """
    note = _note(path)
    known = Remembered(**read_json(note, "a note of placeprint", error=WeightsError)) if note.is_file() else None
    stat = path.stat()
    if known is not None and (known.size, known.time) == (stat.st_size, stat.st_mtime_ns):
        return known.sha256
    found = file_sha256(path, error=WeightsError, what="the weights")
    if known is not None and known.sha256 != found:
        raise WeightsError(
            f"{str(path)!r} has sha256 {found[:12]}..., and had {known.sha256[:12]}... when it was first fetched: "
            f"it is damaged, or another file was published. Delete it to fetch it again; also delete {note.name!r} "
            "beside it to accept whatever is published now"
        )
    _remember(path, found)
    return found


def _remember(path: Path, found: str) -> None:
    stat = path.stat()
    note = Remembered(found, stat.st_size, stat.st_mtime_ns)
    write_atomically(_note(path), json.dumps(asdict(note)).encode())


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256.json")


def _progress_of(file: PublishedFile, progress: FileProgress | None) -> Progress | None:
    return None if progress is None else lambda done, total: progress(file, done, total)
