"""Export describers to ONNX, to run without placeprint and without Torch.

`export_onnx` writes the Torch module of a `Describer` (`describer_graph`), checks the file, and compares onnxruntime's
results with placeprint's.

The file takes a resized photo, ``(1, 3, H, W)`` float32 RGB in [0, 255], and returns ``(1, dim)``; its metadata say how
to resize. Two extractors with different sizes make two inputs. The file does not include resizing, local features
(needed only for verification), or their storage in a few bits: an atlas makes descriptors from quantized features, the
file from unquantized ones.

Torch's tracing exporter (``dynamo=False``) writes it: it takes seconds, while the other takes most of a minute, and it
needs no further package. Nothing in the graph depends on the traced size; the comparison uses other sizes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from placeprint.aggregation.pooling import MAC, RMAC, CroW, GeM, SPoC, WeightedGeM
from placeprint.atlas.atlas import Atlas
from placeprint.core.addresses import url_of
from placeprint.core.files import written_aside
from placeprint.core.one_line import one_line
from placeprint.core.outputs import ONNX, check_output
from placeprint.core.packages import required
from placeprint.describing.describer import Describer
from placeprint.errors import OptionError, PlaceprintError, WeightsError
from placeprint.features.resizing import InputRule
from placeprint.onnx.describer_graph import check_exportable, descriptor_graph
from placeprint.onnx.eight_bits import shorten
from placeprint.presets import load_preset
from placeprint.searching import learning
from placeprint.store import FILE_NAME
from placeprint.types import Aggregator, Image, LocalFeatures
from placeprint.version import __version__

if TYPE_CHECKING:
    from placeprint.onnx.picture_graph import DescriptorGraph

OPSET = 17
TOLERANCE = 1e-4
"""Largest allowed difference of a value of a unit descriptor."""
CHECKED = ((300, 400), (500, 375), (360, 360))
"""Height and width of the test pictures for an exported file: landscape, portrait and square."""
TRACED = (256, 352)
"""Approximate height and width of the traced picture."""
PREFIX = "placeprint."
"""Prefix of the metadata names."""
UNLEARNED = (SPoC, MAC, GeM, WeightedGeM, CroW)
"""Aggregators that learn only the length of the descriptors."""


def export_onnx(describer: Describer, path: Path | str, *, name: str = "", int8: bool = False) -> Path:
    """Write the model of a describer's global descriptors, and test it.

    Args:
        describer: a fitted describer.
        path: the path of the file; only an earlier model of placeprint is replaced.
        name: the name of the preset, for the metadata.
        int8: keep the weights of linear layers in 8 bits (`eight_bits`), after the whole file was compared.

    Returns:
        The path.

    Raises:
        OptionError: a component has no graph, or one of its parameters has none.
        NotFittedError: something has not been learned.
        PackageError: onnx or onnxruntime is not installed.
        PlaceprintError: a network cannot be traced, or onnxruntime's descriptors of most test pictures differ from
            placeprint's by more than `TOLERANCE`; nothing is written. One may: two keypoints can be as strong.
        WriteError: something else is at the path, or it cannot be written.
    """
    with required("exporting needs ONNX", "onnx"):
        import onnx
        import onnxruntime  # noqa: F401  # before the work is done
    path = Path(path)
    check_output(path, ONNX)
    check_exportable(describer)
    graph, inputs = descriptor_graph(describer)
    with written_aside(path) as written:
        with _onnx("the preset cannot be written as ONNX"):
            _trace(graph, inputs, written)
            model = onnx.load(str(written))
            onnx.helper.set_model_props(model, _metadata(describer, inputs, name))
            onnx.checker.check_model(model, full_check=True)
            onnx.save(model, str(written))
        found = float(np.median([largest_difference(describer, written, [check_picture(*size)]) for size in CHECKED]))
        if not found <= TOLERANCE:
            raise PlaceprintError(
                f"onnxruntime's descriptors of test pictures differ from placeprint's by {found:.2g}, expected at "
                f"most {TOLERANCE:g}; {str(path)!r} was not written. Try another version of onnxruntime or torch"
            )
        if int8:
            with _onnx("the preset cannot be written in 8 bits"):
                shorten(written)
    return path


def load_describer(place: Path | str) -> tuple[str, Describer]:
    """Return a preset's name and its fitted describer.

    Args:
        place: the folder or the address of an atlas, to use its codebook; or the name, TOML file or folder of a preset,
            with its own codebook.

    Raises:
        OptionError: the preset is unknown, or has no codebook.
        AtlasError: the atlas cannot be read, or was made with other weights.
    """
    if url_of(place) is not None or _holds(Path(place), FILE_NAME):
        atlas = Atlas.open(place)
        if not len(atlas):
            raise OptionError(f"the atlas {str(place)!r} has no codebook yet; add photos first: placeprint index")
        if atlas.describer.word_weights:
            raise OptionError(
                f"the words of the atlas {str(place)!r} have weights, which a picture graph cannot hold; "
                "learn a codebook without them: placeprint refit"
            )
        return atlas.preset, atlas.describer
    if _holds(Path(place), "preset.toml"):
        place = Path(place) / "preset.toml"
    preset = load_preset(str(place))
    state = learning.first_state(preset)
    describer = Describer(preset, state)
    if state is None:
        for branch in describer.branches:
            if not _learns_nothing(branch.aggregator):
                raise OptionError(
                    f"the preset {preset.name!r} has no codebook for {type(branch.aggregator).__name__}; make "
                    "an atlas, which learns one, and export that: placeprint index PHOTOS --into ATLAS --preset "
                    f"{place}; placeprint export ATLAS"
                )
            branch.aggregator.fit([_no_features(describer.extractors[branch.source].dim)])
    return preset.name, describer


def _holds(place: Path, name: str) -> bool:
    try:
        return (place / name).is_file()
    except (OSError, ValueError):  # such as for a name that is too long
        return False


def largest_difference(describer: Describer, model: Path | str, images: Sequence[Image]) -> float:
    """Return the largest difference between a file's and placeprint's descriptors over all images.

    Args:
        describer: the exported describer.
        model: the path of the file.
        images: ``(H, W, 3)`` uint8 RGB.

    Raises:
        WeightsError: the file is missing, damaged, or was not exported by placeprint.
        PlaceprintError: onnxruntime cannot run it on a picture.
    """
    session, inputs = _open_model(Path(model))
    differences = [0.0]
    for image in images:
        with _onnx(f"onnxruntime cannot describe a picture of {image.shape[1]} x {image.shape[0]} pixels"):
            (found,) = session.run(None, {name: rule.tensor(image) for name, rule in inputs.items()})
        expected = describer.descriptor(describer.features(image))
        differences.append(float(np.abs(found[0] - expected).max()))
    return max(differences)


def least_cosine(describer: Describer, model: Path | str, images: Sequence[Image]) -> float:
    """Return the least cosine of the descriptors of any image by a file and by placeprint; raises as above."""
    session, inputs = _open_model(Path(model))
    cosines = []
    for image in images:
        with _onnx(f"onnxruntime cannot describe a picture of {image.shape[1]} x {image.shape[0]} pixels"):
            (found,) = session.run(None, {name: rule.tensor(image) for name, rule in inputs.items()})
        cosines.append(float(found[0] @ describer.descriptor(describer.features(image))))
    return min(cosines)


def check_picture(height: int, width: int, seed: int = 0) -> Image:
    """Return an ``(H, W, 3)`` picture of random blocks of several sizes, with edges, corners and uniform areas."""
    generator = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 128.0)
    for side in (96, 40, 16):
        blocks = generator.normal(0, 40, (-(-height // side), -(-width // side), 3))
        picture += np.kron(blocks, np.ones((side, side, 1)))[:height, :width]
    picture[: height // 6] = 200
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


@contextlib.contextmanager
def _onnx(what: str) -> Iterator[None]:
    """Turn errors of Torch's exporter, onnx and onnxruntime into one line.

    Raises:
        PlaceprintError: one of them failed.
    """
    try:
        yield
    except (PlaceprintError, OSError):
        raise
    except Exception as error:
        reason = one_line(error, 160)
        raise PlaceprintError(f"{what}: {reason}") from error


def _open_model(path: Path) -> tuple[Any, dict[str, InputRule]]:
    """Return the session of an exported file, and its inputs by name.

    Raises:
        WeightsError: the file is missing, damaged, or was not exported by placeprint.
    """
    import onnxruntime

    if not path.is_file():
        raise WeightsError(f"there is no file {str(path)!r}")
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return session, _inputs_of(session.get_modelmeta().custom_metadata_map)
    except Exception as error:
        reason = one_line(error)
        raise WeightsError(f"{str(path)!r} is not a complete file exported by placeprint: {reason}") from error


def _trace(graph: DescriptorGraph, inputs: Mapping[str, InputRule], path: Path) -> None:
    import torch

    pictures = tuple(
        torch.from_numpy(dataclasses.replace(rule, longest=0).tensor(check_picture(*TRACED)))
        for rule in inputs.values()
    )
    free = [name for name, rule in inputs.items() if rule.stretch == (0, 0)]
    axes = {name: {2: f"height_{name}", 3: f"width_{name}"} for name in free}
    with warnings.catch_warnings():
        # the tracing exporter is deprecated, and warns about every constant size
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            pictures,
            str(path),
            input_names=list(inputs),
            output_names=["descriptor"],
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )


def _metadata(describer: Describer, inputs: Mapping[str, InputRule], name: str) -> dict[str, str]:
    """Return the metadata of a file; `_inputs_of` reads the inputs back."""
    words = (
        "scale every picture to 'stretch' (width, height); where that is (0, 0), scale so that the longest side has "
        "'longest' pixels (0: leave it) and round both sides down to a multiple of 'multiple', at least one; average "
        "pixels where that shrinks (OpenCV's INTER_AREA), else bicubic; RGB, 0 to 255"
    )
    found = {
        "version": __version__,
        "preset": name,
        "dim": str(describer.dim),
        "inputs": json.dumps({key: dataclasses.asdict(rule) for key, rule in inputs.items()}),
        "resize": words,
        "weights_sha256": json.dumps(describer.weights()),
        "local_features": "not quantized",
    }
    return {PREFIX + key: value for key, value in found.items()}


def _inputs_of(metadata: Mapping[str, str]) -> dict[str, InputRule]:
    rules = json.loads(metadata[PREFIX + "inputs"])
    return {
        name: InputRule(rule["longest"], rule["multiple"], tuple(rule.get("stretch", (0, 0))))
        for name, rule in rules.items()
    }


def _learns_nothing(aggregator: Aggregator) -> bool:
    return isinstance(aggregator, UNLEARNED) or (isinstance(aggregator, RMAC) and not aggregator.whitened_dim)


def _no_features(dim: int) -> LocalFeatures:
    none = np.zeros((0, 2), np.float32)
    return LocalFeatures(none, np.zeros((0, dim), np.float32), none[:, 0], (1, 1))
