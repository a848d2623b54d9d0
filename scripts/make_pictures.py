"""Make the pictures of the README and docs, from sample photos inside installed packages.

python scripts/make_pictures.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from placeprint import Atlas
from placeprint.datasets.sample_photos import PLACES, SECOND_VIEWS, read_samples, rephotograph, sample_photos
from placeprint.visualization.canvas import write_picture
from placeprint.visualization.matches import draw_answer

DOCS = Path(__file__).parents[1] / "docs" / "images"


def main() -> None:
    DOCS.mkdir(parents=True, exist_ok=True)
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


if __name__ == "__main__":
    main()
