"""Make the figures of docs/concepts, from sample photos that may be published.

python scripts/make_concept_figures.py [NAME ...]
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray

from placeprint.core import registry
from placeprint.datasets.photos.sample_photos import PLACES, SECOND_VIEWS, read_samples, rephotograph
from placeprint.networks.deconvnet import activations, load_network, reconstruct
from placeprint.types import Image
from placeprint.visualization.canvas import BAND
from placeprint.visualization.descriptors import draw_descriptors
from placeprint.visualization.inspection import area_of, common_side, draw_units, pieces

FIGURES = Path(__file__).parents[1] / "docs" / "images" / "concepts"
SAMPLES = {name: PLACES[name] for name in ("temple", "coffee", "motorcycle", "flower", "coins", "camera")}
Values = NDArray[np.float64]
TEAL, ORANGE, GRAY = "#00796b", "#e64a19", "#9e9e9e"


def panels(count: int, height: float = 2.6, width: float = 10.0) -> tuple[Any, list[Any]]:
    """Return a figure with panels side by side."""
    figure, axes = plt.subplots(1, count, figsize=(width, height), squeeze=False, layout="constrained")
    return figure, list(axes[0])


def show(axis: Any, picture: Any, title: str, **options: Any) -> None:
    """Show a picture without ticks."""
    axis.imshow(picture, **options)
    axis.set_title(title)
    axis.set_xticks([])
    axis.set_yticks([])


def save(name: str, figure: Any) -> None:
    """Write a figure as WebP."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()
    figure.savefig(file, dpi=100)
    plt.close(figure)
    PIL.Image.open(file).convert("RGB").save(FIGURES / f"{name}.webp", quality=82, method=6)


def gray(name: str) -> Values:
    """Return a sample photo in gray levels."""
    return np.asarray(read_samples({name: SAMPLES[name]})[name].mean(axis=2), np.float64)


def gradients() -> None:
    photo = gray("temple")[:400, :520]
    smooth = cv2.GaussianBlur(photo, (0, 0), 1.5)
    down, right = np.gradient(smooth)
    length = np.hypot(right, down)
    wheel = np.stack([np.degrees(np.arctan2(down, right)) % 360 / 2, np.full_like(length, 255), length * 12], axis=2)
    colors = cv2.cvtColor(np.clip(wheel, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)
    figure, axes = panels(4, 2.3)
    show(axes[0], photo, "photo", cmap="gray")
    show(axes[1], length, "length of the gradient", cmap="gray", vmax=25)
    show(axes[2], colors, "direction as color")
    show(axes[3], cv2.Laplacian(smooth, cv2.CV_64F), "Laplacian (gray is 0)", cmap="gray", vmin=-12, vmax=12)
    save("gradients", figure)


def fourier() -> None:
    photo = gray("flower")[:400, :400]
    x = np.arange(400)
    stripes = 128 + 100 * np.cos(2 * np.pi * 20 * (x[:, None] * 0.5 + x) / 400)
    figure, grid = plt.subplots(2, 4, figsize=(10, 5.2), layout="constrained")
    window = np.outer(np.hanning(400), np.hanning(400))
    pictures = (
        ("a photo", photo),
        ("its borders faded out", (photo - photo.mean()) * window + photo.mean()),
        ("blurred", cv2.GaussianBlur(photo, (0, 0), 4)),
        ("stripes", stripes),
    )
    for column, (title, picture) in enumerate(pictures):
        show(grid[0, column], picture, title, cmap="gray")
        spectrum = np.abs(np.fft.fftshift(np.fft.fft2(picture - picture.mean())))
        show(
            grid[1, column], np.log1p(spectrum)[100:300, 100:300], "log of the magnitude", cmap="gray", vmin=4, vmax=14
        )
    save("fourier", figure)


def sift() -> None:
    patch = cv2.resize(gray("temple")[168:200, 130:162], (16, 16), interpolation=cv2.INTER_AREA)
    down, right = np.gradient(patch)
    figure, axes = panels(3, 3.3)
    show(axes[0], patch, "a patch and its gradients", cmap="gray")
    axes[0].quiver(right, -down, color=ORANGE, angles="uv", width=0.006)
    show(axes[1], np.full_like(patch, 255), "4 x 4 cells, 8 directions each", cmap="gray", vmin=0, vmax=255)
    turn = np.arctan2(down, right) % (2 * np.pi)
    for row, column in np.ndindex(4, 4):
        part = slice(4 * row, 4 * row + 4), slice(4 * column, 4 * column + 4)
        bins, _ = np.histogram(turn[part], 8, (0, 2 * np.pi), weights=np.hypot(right, down)[part])
        for number, value in enumerate(bins / np.hypot(right, down).sum() * 28):
            angle = (number + 0.5) * np.pi / 4
            start = 4 * column + 1.5, 4 * row + 1.5
            axes[1].plot(
                *zip(start, (start[0] + value * np.cos(angle), start[1] + value * np.sin(angle)), strict=True),
                color=TEAL,
            )
    for edge in (3.5, 7.5, 11.5):
        axes[1].axhline(edge, color=GRAY, lw=0.6)
        axes[1].axvline(edge, color=GRAY, lw=0.6)
    x = np.linspace(0, 3, 301)
    for number in range(4):
        axes[2].plot(x, np.maximum(0, 1 - np.abs(x - number)), color=TEAL, lw=2)
        axes[2].plot(x, np.rint(x) == number, color=ORANGE, lw=0.8, ls="--")
    axes[2].set_title("share of each cell: shared, and hard (dashed)")
    axes[2].set_xlabel("position, in cells")
    save("sift", figure)


def patches() -> None:
    numbers = np.arange(48).reshape(6, 8)
    patch = (np.arange(6)[:, None] // 2) * 4 + np.arange(8) // 2
    figure, axes = panels(2, 2.9, 9.0)
    for axis, shape, title in (
        (axes[0], (6, 8), "the picture: 6 x 8 pixels"),
        (axes[1], (4, 12), "the memory: one row after the other, wrapped at 12"),
    ):
        show(axis, patch.reshape(shape), title, cmap="tab20")
        for row, column in np.ndindex(*shape):
            axis.text(column, row, str(numbers.reshape(shape)[row, column]), ha="center", va="center", fontsize=8)
    save("patches", figure)


def ratio_test() -> None:
    first = read_samples({"temple": PLACES["temple"]})["temple"]
    second, homography = rephotograph(first, corners=0.15, exposure=0.7, blur=1.0, seed=1)
    detector = cv2.SIFT_create(800)  # type: ignore[attr-defined]  # OpenCV's stubs lack it
    (one, rows), (two, others) = (detector.detectAndCompute(photo, None) for photo in (first, second))
    distances = np.sqrt(np.maximum(0, ((rows[:, None] - others[None]) ** 2).sum(axis=2)))
    order = distances.argsort(axis=1)[:, :2]
    nearest, following = np.take_along_axis(distances, order, axis=1).T
    places = np.array([point.pt for point in one])
    expected = cv2.perspectiveTransform(places[:, None], homography)[:, 0]
    right = np.linalg.norm(np.array([point.pt for point in two])[order[:, 0]] - expected, axis=1) < 4
    figure, axes = panels(2, 2.8)
    for axis, values, title in ((axes[0], nearest, "distance"), (axes[1], nearest / following, "ratio of distances")):
        edges = np.linspace(0, values.max(), 31)
        axis.hist(values[right], edges, color=TEAL, alpha=0.7, label="right matches")
        axis.hist(values[~right], edges, color=ORANGE, alpha=0.6, label="wrong matches")
        axis.set_title(title)
        axis.legend()
    axes[1].axvline(0.8, color="black", lw=1, ls="--")
    save("ratio-test", figure)


def descriptors() -> None:
    extractor = registry.create("extractors", "sift", {"max_keypoints": 300, "upright": True})
    first = extractor.extract(read_samples({"motorcycle": PLACES["motorcycle"]})["motorcycle"])
    second = extractor.extract(read_samples(SECOND_VIEWS)["motorcycle"])
    words = np.random.default_rng(0).choice(len(first), 8, replace=False)
    order = np.argsort((first.descriptors @ first.descriptors[words].T).argmax(axis=1), kind="stable")
    cosines = first.descriptors[order] @ second.descriptors.T
    figure, axes = panels(3, 3.6)
    show(axes[0], draw_descriptors(first.descriptors, zoom=1), "one row per keypoint, as they come", aspect="auto")
    show(axes[1], draw_descriptors(first.descriptors[order], zoom=1), "the same, sorted by visual word", aspect="auto")
    show(axes[2], cosines, "cosines with the other photo", cmap="magma", vmin=0.4, aspect="auto")
    save("descriptors", figure)


def vlad() -> None:
    generator = np.random.default_rng(2)
    centers = np.array([[0.0, 0.0], [3.2, 0.4], [1.2, 2.8]])
    points = (centers[:, None] + generator.normal(0.25, 0.75, (3, 12, 2))).reshape(-1, 2)
    words = ((points[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
    figure, axes = panels(4, 2.7)
    colors = np.array([TEAL, ORANGE, "#5e35b1"])
    for point, word in zip(points, words, strict=True):
        axes[0].plot(*zip(centers[word], point, strict=True), color=colors[word], lw=0.7)
    for word, center in enumerate(centers):
        axes[0].annotate(
            "",
            center + (points[words == word] - center).sum(axis=0) / 4,
            center,
            arrowprops={"color": "black", "width": 1.2, "headwidth": 7},
        )
    axes[0].scatter(*points.T, c=colors[words], s=12)
    axes[0].set_title("residuals and their sums / 4")
    x, y = np.meshgrid(np.linspace(-2, 5, 200), np.linspace(-2, 5, 200))
    squares = ((np.stack([x, y], axis=-1)[:, :, None] - centers) ** 2).sum(axis=-1)
    shades = np.array([matplotlib.colors.to_rgb(color) for color in colors])
    for axis, alpha in zip(axes[1:], (0.1, 1.0, 20.0), strict=True):
        weights = np.exp(-alpha * (squares - squares.min(axis=-1, keepdims=True)))
        weights /= weights.sum(axis=-1, keepdims=True)
        axis.imshow(weights @ shades, origin="lower", extent=(-2, 5, -2, 5))
        axis.set_title(f"soft weights, alpha {alpha:g}")
    for axis in axes:
        axis.scatter(*centers.T, c="black", marker="x", s=50)
        axis.set(xlim=(-2, 5), ylim=(-2, 5), aspect="equal", xticks=[], yticks=[])
    save("vlad", figure)


def layers() -> None:
    sides = np.array([16, 32, 64, 128, 224, 320])
    figure, axes = panels(2, 2.9, 9.0)
    axes[0].loglog(sides, 3 * sides**2 * 100 + 100, "o-", color=ORANGE, label="linear layer, 100 outputs")
    axes[0].loglog(sides, np.full(len(sides), 5418), "o-", color=TEAL, label="two convolutions, pooling, linear layer")
    axes[0].set(title="parameters", xlabel="side of the picture in pixels")
    axes[0].legend()
    x = np.array([1.0, 5.0, 2.0])
    for number, (name, gradient) in enumerate(
        {"sum": np.ones(3), "mean": np.ones(3) / 3, "max": (x == x.max()) * 1.0}.items()
    ):
        axes[1].bar(np.arange(3) + 0.27 * (number - 1), gradient, 0.25, label=name, color=(TEAL, GRAY, ORANGE)[number])
    axes[1].set(title="gradient for each input", xticks=range(3), xticklabels=["1", "5", "2"], xlabel="input")
    axes[1].legend()
    save("layers", figure)


def batch_norm() -> None:
    torch.manual_seed(0)
    layer = torch.nn.BatchNorm1d(1, affine=False)
    batches = [torch.randn(400, 1) * deviation + mean for mean, deviation in ((0, 1.0), (6, 2.0))]
    figure, axes = panels(3, 2.6)
    for batch, color in zip(batches, (TEAL, ORANGE), strict=True):
        axes[0].hist(batch[:, 0].numpy(), 40, color=color, alpha=0.6)
        axes[1].hist(layer(batch)[:, 0].numpy(), 40, color=color, alpha=0.6)
    axes[0].set_title("two batches of a channel")
    axes[1].set_title("both after the layer, in training")
    maps = torch.nn.BatchNorm2d(1, affine=False)
    dark, bright = torch.rand(1, 1, 8, 8), torch.rand(1, 1, 8, 8) + 5
    alone = [maps(each).flatten().numpy() for each in (dark, bright)]
    together = maps(torch.cat([dark, bright])).flatten(1).numpy()
    axes[2].boxplot([*alone, *together], widths=0.5)
    axes[2].set_xticklabels(["dark,\nalone", "bright,\nalone", "dark,\ntogether", "bright,\ntogether"], fontsize=8)
    axes[2].set_title("a batch of one forgets brightness")
    save("batch-norm", figure)


def gem() -> None:
    x = np.array([0.1, 0.2, 0.4, 1.0, 3.0])
    powers = np.geomspace(1, 100, 60)
    means = np.array([(x**p).mean() ** (1 / p) for p in powers])
    shares = np.array([(x / mean) ** (p - 1) for p, mean in zip(powers, means, strict=True)])
    shares /= shares.sum(axis=1, keepdims=True)
    figure, axes = panels(2, 2.8, 9.0)
    axes[0].semilogx(powers, means, color=TEAL, lw=2)
    axes[0].axhline(x.mean(), color=GRAY, ls="--")
    axes[0].axhline(x.max(), color=ORANGE, ls="--")
    axes[0].set(title="from the mean to the maximum", xlabel="p")
    for value, share in zip(x, shares.T, strict=True):
        axes[1].semilogx(powers, share, label=f"cell with {value:g}")
    axes[1].set(title="share of the gradient", xlabel="p")
    axes[1].legend(fontsize=8)
    save("gem", figure)


def cgd() -> None:
    figure, (axis,) = panels(1, 2.7, 9.0)
    axis.axis("off")
    axis.set(xlim=(0, 10), ylim=(0, 3))
    style = {"boxstyle": "round,pad=0.4", "fc": "#e0f2f1", "ec": TEAL}

    def box(x: float, y: float, text: str, **options: object) -> None:
        axis.text(x, y, text, ha="center", va="center", fontsize=10, bbox=style | options)

    def arrow(start: tuple[float, float], end: tuple[float, float]) -> None:
        axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "#555"})

    box(0.7, 1.5, "photo")
    box(2.2, 1.5, "backbone\none map")
    arrow((1.1, 1.5), (1.6, 1.5))
    for y, letter in ((2.6, "S"), (1.5, "M"), (0.4, "G")):
        box(3.9, y, letter)
        box(5.9, y, "linear, unit length")
        arrow((2.8, 1.5), (3.65, y))
        arrow((4.15, y), (4.95, y))
        arrow((6.85, y), (7.75, 1.5))
    box(8.7, 1.5, "joined:\ndescriptor\n(ranking loss)")
    box(8.7, 2.75, "classifier, in training only", fc="#fbe9e7", ec=ORANGE)
    axis.annotate(
        "",
        (7.2, 2.8),
        (4.1, 2.75),
        arrowprops={"arrowstyle": "->", "color": ORANGE, "connectionstyle": "arc3,rad=-0.12"},
    )
    save("cgd", figure)


def delf() -> None:
    from placeprint.presets import load_preset
    from placeprint.visualization.attention import draw_attention

    photo = read_samples({"coffee": PLACES["coffee"]})["coffee"]
    spec = load_preset("delf-votes").extractors[0]
    extractor = registry.create("extractors", spec.name, {**spec.options, "max_keypoints": 100})
    features = extractor.extract(photo)
    figure, axes = panels(3, 2.5)
    show(axes[0], photo, "photo")
    show(axes[1], draw_attention(photo, extractor.attention(photo))[BAND:], "attention of its cells")
    show(axes[2], photo, "the 100 cells with the most")
    axes[2].scatter(*features.keypoints.T, s=30, facecolors="none", edgecolors=ORANGE, linewidths=0.8)
    save("delf", figure)


def deconvolution() -> None:
    network = load_network("efficientnet-lite2")
    photos = [photo[::2, ::2] for photo in read_samples(SAMPLES).values() if photo.shape[0] > 300]
    scores = np.stack([activations(network, photo[None], "blocks.14")[0].max(axis=(1, 2)) for photo in photos])
    units = np.argsort(-np.sort(scores, axis=0)[-2:].mean(axis=0))[:6]
    rows: list[tuple[str, list[tuple[Image, Image]]]] = []
    for unit in units:
        best = np.argsort(-scores[:, unit])[:4]
        signals = [reconstruct(network, photos[number], "blocks.14", int(unit), rule="guided")[0] for number in best]
        areas = [area_of(signal) for signal in signals]
        side = common_side(areas)
        cut = [pieces(photos[n], signal, area, side) for n, signal, area in zip(best, signals, areas, strict=True)]
        rows.append((f"unit {unit}", cut))
    FIGURES.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(np.hstack([draw_units(rows[:3]), draw_units(rows[3:])])).save(
        FIGURES / "deconvolution.webp", quality=82, method=6
    )


ALL: dict[str, Callable[[], None]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        gradients,
        fourier,
        sift,
        patches,
        ratio_test,
        descriptors,
        vlad,
        layers,
        batch_norm,
        gem,
        cgd,
        delf,
        deconvolution,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="*", metavar="NAME", help=f"{', '.join(ALL)}; by default all")
    plt.rcParams.update({"font.size": 9, "axes.titlesize": 9, "axes.spines.top": False, "axes.spines.right": False})
    matplotlib.use("Agg")
    for name in parser.parse_args().figures or ALL:
        ALL[name]()


if __name__ == "__main__":
    main()
