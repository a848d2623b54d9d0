"""Augmentation: form, chance, strengths, and what each step does to a picture."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import numpy as np
import pytest

from placeprint.errors import OptionError, PhotoError
from placeprint.training.data.augmentation import Augmentation, generator_of
from tests.conftest import make_scene

NOTHING = Augmentation(
    size=(64, 48),
    area=(1.0, 1.0),
    ratio=(1.0, 1.0),
    corners=0,
    brightness=0,
    contrast=0,
    saturation=0,
    hue=0,
    blur_chance=0,
    noise=0,
    jpeg_chance=0,
)
SCENE = np.ascontiguousarray(make_scene(0)[:192:4, :256:4])


def preset(name: str, size: tuple[int, int] = (224, 224)) -> Augmentation:
    """Return a preset for pictures of a size."""
    return replace(Augmentation.from_table({"preset": name}), size=size)


def _made(augmentation: Augmentation, count: int = 40) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    return [augmentation.apply(SCENE, generator_of(0, 0, photo)) for photo in range(count)]


def test_without_strengths_a_picture_stays_as_it_is() -> None:
    assert np.array_equal(NOTHING.apply(SCENE, generator_of(0, 0, 0)), SCENE)


@pytest.mark.parametrize("augmentation", [preset("weak", (37, 53)), preset("strong", (37, 53))], ids=["weak", "strong"])
@pytest.mark.parametrize("shape", [(37, 53, 3), (480, 20, 3), (16, 16, 3), (20, 300), (240, 320, 3)])
def test_any_picture_becomes_one_of_the_size(augmentation: Augmentation, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    before = image.copy()
    for photo in range(8):
        seen = augmentation.apply(image, generator_of(0, 0, photo))
        assert seen.shape == (53, 37, 3)
        assert seen.dtype == np.uint8
        assert seen.flags.c_contiguous
    assert np.array_equal(image, before)


def test_seed_epoch_and_photo_decide() -> None:
    augmentation = preset("strong", (64, 48))
    first = augmentation.apply(SCENE, generator_of(1, 2, 3))
    assert np.array_equal(first, augmentation.apply(SCENE, generator_of(1, 2, 3)))
    for numbers in ((2, 2, 3), (1, 3, 3), (1, 2, 4)):
        assert not np.array_equal(first, augmentation.apply(SCENE, generator_of(*numbers)))


def test_strong_changes_a_picture_more_than_weak() -> None:
    means = [
        np.mean([np.abs(seen.astype(float) - SCENE).mean() for seen in _made(augmentation)])
        for augmentation in (NOTHING, preset("weak", (64, 48)), preset("strong", (64, 48)))
    ]
    assert means[0] == 0 < means[1] * 1.2 < means[2]


def test_places_are_not_mirrored_unless_asked() -> None:
    assert preset("weak").flip == preset("strong").flip == 0
    mirrored = _made(replace(NOTHING, flip=0.5), 60)
    as_they_are = [np.array_equal(seen, SCENE) for seen in mirrored]
    assert all(same or np.array_equal(seen, SCENE[:, ::-1]) for same, seen in zip(as_they_are, mirrored, strict=True))
    assert 15 < sum(as_they_are) < 45


def test_parts_have_the_wanted_area_and_shape() -> None:
    ramp = np.zeros((120, 160, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(160), np.arange(120)[:, None]
    augmentation = replace(NOTHING, size=(160, 120), area=(0.3, 0.6), ratio=(0.8, 1.25))
    shares, ratios = [], []
    for photo in range(60):
        seen = augmentation.apply(ramp, generator_of(0, 0, photo)).astype(float)
        width, height = np.ptp(seen[..., 0]) + 1, np.ptp(seen[..., 1]) + 1
        shares.append(width * height / (160 * 120))
        ratios.append((width / height) / (160 / 120))
    assert 0.27 < min(shares) < 0.36
    assert 0.54 < max(shares) < 0.63
    assert 0.75 < min(ratios) < 0.9
    assert 1.1 < max(ratios) < 1.35


def test_colors_stay_near_what_they_were() -> None:
    flat = np.full((48, 64, 3), (120, 90, 60), np.uint8)
    steps = {
        "brightness": replace(NOTHING, brightness=0.2),
        "contrast": replace(NOTHING, contrast=0.2),
        "saturation": replace(NOTHING, saturation=0.2),
    }
    for name, step in steps.items():
        pictures = [step.apply(flat, generator_of(0, 0, n)).astype(float) for n in range(50)]
        light = np.array([picture.mean() for picture in pictures])
        chroma = np.array([picture[..., 0].mean() - picture[..., 2].mean() for picture in pictures])
        if name == "brightness":
            assert 0.8 * 90 - 1 < light.min() < 0.9 * 90
            assert 1.1 * 90 < light.max() < 1.2 * 90 + 1
        elif name == "saturation":
            assert 0.8 * 60 - 1 < chroma.min() < 0.9 * 60
            assert 1.1 * 60 < chroma.max() < 1.2 * 60 + 1
        else:
            assert 0.8 * 60 - 1 < chroma.min() < chroma.max() < 1.2 * 60 + 1


def test_hue_turns_colors_and_leaves_their_lightness() -> None:
    flat = np.full((48, 64, 3), (200, 100, 100), np.uint8)
    turned = [replace(NOTHING, hue=60).apply(flat, generator_of(0, 0, n)).astype(int) for n in range(40)]
    assert all((each.max(), each.min()) == (200, 100) for each in turned)
    greens = [each[0, 0, 1] for each in turned]
    assert max(greens) > 180
    assert any(each[0, 0, 2] > 180 for each in turned)


def test_blur_noise_and_jpeg_do_what_they_say() -> None:
    def edges(augmentation: Augmentation) -> float:
        return float(np.mean([np.abs(np.diff(seen.astype(float), axis=1)).mean() for seen in _made(augmentation)]))

    def change(augmentation: Augmentation) -> float:
        return float(np.mean([np.abs(seen.astype(float) - SCENE).mean() for seen in _made(augmentation)]))

    assert edges(replace(NOTHING, blur=3, blur_chance=1.0)) < 0.8 * edges(NOTHING)
    assert edges(replace(NOTHING, noise=30)) > 1.2 * edges(NOTHING)
    coarse, fine = (change(replace(NOTHING, jpeg_quality=quality, jpeg_chance=1.0)) for quality in (5, 95))
    assert 0 < fine < coarse


def test_nights_are_darker_than_days() -> None:
    flat = np.full((48, 64, 3), 180, np.uint8)
    nights = [replace(NOTHING, night=1.0).apply(flat, generator_of(0, 0, n)) for n in range(40)]
    medians = [np.median(night) for night in nights]
    assert np.median(medians) < 100
    assert max(night.max() for night in nights) > 150  # lamps
    days = [replace(NOTHING, night=0.3).apply(flat, generator_of(0, 0, n)) for n in range(60)]
    assert 30 <= sum(np.array_equal(flat, day) for day in days) < 54


def test_tables_of_toml_are_read() -> None:
    table = tomllib.loads('preset = "strong"\nsize = [320, 240]\narea = [0.5, 1]\nnight = 0\nhue = 10')
    found = Augmentation.from_table(table)
    assert found == replace(preset("strong", (320, 240)), area=(0.5, 1), night=0, hue=10)
    assert Augmentation.from_table({}) == preset("weak")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"blurr": 1}, "no parameter 'blurr'; did you mean 'blur'"),
        ({"preset": "wild"}, "augmentation.preset must be one of weak, strong, got 'wild'"),
        ({"flip": "often"}, "flip must be a number from 0 to 1, got 'often'"),
        ({"flip": True}, "flip must be a number from 0 to 1, got True"),
        ({"size": 224}, "size must be a list of 2 values, each a whole number from 16 to 4096, got 224"),
        ({"size": [224.5, 224]}, "size must be a list"),
        ({"size": [8, 224]}, "size must be .* whole number from 16"),
        ({"area": [0.8, 0.2]}, "area must be in increasing order, got 0.8 and 0.2"),
        ({"ratio": [0, 1]}, "ratio must be .* from 0.01 to 100"),
        ({"corners": 0.3}, "corners must be a number of at least 0 and below 0.25"),
        ({"night": 1.5}, "night must be a number from 0 to 1, got 1.5"),
        ({"jpeg_quality": 0}, "jpeg_quality must be a whole number from 1 to 100"),
    ],
)
def test_tables_of_another_form_are_refused(table: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Augmentation.from_table(table)


def test_pictures_of_another_form_are_refused() -> None:
    with pytest.raises(PhotoError, match="32, 32, 5"):
        NOTHING.apply(np.zeros((32, 32, 5), np.uint8), generator_of(0, 0, 0))
