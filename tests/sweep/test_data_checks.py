"""What is wrong with images is found, counted, named and limited; nothing half-written stays."""

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from sweep.config import DataConfig
from sweep.data.decode import decode, open_image
from sweep.data.examine import PixelStatistics
from sweep.data.partitionfile import PartitionWriter
from sweep.data.partitions import prepare_data, prepared_data
from sweep.data.problems import NAMED, Problems, find_duplicates
from sweep.errors import UserError
from tests.sweep import image_files as files

NAMES = ["ant", "bee", "cat"]


@pytest.fixture
def folder(tmp_path):
    """60 images, 20 a class."""
    images = files.random_images(60, (3, 8, 8))
    files.write_folder(tmp_path / "images", images, files.labels_of(60, 3), NAMES)
    return tmp_path / "images"


def config_of(folder, **settings):
    return DataConfig(name="image_folder", path=str(folder), **settings)


def damage(folder):
    """Four files that are no images, each in its own way."""
    whole = files.encoded(files.random_images(1, (3, 40, 40))[0], "JPEG")
    (folder / "ant" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "ant" / "empty.png").write_bytes(b"")
    (folder / "bee" / "text.jpg").write_bytes(b"<html>404</html>")
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(folder / "cat" / "deep.png")


def test_a_sound_set_has_no_problems(folder, storage):
    problems = prepare_data(config_of(folder), storage).problems
    assert all(not (p["count"] if isinstance(p, dict) else p) for p in problems.values())


def test_corrupt_images_are_an_error_that_names_them(folder, storage):
    damage(folder)
    with pytest.raises(
        UserError, match="at most 0 images may be bad, but found 4 corrupt"
    ) as error:
        prepare_data(config_of(folder), storage)
    message = str(error.value)
    assert "ant/cut.jpg: image file is truncated" in message
    assert "and 1 more" in message
    assert "data.max_bad_images=4" in message
    assert "\n" not in message
    assert list((storage.folder / "data").iterdir()) == []


def test_corrupt_images_within_the_limit_are_left_out(folder, storage):
    clean = prepare_data(config_of(folder), storage)
    damage(folder)
    config = config_of(folder, max_bad_images=4)
    data = prepare_data(config, storage)
    named = data.problems["corrupt"]["named"]
    assert sorted(name.partition(":")[0] for name in named) == [
        "ant/cut.jpg", "ant/empty.png", "bee/text.jpg", "cat/deep.png",
    ]  # fmt: skip
    assert data.problems["corrupt"]["count"] == 4
    assert any("mode I;16" in name for name in named)
    assert any("empty.png: empty" in name for name in named)
    assert sum(data.counts.values()) == sum(clean.counts.values())
    assert data.mean != clean.mean  # another split of more files
    with pytest.raises(UserError, match="at most 3 images may be bad"):
        prepare_data(config_of(folder, max_bad_images=3), storage)


def test_when_all_is_corrupt(tmp_path, storage):
    for number in range(30):
        (tmp_path / "images" / "a").mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / "a" / f"{number}.png").write_bytes(b"no")
    with pytest.raises(UserError, match="leaving out what is corrupt leaves 0 of 30 images"):
        prepare_data(config_of(tmp_path / "images", max_bad_images=30), storage)
    assert prepared_data(config_of(tmp_path / "images", max_bad_images=30), storage) is None


def test_bad_labels_count_as_bad_images(tmp_path, storage):
    images = [files.encoded(image) for image in files.random_images(60, (3, 8, 8))]
    labels = files.labels_of(60, 3).tolist()
    labels[7], labels[9] = None, -3
    files.write_parquet(tmp_path / "a.parquet", pa.table({"image": images, "label": labels}))
    config = DataConfig(name="parquet", path=str(tmp_path))
    expected = (
        r"2 without a valid label \(a\.parquet row 7: no label, "
        r"a\.parquet row 9: label -3 of 3 classes\)"
    )
    with pytest.raises(UserError, match=expected):
        prepare_data(config, storage)
    data = prepare_data(config.model_copy(update={"max_bad_images": 2}), storage)
    ids = np.concatenate([data.split(split).ids for split in ("train", "test")])
    assert sorted(ids) == [row for row in range(60) if row not in (7, 9)]


def test_labels_beyond_the_classes_of_the_makers(tmp_path, storage):
    images = files.random_images(60)
    labels = files.labels_of(60)
    labels[3] = 11
    files.write_cifar10(tmp_path / "c", (images, labels), (images[:20], labels[10:30]))
    with pytest.raises(UserError, match="row 3: label 11 of 10 classes"):
        prepare_data(DataConfig(name="cifar10", path=str(tmp_path / "c")), storage)


def test_duplicates_are_counted_named_and_limited(tmp_path, storage):
    images = files.random_images(40, (3, 8, 8))
    train = np.concatenate([images[:30], images[:2]])
    for split, pixels in (("train", train), ("test", np.concatenate([images[30:], images[5:6]]))):
        labels = files.labels_of(len(pixels), 3)
        files.write_folder(tmp_path / "i" / split, pixels, labels, NAMES)
    config = config_of(tmp_path / "i")
    data = prepare_data(config, storage)
    found = data.problems["duplicates"]
    assert found["count"] == 3
    assert set(found["named"]) == {
        "train/ant/0030.png = train/ant/0000.png",
        "train/bee/0031.png = train/bee/0001.png",
        "test/bee/0010.png = train/cat/0005.png",
    }
    assert (data.problems["across_splits"], data.problems["conflicting"]) == (1, 1)
    prepare_data(config.model_copy(update={"max_duplicates": 3}), storage)
    with pytest.raises(UserError, match="at most 2 images may equal an earlier one, but found 3"):
        prepare_data(config.model_copy(update={"max_duplicates": 2}), storage)


def test_many_duplicates_of_one_image_name_the_first():
    problems = Problems()
    keys = np.zeros((50, 16), np.uint8)
    keys[::2, 3] = 7
    find_duplicates(problems, keys, np.zeros(50, np.int64), 25, str)
    assert problems.duplicates.count == 48
    assert problems.duplicates.named[:3] == ["2 = 0", "3 = 1", "4 = 0"]
    assert len(problems.duplicates.named) == NAMED
    assert (problems.across_splits, problems.conflicting) == (25, 0)


def test_empty_classes_are_named_and_may_be_forbidden(folder, storage):
    (folder / "dodo").mkdir()
    (folder / "cat" / "notes.txt").write_text("not an image")
    data = prepare_data(config_of(folder), storage)
    assert data.num_classes == 4
    assert data.problems["empty_classes"]["named"] == ["dodo in train", "dodo in test"]
    assert data.problems["ignored_files"]["named"] == ["cat/notes.txt"]
    with pytest.raises(UserError, match=r"2 classes have no image \(dodo in train, dodo in test\)"):
        prepare_data(config_of(folder, allow_empty_classes=False), storage)
    prepare_data(config_of(folder, allow_empty_classes=False, classes=NAMES), storage)


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("1", 1), ("L", 1), ("LA", 1), ("P", 3), ("RGB", 3), ("RGBA", 3), ("CMYK", 3), ("YCbCr", 3)],
)
def test_every_mode_becomes_grey_or_color(mode, channels, tmp_path):
    kind = {"CMYK": "tiff", "YCbCr": "tiff"}.get(mode, "png")
    Image.new(mode, (5, 4)).save(tmp_path / f"a.{kind}")
    assert decode((tmp_path / f"a.{kind}").read_bytes()).shape == (channels, 4, 5)


def test_statistics_are_those_of_all_pixels():
    color, grey = files.random_images(1, (3, 9, 7))[0], files.random_images(1, (1, 5, 6), 1)[0]
    pixels = [color.reshape(3, -1), grey.reshape(1, -1).repeat(3, 0)]
    together = np.concatenate(pixels, axis=1) / 255
    statistics = PixelStatistics.empty()
    for image in (color, grey):
        levels = np.asarray(open_image(files.encoded(image)).histogram()).reshape(-1, 256)
        statistics.update(levels)
    mean, std = statistics.moments()
    np.testing.assert_allclose(mean, together.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(std, together.std(axis=1), rtol=1e-12)
    only_grey = PixelStatistics.empty()
    only_grey.update(np.bincount(grey.ravel(), minlength=256)[None])
    np.testing.assert_allclose(only_grey.moments(), [[grey.mean() / 255], [grey.std() / 255]])


def test_a_full_disk_is_one_line_and_leaves_nothing(folder, storage, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PartitionWriter, "close", full)
    with pytest.raises(UserError, match=r"the disk of \S+ is full: .* free: make room there"):
        prepare_data(config_of(folder), storage)
    assert list((storage.folder / "data").iterdir()) == []
