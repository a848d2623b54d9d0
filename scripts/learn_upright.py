"""Learn to estimate which way is up, for `placeprint.features.upright`.

    python scripts/learn_upright.py [--check]

Each photo is learned from in four rotations, also mirrored and tilted by 20 degrees. Photos: frames of ie_tower (MIT),
photos of grocery (MIT), the street walk, the cathedral and the beach from above of gps (BSD-2), and buildings of
oxford_affine and pairs. No photo of a benchmark that placeprint reports on (sf_landmarks, corridor) is used.
PLACEPRINT_DATA says where they are.

With --check, nothing is written. Each kind of photos is estimated by a model that was learned without it, and those of
the benchmarks by the shipped one: how often the most probable rotation is right, the mean negative log probability of
the right one (1.39 for knowing nothing), and how often a right and a wrong rotation get at least 0.9. The beach has no
up, but the photos of one flight share a direction.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from placeprint.core.numerics import evenly
from placeprint.features.upright import OUTPUT, SIDE, four_rotations, joined, predictions, quadrant_means
from placeprint.photos import crop_image, find_photos, read_image, resize, rotate_image
from placeprint.types import Floats, Image

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[2] / "shared" / "data"))
TILT = 20
"""Degrees."""
RIDGE = 1e-4
"""Weight of the squared length of the parameters, which belong to standardized inputs divided by the root of their
number. The estimates for sets that were left out are about as good from 3e-5 to 3e-4."""
SPREAD = 1e-3
"""Added to the deviation of an input."""
STEPS = 200
"""Most iterations of L-BFGS."""
LARGER = 2 * SIDE
SURE = 0.9


@dataclass(frozen=True)
class Kind:
    """Photos of one kind.

    Args:
        folders: where they are.
        count: at most so many of each folder, spread evenly.
        up: whether they have an up.
    """

    folders: tuple[str, ...]
    count: int
    up: bool = True


LEARNED = {
    "ie_tower": Kind(("ie_tower/processed_frames",), 250),
    "grocery": Kind(("grocery/train",), 200),
    "lund": Kind(("gps/lund",), 29),
    "buildings": Kind(("gps/berlin", "pairs", *(f"oxford_affine/{name}" for name in ("bikes", "leuven", "graf"))), 2),
    "brighton_beach": Kind(("gps/brighton_beach",), 18, up=False),
}
NEVER_LEARNED = {"sf_landmarks": Kind(("sf_landmarks/queries",), 101), "corridor": Kind(("corridor/queries",), 111)}


def views(image: Image) -> list[Image]:
    """Return a photo as it is, tilted to both sides without black corners, and mirrored; squares of `LARGER` pixels."""
    square = resize(image, (LARGER, LARGER))
    tilted = []
    for degrees in (-TILT, TILT):
        whole, radians = rotate_image(square, degrees), np.radians(TILT)
        inside = LARGER / (np.cos(radians) + np.sin(radians))
        margin = (len(whole) - inside) / 2
        tilted.append(crop_image(whole, (margin, margin, margin + inside, margin + inside)))
    return [square, *tilted, np.ascontiguousarray(square[:, ::-1])]


def means_of(kind: Kind) -> Floats:
    """Return ``(photos, views, 4, d)`` float32: the network's means of all photos of a kind, in four rotations."""
    means: list[list[Floats]] = []
    for folder in kind.folders:
        paths = list(find_photos([DATA / folder]))
        chosen = [read_image(paths[index]) for index in evenly(len(paths), min(kind.count, len(paths)))]
        means += [[quadrant_means(four_rotations(view)) for view in views(image)] for image in chosen]
    return np.array(means, np.float32)


def learn(found: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Return the ``(d, 4)`` weights and the ``(4,)`` bias learned from `means_of` kinds.

    All photos of a kind together weigh the root of their number, so that no kind decides alone.
    """
    rows = np.concatenate([means.reshape(-1, means.shape[-1]) for means in found.values()])
    right = np.concatenate(
        [
            np.resize(np.eye(4) if LEARNED[name].up else np.full((4, 4), 0.25), (means[..., 0].size, 4))
            for name, means in found.items()
        ]
    )
    weight = np.concatenate([np.full(means[..., 0].size, len(means) ** -0.5) for means in found.values()])
    average, spread = rows.mean(axis=0), rows.std(axis=0) + SPREAD
    scale = spread * rows.shape[1] ** 0.5
    inputs, targets, weights = (
        torch.from_numpy(np.asarray(each, np.float32))
        for each in ((rows - average) / scale, right, weight / weight.sum())
    )
    slopes, bias = torch.zeros(rows.shape[1], 4, requires_grad=True), torch.zeros(4, requires_grad=True)
    optimizer = torch.optim.LBFGS([slopes, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logs = torch.log_softmax(inputs @ slopes + bias, dim=1)
        value = RIDGE * (slopes**2).sum() - ((logs * targets).sum(dim=1) * weights).sum()
        value.backward()  # type: ignore[no-untyped-call]  # torch's
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]  # torch's
    found_slopes = slopes.detach().numpy() / scale[:, None]
    return found_slopes, bias.detach().numpy() - average @ found_slopes


def report(name: str, means: Floats, model: tuple[Floats, Floats]) -> None:
    """Print how good the estimates for a kind are."""
    rotated = np.array([joined(predictions(photo[0], *model)) for photo in means])
    surest = rotated.max(axis=1) >= SURE
    print(
        f"{name}: {len(rotated)} photos, right {(rotated.argmax(axis=1) == 0).mean():.2f}, "
        f"-log p {-np.log(rotated[:, 0]).mean():.2f}, sure and right {(rotated[:, 0] >= SURE).mean():.2f}, "
        f"sure and wrong {(surest & (rotated[:, 0] < SURE)).mean():.3f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    found = {name: means_of(kind) for name, kind in LEARNED.items()}
    if not parser.parse_args().check:
        weights, bias = learn(found)
        np.savez_compressed(OUTPUT, weights=weights.astype(np.float16), bias=bias.astype(np.float16))
        print(f"{weights.shape} learned from {sum(map(len, found.values()))} photos")
        return
    for name, means in found.items():
        report(name, means, learn({other: rest for other, rest in found.items() if other != name}))
    for name, kind in NEVER_LEARNED.items():
        report(name, means_of(kind), learn(found))


if __name__ == "__main__":
    main()
