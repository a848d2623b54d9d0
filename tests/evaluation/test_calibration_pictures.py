"""Pictures of a calibration."""

from pathlib import Path

import numpy as np
from PIL import Image

from placeprint.evaluation.report.calibration import bins_of, draw_reliability, risk_coverage, write_pictures
from placeprint.evidence.calibration import Trials, calibrated


def test_bins_have_equal_counts() -> None:
    means, shares = bins_of(np.linspace(0, 1, 100), (np.arange(100) >= 50).astype(float))
    np.testing.assert_allclose(means[[0, 9]], [0.0454545, 0.9545455], atol=1e-6)
    assert shares.tolist() == [0.0] * 5 + [1.0] * 5


def test_risk_rises_with_wrong_answers_only() -> None:
    coverage, risk = risk_coverage(np.array([1.0, 4.0, 3.0, 2.0]), np.array([1.0, 1.0, 0.0, 1.0]))
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(risk, [0, 0.5, 1 / 3, 0.25])


def test_both_are_written_as_pixels_and_as_lines(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    odds = random.normal(0, 3, 80)
    found = calibrated(Trials(odds, odds > 0, np.ones(80, bool)), 40, 40)
    written = write_pictures(found, tmp_path)
    assert {path.name for path in written} == {
        f"{n}.{k}" for n in ("reliability", "risk-coverage") for k in ("png", "svg")
    }
    for path in written:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert np.asarray(picture.convert("L")).std() > 10
        else:
            assert "confidence" in path.read_text() or "accepted" in path.read_text()


def test_a_reliability_diagram_names_its_curves(tmp_path: Path) -> None:
    sure = np.linspace(0, 1, 40)
    draw_reliability({"a walk": (sure, sure > 0.5), "a town": (sure, sure > 0.2)}, tmp_path / "found.svg")
    picture = (tmp_path / "found.svg").read_text()
    assert "a walk" in picture and "a town" in picture
