"""Which images: laws of the split, the choice and the probe sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sweep.config import DataConfig
from sweep.data.choice import choose_rows, split_by_class
from sweep.data.partitions import prepare_data
from sweep.data.probes import probe_sets
from sweep.errors import UserError

LABELS = np.repeat([0, 1, 2, 4], [100, 40, 20, 8])[np.random.default_rng(0).permutation(168)]
NAMES = ["ant", "bee", "cat", "dodo", "eel"]
some_labels = arrays.arrays(np.int64, st.integers(0, 60), elements=st.integers(0, 5))


def counts(rows):
    return np.bincount(LABELS[rows], minlength=5).tolist()


@pytest.mark.parametrize(
    ("choose", "num_images", "per_class", "expected"),
    [
        ("all", None, None, [100, 40, 20, 0, 8]),
        ("balanced", None, None, [8, 8, 8, 0, 8]),
        ("balanced", 22, None, [5, 5, 5, 0, 5]),
        ("balanced", 1000, None, [8, 8, 8, 0, 8]),
        ("per_class", None, 30, [30, 30, 20, 0, 8]),
    ],
)
def test_how_many_of_each_class(choose, num_images, per_class, expected):
    assert counts(choose_rows(LABELS, choose, num_images, per_class, seed=0)) == expected


def test_first_and_random():
    assert choose_rows(LABELS, "first", 7, None, 0).tolist() == list(range(7))
    small, large = (set(choose_rows(LABELS, "random", n, None, 0).tolist()) for n in (20, 50))
    assert len(small) == 20
    assert small < large
    assert small != set(choose_rows(LABELS, "random", 20, None, 1).tolist())


@given(some_labels, st.sampled_from(["all", "balanced", "per_class", "first", "random"]))
@settings(max_examples=60, deadline=None)
def test_rows_ascend_and_are_there(labels, choose):
    rows = choose_rows(labels, choose, 10, 3, seed=0)
    assert (np.diff(rows) > 0).all()
    assert np.isin(rows, np.arange(len(labels))).all()
    assert len(rows) <= (3 * 6 if choose == "per_class" else len(labels))


@given(some_labels, st.floats(0.01, 0.99))
@settings(max_examples=60, deadline=None)
def test_split_parts_all_images(labels, fraction):
    parts = split_by_class(labels, fraction, seed=0)
    both = np.concatenate([parts["train"], parts["test"]])
    assert sorted(both.tolist()) == list(range(len(labels)))


def test_one_class_is_drawn_alike_whatever_the_others_are():
    fewer = np.where(LABELS == 0, 3, LABELS)
    for label in (1, 2):
        ours, theirs = (choose_rows(some, "per_class", None, 9, 0) for some in (LABELS, fewer))
        assert [r for r in ours if LABELS[r] == label] == [r for r in theirs if fewer[r] == label]


def test_classes_keep_their_index(storage):
    whole = prepare_data(DataConfig(), storage)
    some = prepare_data(DataConfig(classes=["7", "3"]), storage)
    assert some.num_classes == 10
    assert some.class_names == whole.class_names
    assert some.problems["empty_classes"]["count"] == 0
    for split in ("train", "test"):
        kept = np.isin(whole.split(split).labels, [3, 7])
        np.testing.assert_array_equal(some.split(split).ids, whole.split(split).ids[kept])
        np.testing.assert_array_equal(some.split(split).labels, whole.split(split).labels[kept])


def test_choice_is_seeded_and_independent_of_partitions(storage):
    def ids(**rest):
        config = DataConfig(choose="random", num_images=100, **rest)
        return prepare_data(config, storage).split("train").ids.tolist()

    assert ids(partition_rows=7) == ids(partition_rows=1000)
    assert ids() != ids(seed=1)
    assert len(ids()) == 100


def test_unknown_classes_and_too_few_images(storage):
    with pytest.raises(UserError, match=r"data\.classes: digits has no class '77'; did you mean"):
        prepare_data(DataConfig(classes=["77"]), storage)
    with pytest.raises(UserError, match=r"data\.choose: first leaves 9 of 1797 images to train"):
        prepare_data(DataConfig(choose="first", num_images=9), storage)
    with pytest.raises(UserError, match=r"balanced of data\.classes leaves 0 of 1797"):
        prepare_data(DataConfig(choose="balanced", num_images=1, classes=["1", "2"]), storage)


@pytest.mark.parametrize(
    ("given_", "problem"),
    [
        ({"choose": "random"}, "choose: random needs it"),
        ({"num_images": 5}, "choose: all takes none"),
        ({"choose": "per_class"}, "goes with choose: per_class"),
        (
            {"choose": "first", "num_images": 3, "images_per_class": 2},
            "goes with choose: per_class",
        ),
        ({"path": "somewhere"}, "digits is embedded"),
        ({"name": "mnist"}, r"mnist needs a path .*the four idx files"),
        ({"name": "mnist", "path": "s3://a/b"}, "mnist is read from local files"),
        ({"name": "parquet", "path": "a", "image_shape": (2, 8, 8)}, "must be 1 or 3 channels"),
        ({"name": "mnits"}, "unknown data set"),
        ({"classes": []}, "at least 1"),
    ],
)
def test_settings_that_contradict_each_other(given_, problem):
    with pytest.raises(ValueError, match=problem):
        DataConfig(**given_)


def test_a_local_path_is_kept_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = DataConfig(name="mnist", path="files")
    assert config.path == str(tmp_path / "files")
    assert DataConfig(**config.model_dump()) == config


class TestProbes:
    def test_mix_is_drawn_as_ever(self):
        rows = probe_sets(LABELS, NAMES, num_samples=50, classes=(), seed=3)
        expected = np.sort(np.random.default_rng([3, 168]).permutation(168)[:50])
        assert list(rows) == [""]
        np.testing.assert_array_equal(rows[""], expected)

    def test_a_set_for_each_class_that_occurs(self):
        rows = probe_sets(LABELS, NAMES, num_samples=30)
        assert list(rows) == ["", "ant", "bee", "cat", "eel"]
        assert {name: len(found) for name, found in rows.items()} == {
            "": 30, "ant": 30, "bee": 30, "cat": 20, "eel": 8,
        }  # fmt: skip
        for name, found in rows.items():
            assert (np.diff(found) > 0).all()
            assert not name or set(LABELS[found]) == {NAMES.index(name)}

    def test_balanced_and_first(self):
        balanced = probe_sets(LABELS, NAMES, num_samples=20, choose="balanced", classes=())
        assert counts(balanced[""]) == [5, 5, 5, 0, 5]
        first = probe_sets(LABELS, NAMES, num_samples=3, choose="first", classes=["cat"])
        assert first[""].tolist() == [0, 1, 2]
        assert first["cat"].tolist() == np.flatnonzero(LABELS == 2)[:3].tolist()

    def test_seed_and_other_classes(self):
        one = probe_sets(LABELS, NAMES, num_samples=10, classes=["ant"])
        both = probe_sets(LABELS, NAMES, num_samples=10, classes=["bee", "ant"])
        other = probe_sets(LABELS, NAMES, num_samples=10, classes=["ant"], seed=1)
        assert one["ant"].tolist() == both["ant"].tolist() != other["ant"].tolist()

    def test_classes_that_are_not_there(self):
        with pytest.raises(UserError, match="no class 'cow'; the data set has ant, bee"):
            probe_sets(LABELS, NAMES, num_samples=10, classes=["cow"])
        with pytest.raises(UserError, match="class 'dodo' has no image in the split"):
            probe_sets(LABELS, NAMES, num_samples=10, classes=["dodo"])
