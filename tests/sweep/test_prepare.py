"""`idsweep prepare` as the shell calls it."""

import json

import numpy as np
import pytest
from PIL import Image

from sweep.config import DataConfig
from sweep.data import DATASETS
from sweep.data.partitions import prepare_data
from tests.sweep import image_files as files
from tests.sweep.command_line import call


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (3, *rng.integers(70, 90, 2)), np.uint8) for _ in range(50)]
    names = ["a$b$ with a long and winding name", "cat"]
    files.write_folder(tmp_path / "images", images, [0] * 30 + [1] * 20, names, "JPEG", "jpg")
    return tmp_path / "images"


def test_it_says_what_is_there_and_that_it_was_there(folder, tmp_path, capsys):
    (folder / "cat" / "bad.jpg").write_bytes(b"no")
    (folder / "cat" / "same.jpg").write_bytes((folder / "cat" / "0030.jpg").read_bytes())
    sheet = tmp_path / "sheet.png"
    arguments = (
        "prepare", "--data", "image_folder", "--path", folder, "--storage", tmp_path / "s",
        "--set", "data.max_bad_images=1", "--set", "data.partition_rows=10", "--png", sheet,
    )  # fmt: skip
    code, output, errors = call(capsys, *arguments)
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert "image_folder: 70x7" in lines[0]
    assert "pixels, kept as encoded files, 2 classes" in lines[0]
    train = lines[2].split()
    assert train[:3] == ["train", "37", "2"]
    assert train[3:5] == ["15", "(cat)"]
    assert "1 corrupt images, left out: cat/bad.jpg: cannot identify image file" in output
    assert "1 images equal to an earlier one (" in output
    assert "cat/same.jpg = cat/0030.jpg" in output
    assert "prepared in" in output
    with Image.open(sheet) as picture:
        assert min(picture.size) > 500
    code, again, _ = call(capsys, *arguments)
    assert code == 0
    assert "was there already" in again
    assert again.splitlines()[:-2] == output.splitlines()[:-2]


def test_of_a_sweep_with_its_settings(tmp_path, capsys):
    sweep = tmp_path / "s.yaml"
    sweep.write_text("name: s\ndata: {classes: ['1', '2']}\n")
    code, output, _ = call(
        capsys, "prepare", sweep, "--set", "data.seed=3", "--storage", tmp_path / "s"
    )
    assert code == 0
    assert "digits: 8 x 8 grey, kept as pixels, 10 classes" in output
    assert output.splitlines()[2].split()[2] == "2"
    (manifest,) = (tmp_path / "s" / "data").glob("*/manifest.json")
    assert json.loads(manifest.read_text())["config"]["seed"] == 3


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "say what to prepare"),
        (["--data", "mnist"], "--path: mnist needs the four idx files"),
        (["--data", "mnits"], "did you mean 'mnist'?"),
        (["--data", "mnist", "--path", "nowhere"], "nowhere does not exist"),
        (["--data", "digits", "--set", "data.chose=all"], "did you mean 'choose'?"),
        (["--data", "digits", "--set", "data.choose=first"], "choose: first needs it"),
        (["--data", "digits", "--png", "sheet.jpg"], "must end in .png"),
        (["--data", "parquet", "--path", "s3://b", "--set", "data.storage_options.key=x"],
         "unknown key"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(arguments, problem, tmp_path, capsys):
    code, _, errors = call(capsys, "prepare", *arguments, "--storage", tmp_path / "s")
    assert code == 2
    assert problem in errors
    assert len(errors.splitlines()) == 1


def test_progress_is_told(tmp_path, storage):
    told = []

    class Notes:
        def note(self, text):
            told.append(text)

    prepare_data(DataConfig(), storage, Notes(), note_seconds=0)
    assert told[-1] == "test: 450 of 450 images, " + told[-1].partition("images, ")[2]
    assert "a second, about 0 s left" in told[-1]


def test_the_catalog_is_listed(capsys):
    code, output, _ = call(capsys, "list", "datasets")
    assert code == 0
    for name, data in DATASETS.items():
        assert name in output
        assert data.summary.split()[0] in output
