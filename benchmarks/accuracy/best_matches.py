"""What share of the hundred best matches of two landmarks is right? Writes benchmarks/results/best-matches.json.

    python benchmarks/accuracy/best_matches.py

Our own SIFT descriptor on Harris corners and on SIFT keypoints; the photos' longest side is brought to 640 pixels, 2000
keypoints, mutual nearest neighbors in the order of the ratio of distances. A match is right when the hand-made
correspondence whose first point is nearest is within 5 % of the first photo's diagonal, and the shifts from photo to
photo differ by less than 1 % of it; a match with no correspondence near counts as wrong. "Verified" are the matches
that follow the fundamental matrix of `TwoView` first.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from placeprint.core import registry
from placeprint.datasets.photos.image_pairs import ImagePair, read_hand_made
from placeprint.evaluation.matching_metrics import best_matches_right
from placeprint.evaluation.provenance import made_by
from placeprint.photos import read_image
from placeprint.types import Extractor, Matcher
from placeprint.verification.two_view import TwoView

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "Harris, own descriptor, upright": ("harris", {"upright": True}),
    "Harris, own descriptor": ("harris", {}),
    "SIFT, own descriptor, upright": ("sift", {"descriptor": "own", "upright": True}),
    "SIFT, own descriptor": ("sift", {"descriptor": "own"}),
    "SIFT, OpenCV's descriptor, upright": ("sift", {"upright": True}),
}


def measure(pair: ImagePair, extractor: Extractor) -> dict[str, float]:
    """Return the shares of right matches among the best hundred, and of those that could not be judged."""
    matcher: Matcher = registry.create("matchers", "nearest", {"ratio": 1.0})
    query, database = (extractor.extract(read_image(path)) for path in (pair.query_path, pair.database_path))
    matches = matcher.match(query, [database])[0]
    points = matches.points(query, database)
    check = TwoView(matcher={"name": "nearest", "ratio": 1.0}, model="fundamental").verify(query, [database])[0]
    right, unjudged = best_matches_right(matches, points, pair)
    verified, _ = best_matches_right(matches[check.inliers], points[check.inliers], pair)
    return {"right": right, "not_judged": unjudged, "right_verified": verified}


def main() -> None:
    pairs = read_hand_made(DATA / "pairs")
    rows = {}
    for name, (features, params) in SETTINGS.items():
        extractor = registry.create("extractors", features, {"size": 640, "max_keypoints": 2000} | params)
        rows[name] = {pair.name: measure(pair, extractor) for pair in pairs}
        print(name, rows[name])
    result = {
        "format": 1,
        "made_by": made_by(),
        "rows": rows,
    }
    (RESULTS / "best-matches.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
