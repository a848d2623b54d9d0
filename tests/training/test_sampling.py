"""Batches of classes: their form, how often a photo is used, and that a run can go on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placeprint.errors import DatasetError, OptionError, ShapeError
from placeprint.training.data.sampling import ClassBatches


@settings(deadline=None)
@given(st.lists(st.integers(2, 30), min_size=4, max_size=12), st.integers(2, 4), st.integers(2, 5), st.integers(0, 99))
def test_a_batch_has_p_classes_with_k_photos_each(sizes: list[int], classes: int, instances: int, seed: int) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    batches = ClassBatches(labels, classes, instances, seed).epoch(seed)
    assert batches
    used = np.bincount(np.concatenate(batches), minlength=len(labels))
    for batch in batches:
        assert batch.shape == (classes * instances,)
        groups = labels[batch].reshape(classes, instances)
        assert (groups == groups[:, :1]).all()
        assert len(set(groups[:, 0])) == classes
        for row, label in zip(batch.reshape(classes, instances), groups[:, 0], strict=True):
            assert len(set(row)) == min(instances, sizes[label])  # no photo twice where there are enough
    for label, size in enumerate(sizes):
        mine = used[labels == label]
        # filling up its own last group, and once a last batch
        assert mine.max() <= (2 if size >= instances else int(np.ceil(instances / size))) * 2
        assert size * 2 < max(sizes) or mine.any()


def test_every_photo_is_used_once_where_the_numbers_fit() -> None:
    labels = np.repeat(np.arange(12), 8)
    for epoch in range(3):
        batches = ClassBatches(labels, 4, 4).epoch(epoch)
        assert sorted(np.concatenate(batches)) == list(range(96))


def test_photos_of_real_sizes_are_used_about_equally() -> None:
    sizes = np.random.default_rng(0).integers(16, 71, 81)  # those of the grocery set
    labels = np.repeat(np.arange(81), sizes)
    sampler = ClassBatches(labels, 8, 4)
    used = sum(np.bincount(np.concatenate(sampler.epoch(epoch)), minlength=len(labels)) for epoch in range(10))
    assert np.asarray(used).min() >= 10
    assert np.asarray(used).max() <= 16
    assert np.mean(used) < 11


def test_a_class_that_is_too_large_changes_its_photos_from_epoch_to_epoch() -> None:
    labels = np.repeat(np.arange(4), [100, 4, 4, 4])
    sampler = ClassBatches(labels, 4, 4)
    epochs = [set(np.concatenate(sampler.epoch(number)).tolist()) for number in range(80)]
    assert all(len(each) < 30 for each in epochs)
    assert len(set().union(*epochs)) > 105


def test_an_epoch_depends_on_seed_and_number_alone() -> None:
    labels = np.arange(60) % 7
    sampler = ClassBatches(labels, 3, 2, seed=5)
    for number in range(3):
        sampler.epoch(number)
    later, fresh = sampler.epoch(3), ClassBatches(labels, 3, 2, seed=5).epoch(3)
    assert [batch.tolist() for batch in later] == [batch.tolist() for batch in fresh]
    for other in (sampler.epoch(4), ClassBatches(labels, 3, 2, seed=6).epoch(3)):
        assert [batch.tolist() for batch in other] != [batch.tolist() for batch in fresh]


def test_classes_of_one_photo_are_refused_or_left_out_and_counted() -> None:
    labels = np.array([0, 0, 1, 1, 2, 3, 3])
    with pytest.raises(
        DatasetError,
        match="1 of 4 classes have one training photo and make no pair: '2'; add photos, or set batches",
    ):
        ClassBatches(labels, 2, 2)
    with pytest.raises(DatasetError, match="make no pair: 'café'"):
        ClassBatches(labels, 2, 2, names=["oak", "elm", "café", "pine"])
    sampler = ClassBatches(labels, 2, 2, leave_out_lonely=True)
    assert sampler.excluded == ("2",)
    assert 4 not in np.concatenate([batch for number in range(5) for batch in sampler.epoch(number)])


def test_what_makes_no_batches_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"labels must have shape \(n,\) and be whole numbers, got \(2, 2\)"):
        ClassBatches(np.zeros((2, 2), np.int64), 2, 2)
    with pytest.raises(ShapeError, match="whole numbers"):
        ClassBatches(np.zeros(4), 2, 2)
    with pytest.raises(OptionError, match="instances must be a whole number from 2 to 100000, got 1"):
        ClassBatches(np.arange(4) % 2, 2, 1)
    with pytest.raises(
        DatasetError, match=r"2 or more classes with 2 or more photos each, .* there are 1 of 2: '0', '1'"
    ):
        ClassBatches(np.array([0, 0, 1]), 3, 2, leave_out_lonely=True)


def test_a_batch_has_all_classes_where_there_are_fewer_than_wanted() -> None:
    sampler = ClassBatches(np.arange(6) % 2, 16, 4)
    assert sampler.classes == 2
    assert [len(batch) for batch in sampler.epoch(0)] == [8]
