"""The picture of attention: gray where there is none, red where there is most."""

from __future__ import annotations

import numpy as np
import pytest

from placeprint.errors import ShapeError
from placeprint.visualization.attention import draw_attention
from placeprint.visualization.canvas import BAND, HEIGHT
from tests.conftest import make_scene


def test_what_is_attended_to_is_red_and_the_rest_as_gray_as_the_photo() -> None:
    photo = make_scene(0, 160, 120)
    attention = np.zeros((120, 160), np.float32)
    attention[30:60, 100:140] = 3.0
    picture = draw_attention(photo, attention)
    assert picture.shape == (HEIGHT + BAND, 640, 3) and picture.dtype == np.uint8
    seen = picture[BAND:].astype(int)
    attended, rest = seen[140:220, 420:540], seen[300:, :300]
    assert (attended[..., 0] > attended[..., 2] + 20).all()
    assert (np.ptp(rest, axis=2) == 0).all()


def test_even_attention_is_no_error_and_another_size_is() -> None:
    photo = make_scene(0, 53, 37)
    assert draw_attention(photo, np.ones((37, 53), np.float32), "flat").shape[0] == HEIGHT + BAND
    with pytest.raises(ShapeError, match=r"shape of its image, \(37, 53\), got \(53, 37\)"):
        draw_attention(photo, np.ones((53, 37), np.float32))
