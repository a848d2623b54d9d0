"""Retrieval by class and by object: Holidays, UKBench, Google Landmarks, birds, cars, products, clothes, clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint.core.csv_files import read_csv
from placeprint.datasets.protocols import read_retrieval_set
from placeprint.datasets.readers.clip_areas import read_clip_areas
from placeprint.datasets.retrieval_set import RetrievalSet
from placeprint.errors import DatasetError, OptionError
from tests.datasets.tiny import put, write


def right(dataset: RetrievalSet) -> dict[str, set[str]]:
    return {query: set(wanted) for query, wanted in zip(dataset.queries, dataset.positives, strict=True)}


def test_holidays(tmp_path: Path) -> None:
    put(tmp_path, *(f"jpg/{name}.jpg" for name in ("100001", "100000", "100002", "100100", "100101")))
    dataset = read_retrieval_set("holidays", tmp_path)
    assert right(dataset) == {
        "jpg/100000.jpg": {"jpg/100001.jpg", "jpg/100002.jpg"},
        "jpg/100100.jpg": {"jpg/100101.jpg"},
    }
    assert len(dataset.database) == 5 and not dataset.finds_itself and dataset.metrics[0] == "mAP trapezoidal"
    put(tmp_path, "jpg/readme.jpg")
    with pytest.raises(DatasetError, match=r"must be nothing but a number, got 'readme.jpg'"):
        read_retrieval_set("holidays", tmp_path)


def test_ukbench(tmp_path: Path) -> None:
    put(tmp_path, *(f"full/ukbench{n:05d}.jpg" for n in range(8)))
    dataset = read_retrieval_set("ukbench", tmp_path)
    assert dataset.finds_itself and dataset.queries == dataset.database and dataset.metrics == ("N-S score",)
    assert right(dataset)["full/ukbench00005.jpg"] == {f"full/ukbench{n:05d}.jpg" for n in range(4, 8)}
    put(tmp_path / "odd", "full/ukbench00000.th.jpg")
    with pytest.raises(DatasetError, match=r"must be 'ukbench' and a number, got 'ukbench00000.th.jpg'"):
        read_retrieval_set("ukbench", tmp_path / "odd")
    put(tmp_path, "full/ukbench00008.jpg")
    with pytest.raises(DatasetError, match="four photos of each object, it has 1 from number 00008 on"):
        read_retrieval_set("ukbench", tmp_path)


def landmark(part: str, name: str) -> str:
    return f"{part}/{name[0]}/{name[1]}/{name[2]}/{name}.jpg"


def test_google_landmarks_retrieval(tmp_path: Path) -> None:
    index, test = ("aaa1", "aab2", "bbb3"), ("q001", "q002", "q003", "q004")
    put(tmp_path, *(landmark("index", n) for n in index), *(landmark("test", n) for n in test))
    rows = ("q001,aaa1 bbb3,Private", "q002,None,Ignored", "q003,aab2,Public", "q004,None,Private")
    write(tmp_path, "retrieval_solution_v2.1.csv", "id,images,Usage", *rows)
    for listed in (False, True):
        if listed:
            write(tmp_path, "metadata/index.csv", "id", *index)
        dataset = read_retrieval_set("gldv2-retrieval-test", tmp_path)
        assert right(dataset) == {landmark("test", "q001"): {landmark("index", n) for n in ("aaa1", "bbb3")}}
        assert len(dataset.database) == 3 and dataset.depth == 100
    assert list(right(read_retrieval_set("gldv2-retrieval-val", tmp_path))) == [landmark("test", "q003")]
    write(tmp_path, "metadata/index.csv", "id", "aaa1")
    with pytest.raises(DatasetError, match=r"names the photo 'index/b/b/b/bbb3.jpg' of the index, which is not there"):
        read_retrieval_set("gldv2-retrieval-test", tmp_path)


def test_google_landmarks_recognition(tmp_path: Path) -> None:
    put(
        tmp_path,
        *(landmark("train", n) for n in ("ta01", "ta02", "tb01")),
        *(landmark("test", n) for n in ("q001", "q002", "q003")),
    )
    write(tmp_path, "train/train_clean.csv", "landmark_id,images", "7,ta01 ta02", "9,tb01")
    rows = ("q001,7 9,Private", "q002,,Private", "q003,55,Private")
    write(tmp_path, "recognition_solution_v2.1.csv", "id,landmarks,Usage", *rows)
    dataset = read_retrieval_set("gldv2-recognition-test", tmp_path)
    assert dataset.metrics[0] == "micro-AP"
    queries = [landmark("test", n) for n in ("q001", "q002", "q003")]
    assert right(dataset) == dict(zip(queries, (set(dataset.database), set(), set()), strict=True))
    assert dataset.expected == (True, False, True)  # 55 is a landmark, though no photo of it is there
    (tmp_path / "train" / "train_clean.csv").unlink()
    write(tmp_path, "train/train.csv", "id,url,landmark_id", "ta01,u,7", "ta02,u,8", "tb01,u,9")
    found = right(read_retrieval_set("gldv2-recognition-test", tmp_path))
    assert found[landmark("test", "q001")] == {landmark("train", "ta01"), landmark("train", "tb01")}


def test_a_landmark_of_many_photos_is_one_long_field(tmp_path: Path) -> None:
    names = " ".join(f"{n:016x}" for n in range(10_000))  # 170,000 characters
    rows = read_csv(write(tmp_path, "train_clean.csv", "landmark_id,images", f"138982,{names}"))
    assert rows == [{"landmark_id": "138982", "images": names}]


def test_birds_are_tested_on_the_second_hundred(tmp_path: Path) -> None:
    names = ["100.A/a.jpg", "101.B/b1.jpg", "101.B/b2.jpg", "200.C/c.jpg"]
    put(tmp_path / "images", *names)
    write(tmp_path, "images.txt", *(f"{n} {name}" for n, name in enumerate(names, start=1)))
    write(tmp_path, "image_class_labels.txt", "1 100", "2 101", "3 101", "4 200")
    dataset = read_retrieval_set("cub200", tmp_path)
    b1, b2, c = (f"images/{name}" for name in names[1:])
    assert right(dataset) == {b1: {b2}, b2: {b1}, c: set()}
    assert dataset.database == dataset.queries and "MAP@R" in dataset.metrics
    write(tmp_path, "image_class_labels.txt", "1 100")
    with pytest.raises(DatasetError, match=r"the same photos in images.txt"):
        read_retrieval_set("cub200", tmp_path)


def test_cars_are_tested_from_class_99_on(tmp_path: Path) -> None:
    io = pytest.importorskip("scipy.io")
    classes = [98, 99, 99, 196]
    put(tmp_path, *(f"car_ims/{n:06d}.jpg" for n in range(1, 5)))
    rows = np.empty(
        (1, 4), dtype=[("relative_im_path", object), ("bbox_x1", object), ("class", object), ("test", object)]
    )
    for n, label in enumerate(classes):
        rows[0, n] = (f"car_ims/{n + 1:06d}.jpg", 1, label, 0)
    io.savemat(tmp_path / "cars_annos.mat", {"annotations": rows, "class_names": np.array(["x", "y"], dtype=object)})
    found = right(read_retrieval_set("cars196", tmp_path))
    assert found == {
        "car_ims/000002.jpg": {"car_ims/000003.jpg"},
        "car_ims/000003.jpg": {"car_ims/000002.jpg"},
        "car_ims/000004.jpg": set(),
    }


def test_online_products(tmp_path: Path) -> None:
    names = ("bicycle_final/1_0.JPG", "bicycle_final/1_1.JPG", "sofa_final/2_0.JPG")
    put(tmp_path, *names)
    lines = (f"{n} {label} 1 {name}" for n, (label, name) in enumerate(zip((11319, 11319, 11320), names, strict=True)))
    write(tmp_path, "Ebay_test.txt", "image_id class_id super_class_id path", *lines)
    dataset = read_retrieval_set("sop", tmp_path)
    assert right(dataset) == {names[0]: {names[1]}, names[1]: {names[0]}, names[2]: set()}
    write(tmp_path, "Ebay_test.txt", "image_id class_id super_class_id path", f"1 one 1 {names[0]}")
    with pytest.raises(DatasetError, match="must have numbers of classes"):
        read_retrieval_set("sop", tmp_path)
    write(tmp_path, "Ebay_test.txt", "image_id path", "1 x")
    with pytest.raises(DatasetError, match="must have rows below the header 'image_id class_id super_class_id path'"):
        read_retrieval_set("sop", tmp_path)


@pytest.mark.parametrize("prefix", ["", "Img/"])
def test_in_shop(tmp_path: Path, prefix: str) -> None:
    kept = {"img/W/1.jpg": ("id_1", "gallery"), "img/W/2.jpg": ("id_2", "gallery"), "img/W/3.jpg": ("id_2", "query")}
    put(tmp_path, *(prefix + name for name in kept))
    lines = (f"{name}     {item} {status}" for name, (item, status) in kept.items())
    write(
        tmp_path,
        "Eval/list_eval_partition.txt",
        "4",
        "image_name item_id evaluation_status",
        "img/W/0.jpg id_0 train",
        *lines,
    )
    if prefix:
        write(
            tmp_path,
            "Eval/list_eval_partition.txt",
            "3",
            "image_name item_id evaluation_status",
            *(f"{name} {item} {status}" for name, (item, status) in kept.items()),
        )
    else:
        put(tmp_path, "img/W/0.jpg")
    dataset = read_retrieval_set("in-shop", tmp_path)
    assert dataset.database == (f"{prefix}img/W/1.jpg", f"{prefix}img/W/2.jpg")
    assert right(dataset) == {f"{prefix}img/W/3.jpg": {f"{prefix}img/W/2.jpg"}}


def test_class_folders(tmp_path: Path) -> None:
    put(tmp_path / "one", "a/1.jpg", "a/2.jpg", "b/3.jpg")
    assert right(read_retrieval_set("class-folder", tmp_path / "one")) == {
        "a/1.jpg": {"a/2.jpg"},
        "a/2.jpg": {"a/1.jpg"},
        "b/3.jpg": set(),
    }
    put(tmp_path / "two", "database/a/1.jpg", "database/b/2.jpg", "queries/b/3.jpg")
    assert right(read_retrieval_set("class-folder", tmp_path / "two")) == {"queries/b/3.jpg": {"database/b/2.jpg"}}
    put(tmp_path / "two", "queries/c/3.jpg")
    with pytest.raises(DatasetError, match="1 of 2 classes are not among the other set's 2: 'c'"):
        read_retrieval_set("class-folder", tmp_path / "two")


def test_class_lists(tmp_path: Path) -> None:
    put(tmp_path, "train/x.jpg", "train/y.jpg", "val/z.jpg")
    write(tmp_path, "train.txt", "train/x.jpg, 3, 0", "train/y.jpg, 5, 0")
    write(tmp_path, "val.txt", "val/z.jpg, 5, 0")
    assert right(read_retrieval_set("class-list", tmp_path)) == {"val/z.jpg": {"train/y.jpg"}}


def frame(clip: str, number: int) -> str:
    return f"frames/{clip}_frame_{number:06d}.jpg"


@pytest.fixture
def walks(tmp_path: Path) -> Path:
    rows = [("a", 1, "f1", "gallery"), ("a", 2, "f1", "query"), ("b", 1, "f1", "gallery"), ("c", 1, "f2", "gallery")]
    put(tmp_path, *(frame(clip, number) for clip, number, *_ in rows))
    lines = (f"{frame(clip, number)},{label},{split}" for clip, number, label, split in rows)
    write(tmp_path, "dataset.csv", "image_path,label,split", *lines)
    return tmp_path


def test_across_clips_the_own_clip_is_junk(walks: Path) -> None:
    dataset = read_retrieval_set("clips-area", walks)
    assert right(dataset) == {frame("a", 2): {frame("b", 1)}}
    assert dataset.junk[0] == {frame("a", 1)} and len(dataset.database) == 3
    plain = read_retrieval_set("clips-area-plain", walks)
    assert right(plain) == {frame("a", 2): {frame("a", 1), frame("b", 1)}} and not plain.junk


def test_copies_of_a_walk_are_one_clip(walks: Path) -> None:
    dataset = read_clip_areas(walks, same=[["b", "a"]])
    assert right(dataset) == {frame("a", 2): set()} and dataset.junk[0] == {frame("a", 1), frame("b", 1)}
    with pytest.raises(OptionError, match="there is no clip 'x'"):
        read_clip_areas(walks, same=[["a", "x"]])


def test_the_tower_as_its_readme_counts_it(data: Path) -> None:
    dataset = read_retrieval_set("clips-area", data / "ie_tower")
    assert (len(dataset.database), len(dataset.queries)) == (2373, 504)
    assert all(wanted and not wanted & junk for wanted, junk in zip(dataset.positives, dataset.junk, strict=True))
    grocery = read_retrieval_set("class-list", data / "grocery")
    assert (len(grocery.database), len(grocery.queries)) == (2640, 296) and all(grocery.positives)
