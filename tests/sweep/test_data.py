"""Images go into sealed partitions and come back as they were."""

import numpy as np
import pyarrow as pa
import pytest

from sweep.config import DataConfig
from sweep.data import open_source
from sweep.data.choice import split_by_class
from sweep.data.partitions import prepare_data, prepared_data
from sweep.errors import UserError
from sweep.sealing import is_sealed


def test_partitions_hold_the_source(storage):
    config = DataConfig(partition_rows=500)
    source = open_source(config).splits["all"]
    data = prepare_data(config, storage)
    assert is_sealed(data.folder)
    seen = []
    for split_name in ("train", "test"):
        split = data.split(split_name)
        assert len(split.ids) == data.counts[split_name]
        np.testing.assert_array_equal(split.images, source.pixels[split.ids])
        np.testing.assert_array_equal(split.labels, source.labels[split.ids])
        seen += split.ids.tolist()
    assert sorted(seen) == list(range(len(source.labels)))
    train = source.pixels[data.split("train").ids] / 255
    np.testing.assert_allclose(data.mean, train.mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(data.std, train.std(axis=(0, 2, 3)))


def test_partition_size_changes_no_image_and_no_digest(storage):
    small, large = (
        prepare_data(DataConfig(partition_rows=rows), storage) for rows in (100, 100_000)
    )
    assert small.digest == large.digest
    np.testing.assert_array_equal(small.split("train").images, large.split("train").images)


def test_digest_tells_another_split(storage):
    digests = {prepare_data(DataConfig(seed=seed), storage).digest for seed in (0, 1)}
    assert len(digests) == 2


def test_sealed_data_is_not_written_again(storage):
    config = DataConfig()
    assert prepared_data(config, storage) is None
    data = prepare_data(config, storage)
    before = {path: path.stat().st_mtime_ns for path in data.folder.iterdir()}
    prepare_data(config, storage)
    assert {path: path.stat().st_mtime_ns for path in data.folder.iterdir()} == before


def test_one_partition_is_read_without_a_copy(storage):
    data = prepare_data(DataConfig(), storage)
    before = pa.total_allocated_bytes()
    split = data.split("test")
    assert pa.total_allocated_bytes() == before
    assert not split.images.flags.writeable


@pytest.mark.parametrize(("fraction", "split"), [(0.0001, "test"), (0.9999, "train")])
def test_refuses_a_split_without_images(storage, fraction, split):
    with pytest.raises(UserError, match=f"leaves 0 of 1797 images to {split}"):
        prepare_data(DataConfig(test_fraction=fraction), storage)


def test_every_class_gives_its_share():
    labels = np.repeat(np.arange(4), [100, 40, 20, 8])
    parts = split_by_class(labels, 0.25, seed=0)
    np.testing.assert_array_equal(np.bincount(labels[parts["test"]]), [25, 10, 5, 2])
    assert not set(parts["train"]) & set(parts["test"])
