"""The preset of a trained descriptor: search by the descriptor, verification by XFeat's keypoints.

    PRESET/preset.toml            the components
    PRESET/state.npz              what the aggregator and the whitener learned
    PRESET/backbone.safetensors   the network up to its map, if it has no name

The features of a map are its cells (`features.grid`): a unit vector each, and its length as the score. All cells are
kept, even uniform ones, as in training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from placeprint.presets.preset import Preset
from placeprint.presets.specs import CodebookSpec, ComponentSpec, FusionSpec, StoreSpec, WhitenerSpec

PRESET, STATE, BACKBONE = "preset.toml", "state.npz", "backbone.safetensors"
State = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class TrainedDescriptor:
    """A descriptor of a network's map.

    Args:
        extractor: the extractor of the map, see `grid_spec`.
        aggregator: the aggregator of its cells.
        learned: the learned fields of the aggregator.
        whitening: the learned fields of the whitener; empty for none.
    """

    extractor: ComponentSpec
    aggregator: ComponentSpec
    learned: State
    whitening: State = field(default_factory=dict)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """The content of `STATE`."""
        found = {f"fusion.0.aggregator.{name}": value for name, value in self.learned.items()}
        return found | {f"whitener.{name}": value for name, value in self.whitening.items()}

    def preset(self, name: str, summary: str, local_bits: int) -> Preset:
        """Return the preset, with paths relative to its folder.

        Args:
            name: the name of the preset.
            summary: a one-line description.
            local_bits: the bits of a stored value of local features.
        """
        whitener = None
        if self.whitening:
            dim = int(self.whitening["projection_"].shape[1])
            whitener = WhitenerSpec("whiteners", "pca-whitening", {"dim": dim}, min_photos=dim + 1)
        return Preset(
            name=name,
            summary=summary,
            extractor=ComponentSpec("extractors", "xfeat", {"max_keypoints": 1000, "detection_threshold": 0.02}),
            fusion=(FusionSpec(weight=1.0, extractor=self.extractor, aggregator=self.aggregator),),
            whitener=whitener,
            index=ComponentSpec("indexes", "flat"),
            verifier=ComponentSpec("verifiers", "mutual-geometry"),
            codebook=CodebookSpec(file=STATE),
            store=StoreSpec(local_bits=local_bits, descriptor_bits=8),
        )


def grid_spec(backbone: str, stride: int, width: int, height: int, *, stretch: bool = True) -> ComponentSpec:
    """Return the extractor of a network's map.

    Args:
        backbone: the name, or the path of the network's file.
        stride: the pixels from cell to cell.
        width: the width of the network's input in pixels.
        height: the height of the network's input in pixels.
        stretch: whether photos are stretched to that size; otherwise they keep their shape, and `width` is their
            longest side.
    """
    side = {"stretch": [width, height]} if stretch else {"size": width}
    cut = {"max_keypoints": -(-width // stride) * -(-height // stride), "min_contrast": 0.0}
    return ComponentSpec("extractors", "grid", {"backbone": backbone, "stride": stride, **side, **cut})
