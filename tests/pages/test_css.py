"""The colors of pages can be read: contrast AA (WCAG 2.2, 1.4.3), light and dark."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

PAIRS = [
    ("ink", "ground"),
    ("ink", "card"),
    ("soft", "ground"),
    ("soft", "card"),
    ("soft", "wash"),
    ("accent", "ground"),
    ("accent", "card"),
    ("accent", "tint"),
    ("on-accent", "accent"),
    ("good", "good-tint"),
    ("warn", "warn-tint"),
    ("bad", "bad-tint"),
]


def colors(block: str) -> dict[str, tuple[float, ...]]:
    found = re.findall(r"--([\w-]+): #([0-9a-f]{6})", block)
    return {name: tuple(int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)) for name, digits in found}


def luminance(color: tuple[float, ...]) -> float:
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in color]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read(text: str, ground: str, mode: int) -> None:
    css = (files("placeprint.pages") / "static" / "page.css").read_text(encoding="utf-8")
    known = colors(re.findall(r":root \{(.*?)\n\s*\}", css, re.DOTALL)[mode])
    lighter, darker = sorted((luminance(known[text]), luminance(known[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
