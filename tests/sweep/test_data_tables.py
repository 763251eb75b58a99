"""Tables of images: Parquet, Arrow IPC, Hugging Face on disk; here and behind S3."""

import json
import socket

import datasets
import numpy as np
import pyarrow as pa
import pytest
from moto.server import ThreadedMotoServer
from PIL import Image
from pyarrow import fs
from pydantic import ValidationError

from sweep.config import DataConfig
from sweep.data import open_source
from sweep.data.partitions import prepare_data
from sweep.errors import UserError
from tests.sweep import image_files as files

NUM = 60
LABELS = files.labels_of(NUM, 3)
SMALL = files.random_images(NUM, (3, 8, 8))


def flat(images, **metadata):
    column = pa.FixedSizeListArray.from_arrays(pa.array(images.reshape(-1)), images[0].size)
    table = pa.table({"image": column, "label": LABELS[: len(images)]})
    return table.replace_schema_metadata(metadata or None)


def nested(images):
    return pa.table({"image": pa.array(images.tolist()), "label": LABELS[: len(images)]})


def structs(images, labels=LABELS):
    return pa.table({"label": labels, "more": labels, "image": files.image_struct(images)})


def tensors(images):
    kind = pa.fixed_shape_tensor(pa.uint8(), images.shape[1:])
    storage = flat(images).column("image").combine_chunks()
    column = pa.ExtensionArray.from_storage(kind, storage)
    return pa.table({"image": column, "label": LABELS[: len(images)]})


def binary(images):
    return pa.table({"image": [files.encoded(i) for i in images], "label": LABELS[: len(images)]})


def check(data, images=SMALL, labels=LABELS):
    """All images are there, each with its label, whatever the split."""
    seen = []
    for name in ("train", "test"):
        split = data.split(name)
        np.testing.assert_array_equal(split.images, images[split.ids])
        np.testing.assert_array_equal(split.labels, labels[split.ids])
        seen += split.ids.tolist()
    assert sorted(seen) == list(range(len(images)))


@pytest.mark.parametrize(
    "form", [structs, tensors, binary, nested, lambda i: flat(i, shape="[3, 8, 8]")]
)
@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream"])
def test_every_form_of_image_comes_back_to_the_bit(form, kind, tmp_path, storage):
    table = form(SMALL)
    if kind == "parquet":
        files.write_parquet(tmp_path / "a.parquet", table)
    else:
        files.write_ipc(tmp_path / "a.arrow", table, stream=kind == "stream")
    name = "parquet" if kind == "parquet" else "arrow"
    check(prepare_data(DataConfig(name=name, path=str(tmp_path)), storage))


def test_channels_last_is_turned_and_the_shape_may_be_set(tmp_path, storage):
    files.write_parquet(tmp_path / "a.parquet", nested(SMALL.transpose(0, 2, 3, 1)))
    check(prepare_data(DataConfig(name="parquet", path=str(tmp_path)), storage))
    grey = SMALL[:, :1]
    files.write_ipc(tmp_path / "b.arrow", flat(grey))
    config = DataConfig(name="arrow", path=str(tmp_path / "b.arrow"), image_shape=(1, 8, 8))
    check(prepare_data(config, storage), grey)


def test_files_are_read_in_the_order_of_their_names_and_splits_by_name(tmp_path, storage):
    for name, rows in (
        ("test-0", slice(40, 60)),
        ("train-1", slice(20, 40)),
        ("train-0", slice(20)),
    ):
        files.write_parquet(tmp_path / f"{name}.parquet", structs(SMALL[rows], LABELS[rows]))
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "_ignored.parquet").touch()
    data = prepare_data(DataConfig(name="parquet", path=str(tmp_path)), storage)
    assert data.counts == {"train": 40, "test": 20}
    check(data)


def test_only_chosen_row_groups_are_read(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    files.write_parquet(tmp_path / "a.parquet", structs(SMALL), row_group_size=10)
    split = open_source(DataConfig(name="parquet", path=str(tmp_path))).splits["all"]
    groups = []
    whole = pq.ParquetFile.iter_batches

    def watched(self, size, row_groups, columns):
        groups.extend(row_groups)
        return whole(self, size, row_groups, columns)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", watched)
    rows = np.array([3, 41, 59])
    assert list(split.images(rows)) == [files.encoded(SMALL[row]) for row in rows]
    assert groups == [0, 4, 5]
    assert split.place(41) == "a.parquet row 41"


@pytest.mark.parametrize("dictionary", [False, True])
def test_strings_are_class_names(dictionary, tmp_path):
    words = np.array(["owl", "ant", "cat"])[LABELS].tolist()
    words[5], words[6] = None, ""
    column = pa.array(words)
    table = binary(SMALL).set_column(
        1, "label", column.dictionary_encode() if dictionary else column
    )
    files.write_parquet(tmp_path / "a.parquet", table)
    source = open_source(DataConfig(name="parquet", path=str(tmp_path)))
    assert source.class_names == ["ant", "cat", "owl"]
    labels = source.splits["all"].labels
    assert [source.class_names[i] for i in labels[:5]] == words[:5]
    assert (labels < 0).nonzero()[0].tolist() == [5, 6]


class TestHuggingFace:
    """What the library saves, read back without it."""

    FEATURES = datasets.Features(
        {"img": datasets.Image(), "label": datasets.ClassLabel(names=["x", "y", "z", "none"])}
    )

    @pytest.fixture(autouse=True)
    def _quiet(self):
        datasets.disable_progress_bars()

    def saved(self, images, labels):
        pictures = [Image.fromarray(image.transpose(1, 2, 0)) for image in images]
        columns = {"img": pictures, "label": labels}
        return datasets.Dataset.from_dict(columns, features=self.FEATURES)

    def test_dataset_dict(self, tmp_path, storage):
        both = datasets.DatasetDict(
            train=self.saved(SMALL[:40], LABELS[:40]),
            validation=self.saved(SMALL[40:], LABELS[40:]),
        )
        both.save_to_disk(tmp_path / "d", num_shards={"train": 3, "validation": 1})
        (tmp_path / "d" / "train" / "cache-1.arrow").write_bytes(b"of some map()")
        config = DataConfig(name="hf", path=str(tmp_path / "d"), image_column="img")
        data = prepare_data(config, storage)
        assert data.counts == {"train": 40, "test": 20}
        assert data.class_names == ["x", "y", "z", "none"]
        assert data.problems["empty_classes"]["named"] == ["none in train", "none in test"]
        check(data)

    def test_dataset_of_arrays_and_of_chosen_rows(self, tmp_path, storage):
        features = datasets.Features(
            {"image": datasets.Array3D((3, 8, 8), "uint8"), "label": datasets.Value("int32")}
        )
        whole = datasets.Dataset.from_dict({"image": SMALL, "label": LABELS}, features=features)
        whole.select(range(NUM - 1, -1, -1)).save_to_disk(tmp_path / "d")
        data = prepare_data(DataConfig(name="hf", path=str(tmp_path / "d")), storage)
        check(data, SMALL[::-1], LABELS[::-1])

    def test_unlabelled_images_are_bad_labels(self, tmp_path, storage):
        self.saved(SMALL, [-1, *LABELS[1:]]).save_to_disk(tmp_path / "d")
        config = DataConfig(name="hf", path=str(tmp_path / "d"), image_column="img")
        with pytest.raises(UserError, match=r"data-00000-of-00001\.arrow row 0: label -1 of 4"):
            prepare_data(config, storage)


@pytest.mark.parametrize(
    ("table", "settings", "problem"),
    [
        (binary(SMALL), {"image_column": "img"}, "no column 'img' in .* which has image, label"),
        (binary(SMALL), {"label_column": "y"}, r"data\.label_column: no column 'y'"),
        (pa.table({"image": [b""], "label": [0.5]}), {}, "must hold .*, but holds double"),
        (pa.table({"image": [b""], "label": [10**12]}), {}, "has label 1000000000000: labels"),
        (flat(SMALL), {}, r"60 corrupt \(a\.parquet row .*set data\.image_shape"),
        (flat(SMALL), {"image_shape": (3, 4, 4)}, r"192 pixels don't make shape \(3, 4, 4\)"),
        (nested(SMALL[:, :2]), {}, r"shape \(2, 8, 8\) is not that of an image"),
        (nested(SMALL * 1.0), {}, "pixels are float64, not whole"),
        (nested(SMALL.astype(int) * 2), {}, "pixels from 0 to 510, not 0 to 255"),
        (pa.table({"image": LABELS, "label": LABELS}), {}, "a cell of type int64 is no image"),
        (binary(SMALL).set_column(0, "image", pa.nulls(NUM, pa.binary())), {}, "row [0-9]+: no im"),
    ],
)  # fmt: skip
def test_what_a_table_may_get_wrong(table, settings, problem, tmp_path, storage):
    files.write_parquet(tmp_path / "a.parquet", table)
    with pytest.raises(UserError, match=problem):
        prepare_data(DataConfig(name="parquet", path=str(tmp_path), **settings), storage)


@pytest.mark.parametrize("name", ["parquet", "arrow"])
def test_broken_files_are_named(name, tmp_path):
    (tmp_path / f"a.{name}").write_bytes(b"PAR1 or ARROW1, but not quite")
    with pytest.raises(UserError, match=rf"a\.{name} can't be read .*: write it anew"):
        open_source(DataConfig(name=name, path=str(tmp_path)))


def test_labels_of_one_kind(tmp_path):
    files.write_parquet(tmp_path / "a.parquet", binary(SMALL))
    files.write_parquet(tmp_path / "b.parquet", pa.table({"image": [b""], "label": ["a"]}))
    with pytest.raises(UserError, match="integers in some files and strings in others"):
        open_source(DataConfig(name="parquet", path=str(tmp_path)))


SECRET = "wJalrXUtnFEMI"


@pytest.fixture(scope="module")
def server():
    """A server that speaks S3 on loopback."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server, monkeypatch):
    """An empty bucket, written to as pyarrow does."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    scheme, _, host = server.partition("://")
    there = fs.S3FileSystem(
        endpoint_override=host, scheme=scheme, region="us-east-1", allow_bucket_creation=True,
        allow_bucket_deletion=True,
    )  # fmt: skip
    there.create_dir("pictures")
    yield there
    there.delete_dir("pictures")


class TestBucket:
    def test_parquet(self, server, bucket, storage, monkeypatch):
        for split, rows in (("train", slice(40)), ("test", slice(40, 60))):
            table = structs(SMALL[rows], LABELS[rows])
            files.write_parquet(f"pictures/set/{split}/0.parquet", table, bucket)
        by_option = DataConfig(
            name="parquet", path="s3://pictures/set", storage_options={"endpoint_override": server}
        )
        data = prepare_data(by_option, storage)
        assert data.counts == {"train": 40, "test": 20}
        check(data)
        assert SECRET not in (data.folder / "manifest.json").read_text()
        monkeypatch.setenv("AWS_ENDPOINT_URL", server)
        by_environment = DataConfig(name="parquet", path="s3://pictures/set")
        assert prepare_data(by_environment, storage).digest == data.digest

    def test_arrow_in_both_formats(self, server, bucket, storage, tmp_path):
        options = {"endpoint_override": server, "region": "us-east-1"}
        for stream in (False, True):
            files.write_ipc(tmp_path / "a.arrow", binary(SMALL), stream)
            with bucket.open_output_stream("pictures/a.arrow") as sink:
                sink.write((tmp_path / "a.arrow").read_bytes())
            source = open_source(
                DataConfig(name="arrow", path="s3://pictures/a.arrow", storage_options=options)
            )
            rows = np.array([0, 17, 59])
            assert list(source.splits["all"].images(rows)) == [
                files.encoded(SMALL[r]) for r in rows
            ]

    def test_what_is_not_there(self, server, bucket):
        options = {"endpoint_override": server}
        for path, problem in (
            ("s3://pictures/none", "there is nothing at s3://pictures/none; parquet needs"),
            ("s3://nobucket/none", "there is nothing at s3://nobucket/none|can't be reached"),
        ):
            with pytest.raises(UserError, match=problem) as error:
                open_source(DataConfig(name="parquet", path=path, storage_options=options))
            assert "\n" not in str(error.value)

    def test_no_server(self, monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            options = {"endpoint_override": f"http://127.0.0.1:{taken.getsockname()[1]}"}
            config = DataConfig(name="parquet", path="s3://b/a", storage_options=options)
            with pytest.raises(
                UserError, match=r"s3://b/a can't be reached \(.*credentials"
            ) as error:
                open_source(config)
        assert SECRET not in str(error.value)

    @pytest.mark.parametrize(
        "settings",
        [
            {"path": f"s3://key:{SECRET}@pictures/a"},
            {"path": f"s3://pictures/a?secret_key={SECRET}"},
            {"path": "s3://p/a", "storage_options": {"endpoint_override": f"http://k:{SECRET}@h"}},
        ],
    )
    def test_credentials_stay_out_of_files_and_messages(self, settings):
        with pytest.raises(ValidationError, match="leave them to the environment") as error:
            DataConfig(name="parquet", **settings)
        assert SECRET not in str(error.value)


def test_metadata_that_is_no_json_is_told(tmp_path):
    table = binary(SMALL).replace_schema_metadata({"huggingface": json.dumps({})[:-1]})
    files.write_parquet(tmp_path / "a.parquet", table)
    with pytest.raises(UserError, match=r"a\.parquet can't be read"):
        open_source(DataConfig(name="parquet", path=str(tmp_path)))
