"""What deploy/SECURITY.md promises of files, names and secrets. Each test names its threat."""

import gzip
import io
import json
import os
import re
import struct
import time
import warnings

import numpy as np
import pyarrow as pa
import pytest

from sweep.config import SweepConfig
from sweep.data.decode import MOST_PIXELS, open_image
from sweep.data.partitions import prepare_data
from sweep.errors import UserError
from sweep.execution import LocalProcess
from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import PlainProgress, SilentProgress
from sweep.results import load_results
from sweep.secrets import RAY_TOKEN, has_password, hide_password, keep_token_private
from sweep.spreadsheet import plain_text
from sweep.sweepfile import is_suite, load_sweep, parse_sweep
from sweep.work import describe_failure
from tests.sweep.command_line import call
from tests.sweep.mlflow_servers import free_port

SECRET = "no-such-s3cret"


def holds_secret(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if SECRET.encode() in path.read_bytes()]


# Secrets in URIs


@pytest.mark.parametrize(
    "uri",
    [
        f"http://me:{SECRET}@host:5000",
        f"postgresql+psycopg2://me:{SECRET}@host/db",
        f"postgresql://host/db?user=me&password={SECRET}",
        f"s3://AKIA0:{SECRET}@bucket/folder",
        f"s3://bucket?secret_key={SECRET}",
        f"s3://bucket?access_key={SECRET}&scheme=http",
        f"http://me:{SECRET}/with/slashes@host",
    ],
)
def test_no_uri_shows_its_secret(uri):
    shown = hide_password(f"MLflow at {uri} is down")
    assert SECRET not in shown
    assert "is down" in shown
    assert has_password(uri)


@pytest.mark.parametrize("uri", ["s3://bucket/folder", "sqlite:////a/b.db", "http://host:5000"])
def test_what_holds_no_secret_is_shown_as_it_is(uri):
    assert hide_password(uri) == uri
    assert not has_password(uri)


@pytest.mark.parametrize(
    "data",
    [
        f"{{name: parquet, path: 's3://me:{SECRET}@bucket/x'}}",
        f"{{name: parquet, path: 's3://bucket/x?secret_key={SECRET}'}}",
        f"{{name: image_folder, path: 'http://me:{SECRET}@host/x'}}",
        "{name: parquet, path: 's3://bucket/x', "
        f"storage_options: {{endpoint_override: 'http://me:{SECRET}@host'}}}}",
    ],
)
def test_a_sweep_file_with_a_secret_is_refused_before_anything_is_kept(tmp_path, data, capsys):
    """The file is copied into the storage, hashed, and sent to MLflow."""
    (tmp_path / "sweep.yaml").write_text(f"name: leak\ndata: {data}\n")
    command = ("run", tmp_path / "sweep.yaml", "--storage", tmp_path / "storage")
    code, output, error = call(capsys, *command)
    assert code == 2
    assert "environment" in error
    assert SECRET not in output + error
    assert not (tmp_path / "storage").exists()


def test_neither_output_nor_storage_holds_the_password_of_a_tracking_uri(tiny_file, tmp_path):
    """The sweep runs whole, while MLflow is away."""
    lines = []
    storage = open_storage(tmp_path / "storage", create=True)
    sweep = load_sweep(tiny_file, ["model.width=4", "training.seed=0", "training.label_noise=0"])
    uri = f"http://me:{SECRET}@127.0.0.1:{free_port()}"
    run_sweep(sweep, storage, LocalProcess(), PlainProgress(lines.append), uri)
    told = "\n".join(lines)
    assert "tracking is off" in told
    assert SECRET not in told
    assert len(list(storage.folder.rglob("*"))) > 20
    assert not holds_secret(storage.folder)


def test_a_failure_keeps_no_secret():
    """Reason and traceback go to failure.json, to the report and to MLflow."""
    try:
        raise OSError(f"can't reach http://me:{SECRET}@host/bucket?secret_key={SECRET} today")
    except OSError as error:
        failure = describe_failure("train", error)
    assert "today" in failure.reason
    assert SECRET not in json.dumps(vars(failure))


def test_an_error_line_shows_no_secret(capsys):
    uri = f"http://me:{SECRET}@127.0.0.1:{free_port()}"
    code, output, error = call(capsys, "regress", "nowhere", "--tracking-uri", uri)
    assert code == 2
    assert SECRET not in output + error


def test_the_token_of_ray_is_this_users_alone(tmp_path):
    before = os.umask(0o022)
    try:
        keep_token_private(tmp_path)
    finally:
        os.umask(before)
    path = tmp_path / RAY_TOKEN
    token = path.read_text()
    assert re.fullmatch("[0-9a-f]{64}", token)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
    path.chmod(0o644)  # as Ray itself writes it
    keep_token_private(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == token
    (tmp_path / "file").touch()
    keep_token_private(tmp_path / "file")  # no home: Ray is left to say so


# Names that are paths


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc", ".", "..", ".hidden", "a\nb", "", "é"])
def test_a_sweep_is_no_path(name):
    with pytest.raises(UserError):
        parse_sweep(f"name: {json.dumps(name)}\n", "file")
    with pytest.raises(UserError):
        parse_sweep(f"name: {json.dumps(name)}\nsweeps: [digits]\n", "file")


def test_a_results_name_is_no_path(finished):
    storage = finished.results.work.storage
    for name in ("../sweeps/tiny", "tiny/../tiny", str(storage.sweep("tiny").folder), "tiny/"):
        with pytest.raises(UserError, match="no sweep"):
            load_results(storage, name)


HOSTILE = ("=cmd|calc'!A0", "<img src=x onerror=alert(1)>", "\x1b[31mred", "@SUM(1)", "%2e%2e%2fup")


def image_folder(root):
    """Classes whose names would be paths, formulas or code."""
    from PIL import Image

    generator = np.random.default_rng(0)
    for name in (*HOSTILE, "plain"):
        (root / name).mkdir(parents=True)
        for number in range(12):
            pixels = generator.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A sweep over them, run whole, in a storage with nothing beside it."""
    folder = tmp_path_factory.mktemp("hostile")
    image_folder(folder / "images")
    text = f"""
name: hostile
description: "</script><script>alert(2)</script>"
data: {{name: image_folder, path: {folder / "images"}}}
training: {{epochs: 1, batch_size: 16}}
measure: {{num_samples: 30, class_samples: 9}}
regression: {{resamples: 100}}
space: {{model.name: cnn, model.width: {{grid: [4, 8]}}, model.depth: 1, model.image_size: 8}}
"""
    storage = open_storage(folder / "inside" / "storage", create=True)
    sweep = parse_sweep(text, "file")
    return run_sweep(sweep, storage, LocalProcess(), SilentProgress()), folder


def test_names_of_classes_make_no_files(hostile):
    result, folder = hostile
    storage = result.results.work.storage.folder
    assert {path.name for path in folder.iterdir()} == {"images", "inside"}
    assert {path.name for path in (folder / "inside").iterdir()} == {"storage"}
    for path in storage.rglob("*"):
        assert not any(name in path.name for name in HOSTILE), path


def test_names_are_no_code_on_the_page(hostile):
    result, _ = hostile
    page = result.results.work.sweep_paths.report.read_text()
    assert "alert(2)" in page  # it is told, as text
    assert not re.search(r"<script>\s*alert|<img src=x", page)


def test_names_are_no_formulas_in_a_table(hostile, tmp_path):
    from sweep.export import export_rows

    result, _ = hostile
    export_rows(result.results.work.storage, "hostile", tmp_path / "rows.csv")
    text = (tmp_path / "rows.csv").read_text()
    assert "calc" in text
    assert not re.search(r'(^|,)"?[=+@]', text, re.MULTILINE)


def test_texts_of_tables_stay_texts():
    for text in ("=1+1", "+1", "-1+1", "@SUM(1)", "\t=1", "\r=1"):
        assert plain_text(text) == "'" + text
    assert plain_text("id/twonn") == "id/twonn"
    assert plain_text(-1.5) == -1.5


def test_names_are_no_commands_to_the_terminal(tmp_path, capsys):
    (tmp_path / "\x1b[31mred").mkdir()
    for number in range(30):
        (tmp_path / "\x1b[31mred" / f"{number}.png").write_bytes(b"broken")
    storage = ("--storage", tmp_path / "storage")
    code, output, error = call(
        capsys, "prepare", "--data", "image_folder", "--path", tmp_path, *storage
    )
    assert code == 2
    assert "[31mred" in error
    assert "\x1b" not in output + error


def test_a_name_in_a_bucket_leads_out_of_no_folder(monkeypatch):
    """Whoever may write to the bucket could else write any file of every node."""
    import boto3
    from moto.server import ThreadedMotoServer

    from sweep.bucket import Bucket

    for name, value in (
        ("ACCESS_KEY_ID", "k"),
        ("SECRET_ACCESS_KEY", "s"),
        ("REGION", "us-east-1"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="hostile-names")
        for key in ("here/good", "here/../../evil", "here/deep/../../../evil"):
            client.put_object(Bucket="hostile-names", Key=f"all/{key}", Body=b"x")
        bucket = Bucket.reach("s3://hostile-names/all")
        assert bucket.list("") == bucket.list("here") == {"here/good"}
    finally:
        server.stop()


# Bombs


def refuses_within(seconds, match, call):
    began = time.monotonic()
    with pytest.raises(UserError, match=match):
        call()
    assert time.monotonic() - began < seconds


def laughs(merge):
    """Nine names for ten of the one before: some ten billion values in 400 bytes."""
    lines = ["a0: &a0 {x: 1}" if merge else "a0: &a0 [x]"]
    for level in range(1, 10):
        ten = ", ".join([f"*a{level - 1}"] * 10)
        body = f"{{<<: [{ten}]}}" if merge else f"[{ten}]"
        lines.append(f"a{level}: &a{level} {body}")
    return "\n".join(lines)


@pytest.mark.parametrize("merge", [False, True], ids=["aliases", "merge-keys"])
def test_a_few_lines_of_yaml_are_no_billion_values(tmp_path, merge):
    text = "name: bomb\n" + laughs(merge)
    refuses_within(5, "more than 1,000,000 values", lambda: parse_sweep(text, "file"))
    (tmp_path / "bomb.yaml").write_text(text)
    began = time.monotonic()
    assert not is_suite(tmp_path / "bomb.yaml")
    assert time.monotonic() - began < 5
    refuses_within(
        5, "not valid YAML", lambda: parse_sweep("name: x\n", "file", [f"space={laughs(merge)}"])
    )


def test_yaml_that_holds_itself_or_is_deep_is_one_line():
    refuses_within(5, "holds itself", lambda: parse_sweep("name: &a [*a]\n", "file"))
    refuses_within(5, "not valid YAML", lambda: parse_sweep("name: " + "[" * 5000, "file"))


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system [id]", "!!python/name:os.system"])
def test_yaml_makes_no_objects(tag):
    refuses_within(5, "not valid YAML", lambda: parse_sweep(f"name: {tag}\n", "file"))


def test_aliases_are_welcome_where_they_are_few():
    text = "name: fine\nmodel: &m {width: 8, depth: 1}\ntraining: {epochs: 1}\n"
    assert parse_sweep(text, "file").config.model.width == 8


def prepared(config, storage):
    return prepare_data(SweepConfig.model_validate({"name": "x", "data": config}).data, storage)


def idx(kind_axes, sizes, content):
    return bytes((0, 0, 8, kind_axes)) + struct.pack(f">{len(sizes)}I", *sizes) + content


def mnist(folder, images):
    folder.mkdir()
    labels = gzip.compress(idx(1, (2,), bytes(2)))
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(images)
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(labels)
    return {"name": "mnist", "path": str(folder)}


def peak_of(call):
    """Bytes that Python and numpy held at once, beyond those before."""
    import tracemalloc

    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_packed_file_is_not_unpacked_beyond_what_its_head_says(storage, tmp_path):
    """1 GB of zeros in 1 MB behind a head for two images."""
    buffer = io.BytesIO()
    with gzip.open(buffer, "wb", compresslevel=1) as file:
        file.write(idx(3, (2, 28, 28), b""))
        for _ in range(1000):
            file.write(bytes(1_000_000))
    config = mnist(tmp_path / "bomb", buffer.getvalue())

    def call():
        refuses_within(20, "more than 1568 bytes", lambda: prepared(config, storage))

    assert peak_of(call) < 50_000_000


def test_a_head_that_claims_terabytes_is_not_believed(storage, tmp_path):
    images = gzip.compress(idx(3, (2**32 - 1, 2**16, 2**16), bytes(100)))
    config = mnist(tmp_path / "claims", images)
    refuses_within(5, "more than are unpacked", lambda: prepared(config, storage))


def test_a_matlab_file_that_claims_too_much_is_not_unpacked(storage, tmp_path, monkeypatch):
    from scipy.io import savemat

    from sweep.data import arrays

    for part in ("train", "test"):
        pixels = np.zeros((32, 32, 3, 50), np.uint8)
        values = {"X": pixels, "y": np.ones((50, 1), np.uint8)}
        savemat(tmp_path / f"{part}_32x32.mat", values, do_compression=True)
    monkeypatch.setattr(arrays, "MOST_BYTES", 10_000)
    config = {"name": "svhn", "path": str(tmp_path)}
    refuses_within(5, "more than is unpacked", lambda: prepared(config, storage))


def png_of(width, height):
    """A valid head of a PNG file that claims a size, with hardly any content."""
    import zlib

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(30_000, 30_000), (13_000, 13_000), (MOST_PIXELS + 1, 1)])
def test_an_image_of_a_kilobyte_is_no_gigabyte(size):

    def call():
        with pytest.raises(ValueError, match=r"pixels|bomb"):
            open_image(png_of(*size))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own, of the same
        assert peak_of(call) < 10_000_000


def test_an_image_starts_no_program(tmp_path, monkeypatch):
    """Pillow draws EPS by starting `gs`; one named x.png is looked at by its content."""
    ran = tmp_path / "ran"
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
    with pytest.raises(ValueError, match=r"\w"):
        open_image(eps)
    assert not ran.exists()


def test_folders_that_link_in_circles_end(storage, tmp_path):
    root = tmp_path / "images"
    image_folder(root)
    for name in ("one", "two", "three"):
        (root / "plain" / name).symlink_to(root / "plain")
    began = time.monotonic()
    data = prepared({"name": "image_folder", "path": str(root)}, storage)
    assert time.monotonic() - began < 20
    assert sum(data.counts.values()) == 12 * (len(HOSTILE) + 1)


def test_arrow_files_are_checked_before_their_offsets_are_followed(storage, tmp_path):
    """Arrow itself trusts them, and would read beyond the file."""
    path = tmp_path / "x.arrow"
    images, labels = pa.array([b"1234"] * 30), pa.array([0, 1] * 15)
    batch = pa.record_batch([images, labels], ["image", "label"])
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write(batch)
    good, bad = (np.array([52, at, 60], np.int32).tobytes() for at in (56, 2**31 - 100))
    assert path.read_bytes().count(good) == 1
    path.write_bytes(path.read_bytes().replace(good, bad))
    config = {"name": "arrow", "path": str(tmp_path / "x.arrow")}
    refuses_within(5, "can't be read", lambda: prepared(config, storage))


# Code in data


def test_pickled_arrays_are_not_read(tmp_path, capsys):
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(ran),))

    np.save(tmp_path / "x.npy", np.array([Evil()], object), allow_pickle=True)
    code, _, error = call(capsys, "estimate", tmp_path / "x.npy")
    assert code == 2
    assert "unpickling" in error
    assert not ran.exists()


def test_pickled_weights_are_not_run(tmp_path):
    import torch

    from sweep.models.weights import read_state

    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(ran),))

    torch.save({"weight": Evil()}, tmp_path / "x.pt")
    with pytest.raises(UserError):
        read_state(tmp_path / "x.pt")
    assert not ran.exists()


# Files


def test_what_a_sweep_writes_only_its_user_may_change(finished):
    """As the umask says; nothing is made writable for all."""
    for path in finished.results.work.storage.folder.rglob("*"):
        assert path.stat().st_mode & 0o022 == 0, path


def test_the_settings_of_a_sweep_name_no_secret():
    """Nothing in a sweep file is meant to hold one."""
    schema = json.dumps(SweepConfig.model_json_schema())
    assert not re.findall(r'"(\w*(?:password|secret|credential|api_key)\w*)":', schema)
