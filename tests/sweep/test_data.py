"""Images go into sealed partitions and come back as they were."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.config import DataConfig
from sweep.data import open_source, partitionfile
from sweep.data.choice import split_by_class
from sweep.data.decode import decode
from sweep.data.partitionfile import PartitionWriter, read_partition
from sweep.data.partitions import Split, prepare_data, prepared_data
from sweep.errors import UserError
from sweep.sealing import is_sealed
from tests.sweep import image_files as files


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
    expected = split_by_class(source.labels, config.test_fraction, config.seed)
    np.testing.assert_array_equal(data.split("test").ids, expected["test"])
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


def written(contents, rows, shape):
    """A split of such contents, labels 10 n and ids 3 n, in partitions of so many rows."""
    with tempfile.TemporaryDirectory() as folder:
        writer = PartitionWriter(Path(folder), "train", rows)
        for number, content in enumerate(contents):
            writer.add(3 * number, 10 * number, content)
        writer.close()
        return Split([read_partition(path) for path in sorted(Path(folder).iterdir())], shape)


@given(
    shape=st.tuples(st.sampled_from([1, 3]), st.integers(1, 9), st.integers(1, 9)),
    num=st.integers(1, 30),
    rows=st.integers(1, 40),
    data=st.data(),
)
@settings(max_examples=50, deadline=None)
def test_pixels_come_back_to_the_bit(shape, num, rows, data):
    images = files.random_images(num, shape)
    split = written(list(images), rows, shape)
    np.testing.assert_array_equal(split.images, images)
    assert split.labels.tolist() == [10 * n for n in range(num)]
    assert split.ids.tolist() == [3 * n for n in range(num)]
    asked = np.array(data.draw(st.lists(st.integers(0, num - 1), max_size=12)), np.int64)
    np.testing.assert_array_equal(split.stored(asked), images[asked])
    low, high = sorted(data.draw(st.tuples(st.integers(0, num), st.integers(0, num))))
    np.testing.assert_array_equal(split.stored(slice(low, high)), images[low:high])


@given(contents=st.lists(st.binary(max_size=50), min_size=1, max_size=20), rows=st.integers(1, 25))
@settings(max_examples=50, deadline=None)
def test_encoded_images_come_back_to_the_bit(contents, rows):
    split = written(contents, rows, None)
    assert split.stored(slice(None)) == contents
    assert split.stored(np.arange(len(contents))[::-1]) == contents[::-1]
    assert len(split) == len(contents)


def test_rows_that_are_not_there():
    split = written([b"a", b"b"], 1, None)
    for rows in ([2], [-1]):
        with pytest.raises(IndexError, match="of 2 images"):
            split.stored(np.array(rows))


def test_partitions_stay_small_in_bytes_too(monkeypatch, tmp_path):
    monkeypatch.setattr(partitionfile, "MAX_BYTES", 100)
    writer = PartitionWriter(tmp_path, "train", 1000)
    for _ in range(10):
        writer.add(0, 0, bytes(40))
    writer.close()
    sizes = [read_partition(path).num_rows for path in sorted(tmp_path.iterdir())]
    assert sizes == [3, 3, 3, 1]


@pytest.mark.parametrize("rows", [1, 16, 1000])
def test_encoded_sets_keep_digest_and_statistics_in_any_partitions(rows, tmp_path, storage):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (3, *rng.integers(4, 9, 2)), np.uint8) for _ in range(40)]
    files.write_folder(tmp_path / "i", images, files.labels_of(40, 2), ["a", "b"])
    config = DataConfig(name="image_folder", path=str(tmp_path / "i"), partition_rows=rows)
    data = prepare_data(config, storage)
    whole = prepare_data(config.model_copy(update={"partition_rows": 7}), storage)
    assert (data.digest, data.mean, data.std) == (whole.digest, whole.mean, whole.std)
    assert data.split("train").stored(slice(None)) == whole.split("train").stored(slice(None))
    ids = data.split("train").ids
    in_order = [image for label in (0, 1) for image in images[label::2]]
    pixels = np.concatenate([in_order[i].reshape(3, -1) for i in ids], axis=1) / 255
    np.testing.assert_allclose(data.mean, pixels.mean(axis=1))
    np.testing.assert_allclose(data.std, pixels.std(axis=1))


@pytest.mark.parametrize(
    ("shapes", "format_"),
    [
        ([(3, 64, 64)], "tensor"),
        ([(3, 65, 64)], "encoded"),
        ([(3, 8, 8), (3, 8, 9)], "encoded"),
        ([(3, 8, 8), (1, 8, 8)], "encoded"),
    ],
)
def test_what_is_kept_as_pixels(shapes, format_, tmp_path, storage):
    images = [files.random_images(1, shapes[n % len(shapes)], n)[0] for n in range(40)]
    files.write_folder(tmp_path / "i", images, [0] * 40, ["a"])
    data = prepare_data(DataConfig(name="image_folder", path=str(tmp_path / "i")), storage)
    assert data.format == format_
    assert data.image_shape == (shapes[0] if format_ == "tensor" else None)


def test_large_arrays_are_kept_as_png(tmp_path, storage):
    images = files.random_images(30, (3, 70, 70))
    columns = {"image": pa.array(images.tolist()), "label": files.labels_of(30, 2)}
    files.write_parquet(tmp_path / "a.parquet", pa.table(columns))
    data = prepare_data(DataConfig(name="parquet", path=str(tmp_path)), storage)
    assert data.format == "encoded"
    split = data.split("train")
    for content, number in zip(split.stored(slice(None)), split.ids, strict=True):
        np.testing.assert_array_equal(decode(content), images[number])


def test_digest_tells_an_image_and_a_label_apart(tmp_path, storage):
    digests = set()
    for name, change in (("a", 0), ("b", 1), ("c", 2)):
        images, labels = files.random_images(40, (3, 8, 8)), files.labels_of(40, 2)
        if change == 1:
            images[0, 0, 0, 0] ^= 1
        table = {"image": [files.encoded(i) for i in images], "label": labels}
        if change == 2:
            table["label"] = labels[::-1]
        (tmp_path / name).mkdir()
        files.write_parquet(tmp_path / name / "a.parquet", pa.table(table))
        data = prepare_data(DataConfig(name="parquet", path=str(tmp_path / name)), storage)
        digests.add(data.digest)
    assert len(digests) == 3
