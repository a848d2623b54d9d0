"""Image pairs and their names."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from placeprint.places.graph import Link, MatchGraph
from placeprint.reconstruction.pairing import ImagePair, NamedPhotos, image_pairs, pair_lines
from placeprint.store import PhotoRecord
from placeprint.types import Verification


def graph_of(links: list[tuple[int, int, float]], paths: list[str]) -> MatchGraph:
    photos = {number: PhotoRecord(path, "", 0, 0, id=number) for number, path in enumerate(paths)}
    check = Verification(np.zeros((3, 2), np.int64), np.zeros((3, 2, 2), np.float32), np.ones(3, bool))
    made = [Link(first, second, p, check) for first, second, p in links]
    return MatchGraph(photos, tuple(sorted(made, key=lambda link: -link.probability)))


PATHS = ["/p/a/1.jpg", "/p/a/2.jpg", "/p/a/3.jpg", "/p/b c/1.jpg"]
LINKS = [(0, 1, 0.9), (0, 2, 0.8), (0, 3, 0.7), (1, 2, 0.6)]


def test_the_best_pairs_of_each_photo_are_chosen() -> None:
    pairs = image_pairs(graph_of(LINKS, PATHS), per_photo=1)
    assert [(pair.first, pair.second) for pair in pairs] == [(0, 1), (0, 2), (0, 3)]  # 2 and 3 chose 0
    assert [(each.probability, each.inliers) for each in pairs] == [(0.9, 3), (0.8, 3), (0.7, 3)]
    assert len(image_pairs(graph_of(LINKS, PATHS))) == 4


def test_a_sequence_pairs_followers_of_one_folder() -> None:
    pairs = image_pairs(graph_of([], PATHS), sequence=1)
    assert pairs == [ImagePair(0, 1, None, 0), ImagePair(1, 2, None, 0)]
    assert len(image_pairs(graph_of([], PATHS), sequence=5)) == 3


def test_names_are_below_the_common_folder() -> None:
    named = NamedPhotos.of(graph_of([], PATHS).photos)
    assert named.root == Path("/p") and named.names[3] == "b c/1.jpg"
    assert NamedPhotos.of({}).names == {}


def test_files_of_pairs() -> None:
    pairs, names = [ImagePair(0, 1, 0.5, 7), ImagePair(1, 2, None, 0)], ["a,b.jpg", "c.jpg", 'd".jpg']
    called = dict(enumerate(names))
    assert pair_lines(pairs, called, "hloc") == 'a,b.jpg c.jpg\nc.jpg d".jpg\n'
    assert pair_lines(pairs, called, "colmap").splitlines()[1:] == pair_lines(pairs, called, "hloc").splitlines()
    rows = list(csv.DictReader(io.StringIO(pair_lines(pairs, called, "csv"))))
    assert [(row["first"], row["second"], row["probability"]) for row in rows] == [
        ("a,b.jpg", "c.jpg", "0.5000"),
        ("c.jpg", 'd".jpg', ""),
    ]
