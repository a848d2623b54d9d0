"""Photos with classes: read in three forms, refused, and their labels matched."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from placeprint.datasets.photos.labeled_photos import LabeledPhotos, read_image_folder, read_label_csv, read_label_list
from placeprint.errors import DatasetError, ShapeError
from tests.conftest import make_scene, write_photo

CLASSES_CSV = (
    "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int)\n"
    "Gala,7,Apple,1\nHass,9,Avocado,2\nOther,11,Other,3\n"
)


def _photos(labels: list[int], classes: tuple[str, ...]) -> LabeledPhotos:
    return LabeledPhotos(Path("root"), tuple(f"{n}.jpg" for n in range(len(labels))), np.array(labels), classes)


def _folder(root: Path, *names: str) -> Path:
    for name in names:
        write_photo(root / name, make_scene(0, 32, 32))
    return root


def test_sets_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(DatasetError, match="must have at least one"):
        _photos([], ())
    with pytest.raises(ShapeError, match=r"labels must have shape \(2,\), got \(3,\)"):
        LabeledPhotos(Path(), ("a", "b"), np.zeros(3, np.int64), ("x",))
    with pytest.raises(DatasetError, match="photos are listed twice: 'a'"):
        LabeledPhotos(Path(), ("a", "a"), np.zeros(2, np.int64), ("x",))
    with pytest.raises(DatasetError, match="labels must be from 0 to 1, got 0 to 2"):
        _photos([0, 2], ("x", "y"))
    with pytest.raises(DatasetError, match="1 classes have no photo: 'y'"):
        _photos([0, 2], ("x", "y", "z"))
    with pytest.raises(DatasetError, match="distinct names, 'x' repeat"):
        _photos([0, 1], ("x", "x"))


def test_classes_of_one_photo_are_told() -> None:
    photos = _photos([0, 1, 1, 2], ("oak", "pine", "elm"))
    assert photos.lonely() == ("oak", "elm")
    assert photos.counts().tolist() == [1, 2, 1]
    assert photos.labels.dtype == np.int64


def test_chosen_photos_keep_their_classes_by_name() -> None:
    photos = _photos([2, 1, 2, 0], ("oak", "pine", "elm"))
    chosen = photos[np.array([True, False, True, True])]
    assert chosen.paths == ("0.jpg", "2.jpg", "3.jpg")
    assert [chosen.classes[label] for label in chosen.labels] == ["elm", "elm", "oak"]
    assert photos[np.array([3, 0])].paths == ("3.jpg", "0.jpg")


def test_labels_of_validation_must_be_among_those_of_training() -> None:
    validation = _photos([0, 1], ("pine", "yew"))
    assert validation.labels_among(("yew", "oak", "pine")).tolist() == [2, 0]
    with pytest.raises(DatasetError, match="1 of 2 classes are not among the other set's 2: 'yew'"):
        validation.labels_among(("oak", "pine"))


def test_a_folder_is_a_class(tmp_path: Path) -> None:
    _folder(tmp_path, "fruit/apple/1.jpg", "fruit/pear/2.png", "milk/3.jpg", ".hidden/4.jpg")
    (tmp_path / "milk" / "notes.txt").write_text("no photo")
    photos = read_image_folder(tmp_path)
    assert photos.paths == ("fruit/apple/1.jpg", "fruit/pear/2.png", "milk/3.jpg")
    assert (photos.classes, photos.labels.tolist()) == (("fruit", "milk"), [0, 0, 1])
    deepest = read_image_folder(tmp_path, leaf=True)
    assert (deepest.classes, deepest.labels.tolist()) == (("fruit/apple", "fruit/pear", "milk"), [0, 1, 2])


def test_folders_without_classes_or_photos_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no folder"):
        read_image_folder(tmp_path / "absent")
    with pytest.raises(DatasetError, match="has no photos"):
        read_image_folder(tmp_path)
    _folder(tmp_path, "oak/1.jpg")
    (tmp_path / "elm").mkdir()
    with pytest.raises(DatasetError, match=r"1 folders of .* have no photos: 'elm'"):
        read_image_folder(tmp_path)
    (tmp_path / "elm").rmdir()
    _folder(tmp_path, "loose.jpg")
    with pytest.raises(DatasetError, match=r"1 photos are in no folder .* 'loose.jpg'"):
        read_image_folder(tmp_path)


def test_a_csv_is_read(tmp_path: Path) -> None:
    _folder(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    file = tmp_path / "labels.csv"
    file.write_text("image_path,label,kind\na.jpg,pine,x\nb.jpg, oak,y\nc.jpg,pine,y\n")
    photos = read_label_csv(file)
    assert (photos.classes, photos.labels.tolist()) == (("oak", "pine"), [1, 0, 1])
    assert photos.root == tmp_path
    assert read_label_csv(file, label_column="kind").labels.tolist() == [0, 1, 1]


def test_csv_files_of_another_form_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    with pytest.raises(DatasetError, match="cannot read"):
        read_label_csv(file)
    file.write_text("path,label\n")
    with pytest.raises(DatasetError, match="must have a header and rows"):
        read_label_csv(file)
    file.write_text("path,label\n1.jpg,a\n2.jpg,a\n3.jpg,b\n4.jpg,b\n")
    with pytest.raises(DatasetError, match=r"4 of 4 photos are not in .*: '1.jpg', '2.jpg', '3.jpg', \.\.\."):
        read_label_csv(file)
    with pytest.raises(DatasetError, match="has no column 'class'; it has path, label"):
        read_label_csv(file, label_column="class")
    file.write_text("path,label\n1.jpg\n")
    with pytest.raises(DatasetError, match="row 1 must have 2 fields, it has 1"):
        read_label_csv(file)
    file.write_text("path,label\n1.jpg,\n")
    with pytest.raises(DatasetError, match="row 1 has an empty field 'label'"):
        read_label_csv(file)


def test_a_list_of_ids_is_read_with_their_names(tmp_path: Path) -> None:
    _folder(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    file = tmp_path / "train.txt"
    file.write_text("a.jpg, 9, 2\nb.jpg, 7, 1\nc.jpg, 9, 2\n\n")
    assert read_label_list(file).classes == ("7", "9")
    (tmp_path / "classes.csv").write_text(CLASSES_CSV)
    photos = read_label_list(file)
    assert (photos.classes, photos.labels.tolist()) == (("Gala", "Hass"), [1, 0, 1])
    assert read_label_list(file, coarse=True).classes == ("Apple", "Avocado")


def test_lists_of_another_form_are_refused(tmp_path: Path) -> None:
    _folder(tmp_path, "a.jpg")
    file = tmp_path / "train.txt"
    with pytest.raises(DatasetError, match="cannot read"):
        read_label_list(file)
    for line in ("a.jpg", "a.jpg, x", "a.jpg, 1, 2, 3"):
        file.write_text(line)
        with pytest.raises(DatasetError, match="line 1 must be 'path, id' or"):
            read_label_list(file)
    file.write_text("a.jpg, 1")
    with pytest.raises(DatasetError, match="line 1 must be 'path, id, coarse id'"):
        read_label_list(file, coarse=True)
    (tmp_path / "classes.csv").write_text(CLASSES_CSV)
    with pytest.raises(DatasetError, match=r"names no class '1', which 'train.txt' has"):
        read_label_list(file)
    file.write_text("b.jpg, 7")
    with pytest.raises(DatasetError, match="1 of 1 photos are not in"):
        read_label_list(file)


@pytest.mark.photos
def test_the_groceries_are_read(data: Path) -> None:
    train, validation = (read_label_list(data / "grocery" / f"{name}.txt") for name in ("train", "val"))
    assert (len(train), len(train.classes), len(validation)) == (2640, 81, 296)
    labels = validation.labels_among(train.classes)
    assert [train.classes[label] for label in labels] == [validation.classes[label] for label in validation.labels]
    assert train.paths[0].split("/")[-2] == train.classes[train.labels[0]] == "Golden-Delicious"


def test_what_is_no_photo_in_a_class_folder_is_skipped_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("oak/a.png", "pine/b.png"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).touch()
    os.mkfifo(tmp_path / "oak" / "pipe.jpg")
    (tmp_path / "oak" / "broken.jpg").symlink_to("gone.jpg")
    (tmp_path / "pine" / "c.png").symlink_to("b.png")  # a list may name it, so it is a photo of its own
    photos = read_image_folder(tmp_path)
    assert photos.paths == ("oak/a.png", "pine/b.png", "pine/c.png")
    (message,) = (record.getMessage() for record in caplog.records)
    assert "2 files or folders" in message and "a broken link" in message and "a pipe, not a file" in message
