"""`idsweep profile` and `idsweep measure` as the shell calls them."""

import json
import os
import resource
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from sweep.measurement import SCHEMA
from tests.sweep import image_files as files
from tests.sweep.command_line import call

MODULE = '''
from torch import nn


def tiny(num_classes, image_shape):
    """A network of one's own: two convolutions and a classifier."""
    return nn.Sequential(
        nn.Conv2d(image_shape[0], 4, 3, stride=2), nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(64, num_classes),
    )


def wrong(num_classes):
    return "no network"
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "mynets.py").write_text(MODULE)
    (tmp_path / "photos.png").mkdir()
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (3, *rng.integers(70, 90, 2)), np.uint8) for _ in range(60)]
    files.write_folder(tmp_path / "photos", images, [0] * 30 + [1] * 30, ["a", "b"], "JPEG", "jpg")
    return tmp_path


def test_own_module_and_own_folder_in_one_command(here, capsys):
    code, output, errors = call(
        capsys, "profile", "mynets:tiny", "--data", "image_folder", "--path", "photos",
        "--image-size", "32", "--png", "p.png", "-o", "rows.parquet",
        "--set", "measure.threads=1",
    )  # fmt: skip
    assert code == 0
    assert "measuring on 60 images of image_folder" in errors
    lines = output.splitlines()
    assert lines[0].split()[:4] == ["layer", "depth", "units", "id/twonn"]
    assert lines[1].split()[:3] == ["input", "0.000", "3072"]
    assert sum("(last hidden)" in line for line in lines) == 1
    assert any(line.startswith("1.00 4 ") and "o" in line for line in lines)
    assert (here / "p.png").read_bytes().startswith(b"\x89PNG")
    rows = pq.read_table(here / "rows.parquet")
    assert rows.schema.names == SCHEMA.names
    assert not list(here.glob("*results*"))


def test_json_is_whole_and_chooses_layers_and_estimators(here, capsys):
    code, output, _ = call(
        capsys, "profile", "mlp", "--num-samples", "100", "--layers", "hidden*",
        "--layers", "last_hidden", "--estimator", "mle", "--json", "--set", "measure.threads=1",
    )  # fmt: skip
    assert code == 0
    found = json.loads(output)
    rows = [row for row in found["rows"] if row["quantity"] == "id/mle"]
    assert [row["layer"] for row in rows] == ["hidden1", "hidden2"]
    assert all(row["low"] < row["value"] < row["high"] for row in rows)
    assert {row["num_samples"] for row in rows} == {100}
    assert not [row for row in found["rows"] if row["quantity"] == "id/twonn"]


def test_a_storage_keeps_what_was_measured(here, capsys):
    arguments = ("profile", "mlp", "--storage", "kept", "--set", "measure.threads=1", "--json")
    first = json.loads(call(capsys, *arguments)[1])
    sealed = {path: path.stat().st_mtime_ns for path in (here / "kept").rglob("rows.parquet")}
    assert sealed
    again = json.loads(call(capsys, *arguments)[1])
    assert again["rows"] == first["rows"]
    assert {path: path.stat().st_mtime_ns for path in sealed} == sealed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cnnn"], "unknown model"),
        (["torchvision/resnet51"], "torchvision/resnet152?\n"),
        (["resnet50"], "unknown model 'resnet50'; did you mean torchvision/resnet50?\n"),
        (["resnet26d"], "did you mean timm/resnet26d?\n"),
        ([""], "unknown model ''; known are"),
        (["mynets:tiny", "--weights", "DEFAULT"], "but got 'DEFAULT'\n"),
        (["mynets:nothing"], "nothing"),
        (["mynets:wrong"], "str"),
        (["mynet:tiny"], "mynet"),
        (["cnn", "--data", "digit"], "did you mean 'digits'"),
        (["cnn", "--data", "image_folder"], "needs"),
        (["cnn", "--data", "image_folder", "--path", "nowhere"], "nowhere"),
        (["cnn", "--data", "image_folder", "--path", "photos"], "image_size"),
        (["cnn", "--layers", "stage9"], "stage9"),
        (["cnn", "--estimator", "twon"], "did you mean 'twonn'"),
        (["cnn", "--png", "p.jpg"], "must end in .png"),
        (["cnn", "-o", "rows.txt"], "must end in .parquet or .csv"),
        (["cnn", "--weights", "nowhere.safetensors"], "nowhere.safetensors"),
        (["cnn", "--weights", ""], "takes weights from a file alone"),
        (["torchvision/resnet18", "--weights", ""], "has no weights ''"),
        (["cnn", "--image-size", "0"], "greater than or equal to 1"),
        (["cnn", "--png", "photos.png"], "photos.png can't be written (it is a folder)"),
        (["cnn", "-o", "/proc/rows.csv"], "/proc/rows.csv can't be written"),
        (["cnn", "--set", "training.epochs=3"], "training.epochs must be 0"),
        (["cnn", "--set", "measure.tokens=class"], "class token"),
        (
            ["cnn", "--set", "measure.split=test"],
            "has 0 images in test, and measuring needs 8",
        ),
        (["cnn", "--set", "measure.untrained=true"], "measure.untrained must be false"),
        (["cnn", "--set", "measure.threads=1000000"], "less than or equal to 1024"),
        (["cnn", "--set", "space=[{training.seed: {grid: [1, 2]}}]"], "space must be left out"),
        (["torchvision/alexnet", "--image-size", "32"], "fails on images of (3, 32, 32)"),
    ],
)
def test_a_mistake_is_one_line(here, capsys, arguments, message):
    code, output, error = call(capsys, "profile", *arguments)
    assert code == 2
    lines = [line for line in error.splitlines(keepends=True) if line.startswith("idsweep: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in error
    assert output == ""


def test_a_checkpoint_brings_its_settings(here, capsys, finished):
    """Those of the trial, beside the weights in its manifest; what is given goes first."""
    trained = [r.trial for r in finished.results.results if r.trial.role == "trained"]
    trial = next(t for t in trained if t.config.model.name == "mlp" and t.config.model.width == 4)
    paths = finished.results.work.sweep_paths.trial(trial.key)
    weights = str(paths.checkpoint(trial.epoch) / "weights.safetensors")
    arguments = ("--weights", weights, "--num-samples", "30", "--json")
    code, output, _ = call(capsys, "profile", "mlp", *arguments)
    assert code == 0
    model = json.loads(output)["model"]
    assert (model["width"], model["depth"]) == (4, 1)
    code, _, error = call(capsys, "profile", "mlp", *arguments, "--set", "model.width=8")
    assert code == 2
    assert "doesn't fit the network" in error
    code, _, error = call(capsys, "profile", "cnn", *arguments)
    assert code == 2
    assert "doesn't fit the network" in error


def test_a_gpu_that_is_not_there_is_told(here, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, _, error = call(capsys, "profile", "cnn", "--set", "measure.gpus_per_actor=1")
    assert code == 2
    assert error == (
        "idsweep: measure.gpus_per_actor: 1 asks for a GPU, but torch finds none here: "
        "set it to 0\n"
    )


@pytest.mark.parametrize(
    "options",
    [
        ("model.width=400", "measure.num_samples=30"),
        ("model.width=8", "measure.keep_activations=true", "measure.part_images=2000"),
    ],
)
def test_a_full_disk_is_one_line(here, capsys, options):
    """A limit on the size of files stands for it: the checkpoint's, then the activations'."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        settings = [part for option in options for part in ("--set", option)]
        code, _, error = call(capsys, "profile", "mlp", "--num-samples", "1700", *settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 2
    assert "can't hold what is measured" in error
    assert "--storage, or with TMPDIR" in error


def test_what_a_killed_profile_left_is_removed(here, capsys):
    arguments = ("profile", "mlp", "--storage", "kept", "--num-samples", "30")
    call(capsys, *arguments)
    (trial,) = (here / "kept" / "sweeps" / "profile" / "trials").iterdir()
    (trial / ".writing-part-0000-x").mkdir()
    assert call(capsys, *arguments)[0] == 0
    assert not list((here / "kept").rglob(".writing-*"))


def test_a_terminated_profile_leaves_nothing(here):
    """As Ctrl-C does: the temporary folder goes too."""
    (here / "temporary").mkdir()
    profile = subprocess.Popen(
        [sys.executable, "-m", "sweep", "profile", "cnn", "--set", "model.width=512"],
        env={**os.environ, "TMPDIR": str(here / "temporary")},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert profile.stderr is not None
    for line in profile.stderr:
        if "measuring on" in line:
            profile.terminate()
            break
    rest = profile.communicate(timeout=120)[1]
    assert profile.returncode == 130
    assert rest == "stopped\n"
    assert not list((here / "temporary").glob("idsweep-*"))


def test_measure_needs_what_was_run(here, capsys):
    code, _, error = call(capsys, "measure", "digits")
    assert code == 2
    assert "there is no idsweep storage" in error
