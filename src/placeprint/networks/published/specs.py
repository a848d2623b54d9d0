"""How published networks are built, as data that needs no Torch: a trunk that makes a map, a head that pools it.

Each class is turned into a module of the same name by `building`. The sizes are those of the published checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ResNetTrunk:
    """ResNet without its average pooling and classifier, see `trunks.resnet`.

    Args:
        depth: 18, 50, 101 or 152.
        stages: 3 ends with the map of stride 16, 4 with that of stride 32.
        numbered: layers are called by their place (``0``, ``1``, ``4`` ...) and not ``conv1``, ``bn1``, ``layer1``.
    """

    depth: int
    stages: int = 4
    numbered: bool = False


@dataclass(frozen=True)
class VGGTrunk:
    """VGG16 up to its last convolution, see `trunks.vgg16`.

    Args:
        last_relu: whether a ReLU follows the last convolution.
        color_mean: red, green and blue in [0, 255] that are taken from the picture, for networks that take RGB in
            [0, 1] as it is and count in 255 inside; None for those that take normalized pictures.
    """

    last_relu: bool = False
    color_mean: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class DINOv2Trunk:
    """DINOv2's vision transformer, see `dinov2`.

    Args:
        width: the width of a token.
        depth: number of blocks.
        swiglu: whether the perceptrons are gated (ViT-g).
        mask_token: whether the checkpoint holds the token that only training uses.
        normalize: whether the final LayerNorm is applied.
        facet: block, counted from 0, and part of its attention whose values are the map; None for the last block's
            output.
        adapters: small layers beside those of each block.
        resize: whether pictures whose sides are not multiples of 14 are resized here.
        side: pixels a picture must have each way; 0 for any.
    """

    width: int = 768
    depth: int = 12
    swiglu: bool = False
    mask_token: bool = True
    normalize: bool = True
    facet: tuple[int, Literal["query", "key", "value"]] | None = None
    adapters: Literal["none", "multi-scale", "serial-parallel"] = "none"
    resize: bool = False
    side: int = 0


@dataclass(frozen=True)
class UnitGeMHead:
    """L2, GeM, linear, L2, of CosPlace and EigenPlaces; see `gem.UnitGeM`."""

    channels: int
    dim: int


@dataclass(frozen=True)
class GeMHead:
    """GeM and L2, perhaps with a whitening after it; see `gem.WhitenedGeM`."""

    channels: int
    whiten: bool = False


@dataclass(frozen=True)
class MixHead:
    """MixVPR's feature mixer; see `mixvpr`."""

    channels: int
    rows: int


@dataclass(frozen=True)
class ConvAPHead:
    """A 1 x 1 convolution and averages of four quarters; see `convap`."""

    channels: int


@dataclass(frozen=True)
class SALADHead:
    """Optimal transport of patches to clusters; see `salad`.

    Args:
        channels: the channels of the map.
        clusters: number of them.
        cluster_dim: values of a cluster.
        token_dim: values the class token adds.
        hidden: width of the perceptrons.
        linear: values after the last linear layer (MegaLoc); 0 without one.
    """

    channels: int = 768
    clusters: int = 64
    cluster_dim: int = 128
    token_dim: int = 256
    hidden: int = 512
    linear: int = 0


@dataclass(frozen=True)
class BoQHead:
    """Bag of learned queries; see `boq`."""

    channels: int
    width: int


@dataclass(frozen=True)
class NetVLADHead:
    """NetVLAD with the names of one of its ports; see `netvlad`.

    Args:
        port: ``"hloc"`` flattens channel by channel, ``"nanne"`` cluster by cluster.
        whiten: values after PCA whitening; 0 without it.
    """

    port: Literal["hloc", "nanne"]
    whiten: int = 0


@dataclass(frozen=True)
class HardVLADHead:
    """VLAD of a vocabulary with hard assignment; see `anyloc`."""

    channels: int
    clusters: int = 32


@dataclass(frozen=True)
class CricaVPRHead:
    """Regions of the map that look at each other across the photos of a batch; see `cricavpr`."""


@dataclass(frozen=True)
class SelaVPRHead:
    """GeM of unit tokens, and local features for re-ranking; see `selavpr`."""


Trunk = ResNetTrunk | VGGTrunk | DINOv2Trunk
Head = (
    UnitGeMHead
    | GeMHead
    | MixHead
    | ConvAPHead
    | SALADHead
    | BoQHead
    | NetVLADHead
    | HardVLADHead
    | CricaVPRHead
    | SelaVPRHead
)
