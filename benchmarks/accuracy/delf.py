"""DELF: which keypoints to select, and what training the map gains.

    python benchmarks/accuracy/delf.py [--network delf-grocery] [--cache FOLDER] [--only corridor]

Three ways to take n of all cells of DELF's pyramid: those of the highest attention; random ones; those nearest to the n
strongest SIFT keypoints of different cells (of the scales the one whose cells' side is nearest to the diameter of the
keypoint, of its cells the one that looks nearest to it). The descriptors are the same. Each of these is measured with
the network that ships, and random ones also with "untrained": the same backbone as it comes, its PCA learned from the
same photos in the same way.

The retrieval rule, the same for all: the score of two photos is the sum of the cubes of the positive cosines of the
mutual nearest neighbors among their n keypoints; no geometry, no codebook. recall@1 is the share of queries whose best
photo is a right one.

grocery: the classes that the recipe delf-attention-grocery holds out of both steps. Queries are the photos of val.txt
of these classes, the database those of train.txt of the same classes, of each class 12 at most, spread evenly.
sf_landmarks and corridor are place folders; nothing was trained on them. Writes benchmarks/results/delf.json.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from placeprint.core.files import write_arrays
from placeprint.core.numerics import evenly
from placeprint.datasets.photos.labeled_photos import LabeledPhotos, read_label_list
from placeprint.datasets.photos.splits import split_classes
from placeprint.datasets.readers.place_folder import read_place_folder
from placeprint.evaluation.provenance import made_by
from placeprint.features.delf import DELF
from placeprint.features.sift import SIFT
from placeprint.networks.delf import Attention, DELFNetwork, delf_as_bytes, principal_axes
from placeprint.networks.stages import load_stages
from placeprint.networks.weights import weights_sha256
from placeprint.photos import read_image, resize
from placeprint.training.recipe import load_recipe
from placeprint.types import Floats, Image, LocalFeatures

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
COUNTS = (50, 100, 200, 400)
SIZES = {"grocery": 192, "sf_landmarks": 320, "corridor": 160}
EACH = 12
ALL = 1_000_000
Relevant = NDArray[np.bool_]
Chosen = Callable[[LocalFeatures, Image, int, int], LocalFeatures]


def held_out() -> tuple[LabeledPhotos, LabeledPhotos]:
    """Return the database and the queries of the classes that both steps left out."""
    recipe = load_recipe("delf-attention-grocery")
    whole = read_label_list(DATA / "grocery" / "train.txt")
    database = split_classes(whole, recipe.data.hold_out_classes, recipe.seed)[1]
    rows = [
        np.flatnonzero(database.labels == label)[evenly(count, EACH)] for label, count in enumerate(database.counts())
    ]
    queries = read_label_list(DATA / "grocery" / "val.txt")
    return database[np.sort(np.concatenate(rows))], queries[
        np.array([queries.classes[label] in database.classes for label in queries.labels])
    ]


def photos_of(dataset: str) -> tuple[list[Path], list[Path], Relevant]:
    """Return paths of queries and database, and ``(queries, database)`` which are right."""
    if dataset == "grocery":
        database, queries = held_out()
        right = queries.labels_among(database.classes)[:, None] == database.labels
        return [queries.root / path for path in queries.paths], [database.root / path for path in database.paths], right
    folder = read_place_folder(DATA / dataset)
    right = np.zeros((len(folder.queries), len(folder.database)), bool)
    for row, positives in enumerate(folder.positives):
        right[row] = [path in positives for path in folder.database]
    return [folder.root / path for path in folder.queries], [folder.root / path for path in folder.database], right


def untrained(folder: Path) -> str:
    """Write the network of the same backbone as it comes; return its path."""
    backbone = load_stages("efficientnet-lite2", last_stage=5)
    network = DELFNetwork(backbone, Attention(backbone.channels, 1), 40).eval()
    recipe = load_recipe("delf-attention-grocery")
    train = split_classes(read_label_list(DATA / "grocery" / "train.txt"), recipe.data.hold_out_classes, recipe.seed)[0]
    cells = []
    with torch.inference_mode():
        for row in evenly(len(train), 200):
            picture = resize(read_image(train.root / train.paths[row]), recipe.model.size)
            found = backbone(torch.from_numpy(picture).permute(2, 0, 1)[None].float())
            cells.append(torch.nn.functional.normalize(found, dim=1)[0].flatten(1).T)
    mean, axes = principal_axes(torch.cat(cells), 40)
    network.mean.copy_(mean)
    network.axes.copy_(axes)
    path = folder / "untrained.safetensors"
    path.write_bytes(delf_as_bytes(network, "efficientnet-lite2"))
    return str(path)


def cells_of(paths: Sequence[Path], network: str, size: int, cache: Path) -> list[LocalFeatures]:
    """Return all cells of photos, kept in a folder between runs."""
    key = hashlib.sha256(repr((weights_sha256(network), size, [str(path) for path in paths])).encode()).hexdigest()[:16]
    file = cache / f"{key}.npz"
    extractor = DELF(network=network, size=size, max_keypoints=ALL)
    if not file.is_file():
        found = [extractor.extract(read_image(path)) for path in paths]
        parts: dict[str, list[NDArray[Any]]] = {
            "keypoints": [f.keypoints for f in found],
            "descriptors": [f.descriptors for f in found],
        }
        parts |= {"scores": [f.scores for f in found], "scales": [f.scales for f in found if f.scales is not None]}
        parts |= {"lengths": [np.array(len(f)) for f in found], "sizes": [np.array(f.image_size) for f in found]}
        joined = {
            name: (np.stack if name in {"lengths", "sizes"} else np.concatenate)(each) for name, each in parts.items()
        }
        write_arrays(file, joined)
    with np.load(file) as kept:
        arrays = {name: kept[name] for name in kept}
    cuts = np.cumsum(arrays["lengths"])[:-1]
    split = {name: np.split(arrays[name], cuts) for name in ("keypoints", "descriptors", "scores", "scales")}
    return [
        LocalFeatures(k, d, s, (int(size[0]), int(size[1])), c)
        for k, d, s, c, size in zip(*split.values(), arrays["sizes"], strict=True)
    ]


def by_attention(features: LocalFeatures, image: Image, count: int, seed: int) -> LocalFeatures:
    return features.strongest(count)


def at_random(features: LocalFeatures, image: Image, count: int, seed: int) -> LocalFeatures:
    return features[np.random.default_rng(seed).permutation(len(features))[:count]]


@functools.cache
def sift_of(pixels: bytes, shape: tuple[int, ...]) -> LocalFeatures:
    """Return the SIFT keypoints of a photo, found once for all counts."""
    image = np.frombuffer(pixels, np.uint8).reshape(shape)
    return SIFT(max_keypoints=10 * max(COUNTS), size=max(shape[:2])).extract(image)


def by_sift(features: LocalFeatures, image: Image, count: int, seed: int) -> LocalFeatures:
    assert features.scales is not None
    found = sift_of(image.tobytes(), image.shape)
    assert found.scales is not None
    sides = np.unique(features.scales)
    level = np.abs(np.log(found.scales[:, None] / sides)).argmin(axis=1)
    chosen: dict[int, None] = {}
    for point, side in zip(found.keypoints, sides[level], strict=True):
        rows = np.flatnonzero(features.scales == side)
        chosen[int(rows[np.square(features.keypoints[rows] - point).sum(axis=1).argmin()])] = None
        if len(chosen) == count:
            break
    return features[np.array(list(chosen), np.intp)]


WAYS: dict[str, Chosen] = {"attention": by_attention, "random": at_random, "sift": by_sift}


def scores(query: Floats, database: Sequence[Floats]) -> NDArray[np.float64]:
    """Return the score of each photo of the database; see the module."""
    found = np.zeros(len(database))
    for row, other in enumerate(database):
        cosines = query @ other.T
        if not cosines.size:
            continue
        there, back = cosines.argmax(axis=1), cosines.argmax(axis=0)
        mutual = back[there] == np.arange(len(query))
        found[row] = (np.maximum(cosines[mutual, there[mutual]], 0).astype(np.float64) ** 3).sum()
    return found


def recall(way: str, count: int, photos: Sequence[Sequence[tuple[LocalFeatures, Image]]], right: Relevant) -> float:
    chosen = [
        [WAYS[way](features, image, count, 2 * row + side).descriptors for row, (features, image) in enumerate(part)]
        for side, part in enumerate(photos)
    ]
    best = [int(scores(query, chosen[1]).argmax()) for query in chosen[0]]
    return float(right[np.arange(len(best)), best].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="delf-grocery")
    parser.add_argument("--cache", type=Path, help="folder for features, so that they are not extracted again")
    parser.add_argument("--only", choices=SIZES, help="measure these photos, and keep the other rows of the results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        cache = options.cache or Path(folder)
        cache.mkdir(parents=True, exist_ok=True)
        networks = {"trained": options.network, "untrained": untrained(Path(folder))}
        for dataset, size in SIZES.items():
            if options.only not in {None, dataset}:
                continue
            queries, database, right = photos_of(dataset)
            images = [[read_image(path) for path in part] for part in (queries, database)]
            for name, network in networks.items():
                photos = [
                    list(zip(cells_of(part, network, size, cache), seen, strict=True))
                    for part, seen in zip((queries, database), images, strict=True)
                ]
                for way in WAYS if name == "trained" else ("random",):
                    for count in COUNTS:
                        found = recall(way, count, photos, right)
                        about = {"queries": len(queries), "database": len(database), "size": size}
                        row = {"dataset": dataset, "network": name, "selection": way, "keypoints": count}
                        rows.append({**row, "recall@1": found, **about})
                        print(row, round(100 * found, 1), flush=True)
    weights, path = weights_sha256(options.network), RESULTS / "delf.json"
    before: dict[str, Any] = {"weights": weights, "rows": []}
    if path.is_file() and options.only:
        before = json.loads(path.read_text())
    if before["weights"] != weights:
        parser.error("the results are of another network; measure all photos")
    rows += [row for row in before["rows"] if row["dataset"] != options.only]
    rows.sort(key=lambda row: list(SIZES).index(row["dataset"]))
    result = {"format": 1, "made_by": made_by(), "weights": weights, "rows": rows}
    path.write_text(json.dumps(result, allow_nan=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
