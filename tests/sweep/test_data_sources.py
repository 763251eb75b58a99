"""Each source reads what its makers write, and says in one line what is wrong with it."""

import os
from pathlib import Path

import numpy as np
import pytest
import torchvision
from torchvision.datasets import ImageFolder
from torchvision.datasets.mnist import read_image_file

from sweep.config import DataConfig
from sweep.data import DATASETS, open_source
from sweep.data.partitions import prepare_data
from sweep.errors import UserError
from tests.sweep import image_files as files

NUM_TRAIN, NUM_TEST = 40, 20


def parts(shape, num_classes=10):
    """Images and labels of train and test."""
    return (
        (files.random_images(NUM_TRAIN, shape, 0), files.labels_of(NUM_TRAIN, num_classes)),
        (files.random_images(NUM_TEST, shape, 1), files.labels_of(NUM_TEST, num_classes)),
    )


def write_mnist(folder, train, test):
    files.write_idx(folder, train, test)


def write_packed(folder, train, test):
    files.write_idx(folder / "MNIST" / "raw", train, test, pack=True)


def write_cifar10_below(folder, train, test):
    files.write_cifar10(folder / "cifar-10-batches-bin", train, test)


@pytest.mark.parametrize(
    ("name", "write", "shape", "num_classes"),
    [
        ("mnist", write_mnist, (1, 28, 28), 10),
        ("mnist", write_packed, (1, 28, 28), 10),
        ("fashion_mnist", write_mnist, (1, 28, 28), 10),
        ("cifar10", files.write_cifar10, (3, 32, 32), 10),
        ("cifar10", write_cifar10_below, (3, 32, 32), 10),
        ("cifar100", files.write_cifar100, (3, 32, 32), 100),
        ("svhn", files.write_svhn, (3, 32, 32), 10),
    ],
)
def test_official_splits_come_as_they_were_written(
    name, write, shape, num_classes, tmp_path, storage
):
    written = dict(zip(("train", "test"), parts(shape, num_classes), strict=True))
    write(tmp_path / "files", written["train"], written["test"])
    data = prepare_data(DataConfig(name=name, path=str(tmp_path / "files")), storage)
    assert (data.format, data.image_shape, data.num_classes) == ("tensor", shape, num_classes)
    assert len(set(data.class_names)) == num_classes
    for split, (images, labels) in written.items():
        np.testing.assert_array_equal(data.split(split).images, images)
        np.testing.assert_array_equal(data.split(split).labels, labels)
    assert data.split("test").ids.tolist() == list(range(NUM_TRAIN, NUM_TRAIN + NUM_TEST))


def test_idx_is_read_as_torchvision_reads_it(tmp_path):
    files.write_idx(tmp_path, *parts((1, 28, 28)))
    source = open_source(DataConfig(name="mnist", path=str(tmp_path)))
    theirs = read_image_file(str(tmp_path / "train-images-idx3-ubyte"))
    np.testing.assert_array_equal(source.splits["train"].pixels[:, 0], theirs.numpy())


def test_svhn_is_read_as_torchvision_reads_it(tmp_path, monkeypatch):
    files.write_svhn(tmp_path / "files", *parts((3, 32, 32)))
    monkeypatch.setattr(torchvision.datasets.SVHN, "_check_integrity", lambda self: True)
    theirs = torchvision.datasets.SVHN(tmp_path / "files", split="test")
    ours = open_source(DataConfig(name="svhn", path=str(tmp_path / "files"))).splits["test"]
    np.testing.assert_array_equal(ours.pixels, theirs.data)
    np.testing.assert_array_equal(ours.labels, theirs.labels)


@pytest.mark.parametrize("name", [name for name, data in DATASETS.items() if data.files])
def test_missing_files_are_told_in_one_line(name, tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match=r"data\.path: ") as error:
            open_source(DataConfig(name=name, path=str(path)))
        message = str(error.value)
        assert "\n" not in message
        assert str(path) in message
        assert f"{name} needs" in message


def test_pickled_cifar_is_refused(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(b"never opened")
    with pytest.raises(UserError, match=r"unpickling runs code; cifar10 needs.*\*binary\*"):
        open_source(DataConfig(name="cifar10", path=str(tmp_path)))


def cut(path, num_bytes=1):
    path.write_bytes(path.read_bytes()[:-num_bytes])


@pytest.mark.parametrize(
    ("name", "write", "shape", "file", "problem"),
    [
        ("mnist", write_mnist, (1, 28, 28), "t10k-images-idx3-ubyte", "where its head says 15680"),
        ("mnist", write_packed, (1, 28, 28), "MNIST/raw/t10k-images-idx3-ubyte.gz", "end-of-str"),
        ("cifar10", files.write_cifar10, (3, 32, 32), "test_batch.bin", "no whole number"),
        ("svhn", files.write_svhn, (3, 32, 32), "test_32x32.mat", "can't be read"),
    ],
)
def test_truncated_files_are_named(name, write, shape, file, problem, tmp_path):
    write(tmp_path / "files", *parts(shape))
    cut(tmp_path / "files" / file, 100)
    with pytest.raises(
        UserError, match=f"{os.path.basename(file)} can't be read.*get it anew"
    ) as e:
        open_source(DataConfig(name=name, path=str(tmp_path / "files")))
    assert problem in str(e.value)


def test_idx_of_unlike_lengths_and_of_another_kind(tmp_path):
    train, test = parts((1, 28, 28))
    files.write_idx(tmp_path, train, (test[0], test[1][:-1]))
    with pytest.raises(UserError, match="has 20 images, but its labels file has 19"):
        open_source(DataConfig(name="mnist", path=str(tmp_path)))
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"\0\0\x0d\x03" + bytes(12))
    with pytest.raises(UserError, match="not an idx file of bytes"):
        open_source(DataConfig(name="mnist", path=str(tmp_path)))


def small_color(num, seed=0):
    return list(files.random_images(num, (3, 8, 8), seed))


def test_image_folder_lists_as_torchvision_does(tmp_path):
    images = small_color(30)
    names = ["b", "a", "B10", "B9"]
    files.write_folder(tmp_path, images, files.labels_of(30, 4), names)
    files.write_folder(tmp_path / "a" / "deeper", images[:2], [0, 0], ["one"], ending="JPeG")
    (tmp_path / "a" / "Thumbs.db").write_bytes(b"x")
    theirs = ImageFolder(tmp_path)
    ours = open_source(DataConfig(name="image_folder", path=str(tmp_path)))
    split = ours.splits["all"]
    assert ours.class_names == theirs.classes
    assert [str(tmp_path / file) for file in split.files] == [path for path, _ in theirs.samples]
    assert split.labels.tolist() == [label for _, label in theirs.samples]
    assert ours.ignored == ["a/Thumbs.db"]


def test_order_of_the_file_system_changes_nothing(tmp_path, monkeypatch):
    files.write_folder(tmp_path, small_color(12), files.labels_of(12, 3), ["a", "b", "c"])
    config = DataConfig(name="image_folder", path=str(tmp_path))
    before = open_source(config).splits["all"].files
    walk = os.walk

    def backwards(*arguments, **settings):
        for parent, folders, names in walk(*arguments, **settings):
            yield parent, folders[::-1], names[::-1]

    monkeypatch.setattr(os, "walk", backwards)
    assert open_source(config).splits["all"].files == before


@pytest.mark.parametrize("held_out", ["test", "val", "valid", "validation"])
def test_image_folder_with_official_splits(held_out, tmp_path, storage):
    for split, num in (("train", 24), (held_out, 6)):
        images = small_color(num, seed=num)
        files.write_folder(tmp_path / split, images, files.labels_of(num, 2), ["cat", "dog"])
    data = prepare_data(DataConfig(name="image_folder", path=str(tmp_path)), storage)
    assert data.counts == {"train": 24, "test": 6}
    assert data.class_names == ["cat", "dog"]


def test_a_class_may_be_called_train(tmp_path):
    files.write_folder(tmp_path, small_color(4), [0, 0, 1, 1], ["car", "train"])
    source = open_source(DataConfig(name="image_folder", path=str(tmp_path)))
    assert (list(source.splits), source.class_names) == (["all"], ["car", "train"])


def test_image_folder_without_folders_says_what_is_wanted(tmp_path):
    (tmp_path / "a.png").write_bytes(files.encoded(small_color(1)[0]))
    with pytest.raises(UserError, match=r"holds no folder.*image_folder needs CLASS/\*\.jpg"):
        open_source(DataConfig(name="image_folder", path=str(tmp_path)))


def test_a_pipe_among_the_files_is_no_image(tmp_path, storage):
    files.write_folder(tmp_path / "i", small_color(30), [0] * 30, ["a"])
    os.mkfifo(tmp_path / "i" / "a" / "x.jpg")
    with pytest.raises(UserError, match=r"1 corrupt \(a/x\.jpg: no regular file\)"):
        prepare_data(DataConfig(name="image_folder", path=str(tmp_path / "i")), storage)


def test_nine_images_are_too_few_to_measure(tmp_path, storage):
    files.write_folder(tmp_path, small_color(9), [0] * 9, ["a"])
    config = DataConfig(name="image_folder", path=str(tmp_path), test_fraction=0)
    with pytest.raises(UserError, match=r"data: 9 images, but measuring needs 20$"):
        prepare_data(config, storage)


def test_imagenet_layout_keeps_jpegs_to_the_bit(tmp_path, storage):
    wnids = ["n01440764", "n01443537", "n02102040"]
    rng = np.random.default_rng(0)
    for split, num in (("train", 30), ("val", 9)):
        shapes = [(3, *rng.integers(70, 90, 2)) for _ in range(num)]
        images = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]
        labels = files.labels_of(num, 3)
        files.write_folder(tmp_path / split, images, labels, wnids[::-1], "JPEG", "JPEG")
    # A class that only val has still counts: an index is its place among all.
    files.write_folder(tmp_path / "val", images[:1], [0], ["n00000001"], "JPEG", "JPEG")
    data = prepare_data(DataConfig(name="imagenet", path=str(tmp_path)), storage)
    assert data.format == "encoded"
    assert data.image_shape is None
    assert data.class_names == ["n00000001", *wnids]
    assert data.counts == {"train": 30, "test": 10}
    theirs = ImageFolder(tmp_path / "train")
    stored = data.split("train").stored(slice(None))
    for content, label, (path, their_label) in zip(
        stored, data.split("train").labels, theirs.samples, strict=True
    ):
        assert content == Path(path).read_bytes()
        assert label == their_label + 1
    with pytest.raises(TypeError, match="use stored"):
        _ = data.split("train").images
