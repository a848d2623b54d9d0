"""Make the pictures of the README and docs, from sample photos inside installed packages.

python scripts/make_pictures.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from placeprint import Atlas, match
from placeprint.datasets.photos.sample_photos import PLACES, SECOND_VIEWS, read_samples, rephotograph, sample_photos
from placeprint.visualization.canvas import write_picture
from placeprint.visualization.matches import draw_answer
from placeprint.visualization.pair_pictures import draw_pair

DOCS = Path(__file__).parents[1] / "docs" / "images"


def main() -> None:
    for old in DOCS.glob("*.jpg"):
        old.unlink()  # pictures of older versions are not known as placeprint's own
    places = read_samples(PLACES)
    temple, _ = rephotograph(places["temple"], corners=0.12, exposure=0.5, seed=8)
    motorcycle = read_samples(SECOND_VIEWS)["motorcycle"]
    with tempfile.TemporaryDirectory() as folder:
        atlas = Atlas.create(Path(folder) / "atlas")
        atlas.add(sample_photos(PLACES).values())
        for name, query in (("temple", temple), ("motorcycle", motorcycle)):
            answer = atlas.search(query)
            picture = draw_answer(query, places[name], answer)
            write_picture(DOCS / f"{name}-matches.jpg", np.ascontiguousarray(picture))
            print(f"{name}: {answer.evidence[0].verdict}, {answer.evidence[0].num_inliers} matches")
    for name, query, kinds in (
        ("motorcycle", motorcycle, ("outliers",)),
        ("temple", temple, ("keypoints", "selected", "overlay", "descriptors")),
    ):
        pair = match(query, places[name], features="sift")
        drawn = draw_pair(
            query,
            places[name],
            (pair.query, pair.database),
            pair.verification,
            pair.verdict,
            errors=pair.errors,
            tolerance=pair.tolerance,
        )
        for kind in kinds:
            write_picture(DOCS / f"match-{kind}.jpg", drawn[kind])
        print(f"{name}: {pair.verdict}, {pair.verification.model}, {pair.verification.num_inliers} matches")


if __name__ == "__main__":
    main()
