from __future__ import annotations

import io
import locale
import logging
import os
import random
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch

from placeprint import Atlas
from placeprint.core.threads import _products, map_cores, one_core_each, one_core_for_products
from placeprint.photos import read_photo
from tests.conftest import write_scenes
from tests.photos.pictures import with_exif


def process_state() -> dict[str, object]:
    """Return what belongs to the whole process and is none of a library's business."""
    return {
        "warnings": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "locale": locale.setlocale(locale.LC_ALL),
        "folder": Path.cwd(),
        "environment": dict(os.environ),
        "recursion": sys.getrecursionlimit(),
        "switch": sys.getswitchinterval(),
        "logging": (logging.root.level, list(logging.root.handlers), logging.root.manager.disable),
        "random": random.getstate(),
        "numpy random": str(np.random.get_state()),  # noqa: NPY002  # the state of the process
        "numpy errors": np.geterr(),
        "numpy print": np.get_printoptions(),
        "torch random": torch.get_rng_state().tolist(),
        "torch threads": (torch.get_num_threads(), in_new_thread(torch.get_num_threads)),
        "torch modes": (
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
            torch.are_deterministic_algorithms_enabled(),
        ),
        "opencv": (cv2.getNumThreads(), cv2.useOptimized()),
    }


def in_new_thread(call: Callable[[], int]) -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join()
    return found[0]


def test_what_belongs_to_the_process_is_the_same_after_several_indexed_at_once(tmp_path: Path) -> None:
    import faiss  # noqa: F401  # this and scikit-learn set a variable of the environment when they are first imported
    import sklearn  # noqa: F401
    import torch  # noqa: F401

    folder = write_scenes(tmp_path / "photos", 3)
    (folder / "bad-exif.jpg").write_bytes(with_exif("JPEG", b"garbage"))
    (folder / "cut.png").write_bytes((folder / "00.png").read_bytes()[:500])
    atlases = [Atlas.create(tmp_path / f"atlas{number}", preset="sift-vlad") for number in range(2)]
    atlases[0].search(folder / "00.png")  # loads what is loaded only once
    before = process_state()
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda atlas: atlas.add([folder], workers=2), atlases))
        list(pool.map(lambda atlas: atlas.search(folder / "01.png"), atlases))
    assert [report.added for report in reports] == [4, 4]
    after = process_state()
    for name, value in before.items():
        assert after[name] == value, name


def test_the_limit_of_two_that_overlap_ends_with_the_last() -> None:
    counts = (cv2.getNumThreads(), torch.get_num_threads())
    cv2.setNumThreads(3)
    torch.set_num_threads(3)
    try:
        first, second = one_core_each(), one_core_each()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert cv2.getNumThreads() == 1
        second.__exit__(None, None, None)
        assert cv2.getNumThreads() == 3 and torch.get_num_threads() == 3
    finally:
        cv2.setNumThreads(counts[0])
        torch.set_num_threads(counts[1])


def test_products_of_several_threads_leave_the_count_as_it_was() -> None:
    def counts() -> list[int]:
        return [each["num_threads"] for each in _products().info()]

    before, barrier = counts(), threading.Barrier(4)

    def work(_: int) -> None:
        for _ in range(20):
            with one_core_for_products():
                assert set(counts()) == {1}
            barrier.wait()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert counts() == before


def test_a_warning_of_the_caller_is_heard_while_photos_are_read() -> None:
    bad, done = with_exif("JPEG", b"II*\0\x08\0\0\0" + b"\xff" * 40), threading.Event()

    def read() -> None:
        while not done.is_set():
            read_photo(io.BytesIO(bad))

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        filters = list(warnings.filters)
        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(300):
            warnings.warn(f"of the caller {number}", stacklevel=1)
            assert warnings.filters == filters
        done.set()
        for thread in threads:
            thread.join()
    assert sum("of the caller" in str(each.message) for each in heard) == 300


def test_jobs_may_have_jobs_of_their_own() -> None:
    def outer(number: int) -> int:
        return sum(map_cores(lambda each: each * number, range(5)))

    assert map_cores(outer, range(8)) == [10 * number for number in range(8)]
