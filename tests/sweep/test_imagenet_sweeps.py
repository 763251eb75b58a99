"""The paper's Figures 3 and 4 as ready sweeps, whole, with untrained weights in torch's cache.

The folder is in ImageNet's layout, with all 1,000 classes in it, but few and tiny images.
"""

import json
import math
import re
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models

from sweep.checking import plan_sweep
from sweep.execution import LocalProcess
from sweep.forecast import forecast
from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import SilentProgress
from sweep.published import read_published
from sweep.published.compare import compare_published, network_key
from sweep.sweepfile import load_sweep

# An AlexNet ends in linear layers as VGG does; a ResNet in an average.
CHEAPEST = ("alexnet", "resnet18")
SPACE = (
    "space=[{model.name: {grid: [torchvision/alexnet, torchvision/resnet18]}, "
    "model.weights: IMAGENET1K_V1}, {model.name: torchvision/alexnet}]"
)
NUM_LAYERS = {"alexnet": 7, "resnet18": 8}
NUM_OF_CLASS = 12
SWEEPS = ("imagenet-hunchback", "imagenet-last-hidden")


@pytest.fixture(scope="module")
def categories():
    return load_sweep("imagenet-hunchback", ["data.path=anywhere"]).config.data.classes


@pytest.fixture(scope="module")
def folder(tmp_path_factory, categories):
    """train/WNID and val/WNID: the seven categories of the figure, and as many others."""
    root = tmp_path_factory.mktemp("imagenet")
    rng = np.random.default_rng(0)
    others = [f"n9{number:07d}" for number in range(1000 - len(categories))]
    for wnid in [*categories, *others]:
        for split in ("train", "val"):
            place = root / split / wnid
            place.mkdir(parents=True)
            count = NUM_OF_CLASS if split == "train" and wnid in categories else 1
            for number in range(count):
                pixels = rng.integers(0, 256, (8, 10, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"{wnid}_{number}.JPEG")
    return root


@pytest.fixture(scope="module")
def torch_home(tmp_path_factory):
    """Torch's cache as it lies: untrained weights under the names of the real files."""
    home = tmp_path_factory.mktemp("torch")
    checkpoints = home / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for name in CHEAPEST:
            url = models.get_model_weights(name).IMAGENET1K_V1.url
            torch.save(models.get_model(name).state_dict(), checkpoints / Path(url).name)
    return home


@pytest.fixture(autouse=True)
def offline(monkeypatch, torch_home):
    def refuse(*args, **kwargs):
        raise OSError("the network is blocked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("TORCH_HOME", str(torch_home))


def run(name, folder, tmp_path, *overrides):
    storage = open_storage(tmp_path / "storage", create=True)
    sweep = load_sweep(name, [f"data.path={folder}", SPACE, *overrides])
    return run_sweep(sweep, storage, LocalProcess(), SilentProgress())


def figures_of(page):
    return json.loads(re.search(r'id="published-figures">(.*?)</script>', page).group(1))


def test_hunchback_runs_whole(folder, tmp_path, categories):
    found = run(
        "imagenet-hunchback",
        folder,
        tmp_path,
        f"measure.class_samples={NUM_OF_CLASS}",
        f"measure.num_samples={NUM_OF_CLASS}",
        "analyses.accuracy_images=7",
    )
    assert not found.failures
    roles = [result.trial.role for result in found.results.results]
    assert roles == ["trained", "trained", "untrained"]
    for result in found.results.results:
        rows = {(row.quantity, row.layer_index): row for row in result.rows}
        layers = {row.layer_index for row in result.rows if row.layer_index is not None}
        assert (
            len(layers)
            == {"alexnet": 7, "resnet18": 8}[network_key(result.trial.config.model.name)]
        )
        for index in layers:
            mean = rows["subsample_id/twonn_linear@classes", index]
            single = [rows[f"subsample_id/twonn_linear@{wnid}", index].value for wnid in categories]
            assert mean.value == pytest.approx(np.mean(single))
            assert mean.num_samples == 11  # of 12, as 450 of 512
    comparison = compare_published(found.results)
    assert {pair.model for pair in comparison.pairs} == {f"torchvision/{n}" for n in CHEAPEST}
    assert len(comparison.pairs) == 7 + 8  # every point that the figure has of these
    assert comparison.differing == (("images of each estimate", "450", "11"),)
    page = found.report.read_text()
    assert ">Beside published values</h2>" in page
    assert "Not comparable" in page
    dashed = [
        trace["y"]
        for figure in figures_of(page)
        for trace in figure["data"]
        if trace.get("name") == "published"
    ]
    table = read_published("ansuini2019_hunchbacks")
    assert dashed == [[v.value for v in table.values if v.network == name] for name in CHEAPEST]
    assert found.results.work.sweep_paths.picture("published").stat().st_size > 5000


def test_last_hidden_runs_whole(folder, tmp_path):
    found = run(
        "imagenet-last-hidden",
        folder,
        tmp_path,
        "measure.num_samples=60",
        "analyses.accuracy_images=10",
    )
    assert not found.failures
    assert found.results.work.data.counts == {"train": 7 * NUM_OF_CLASS + 993, "test": 1000}
    for result in found.results.results:
        rows = {row.quantity: row for row in result.rows}
        assert {row.layer for row in result.rows if row.layer} <= {"classifier.5", "avgpool"}
        row = rows["subsample_id/twonn_linear"]
        assert (row.num_samples, row.settings["num_disjoint_samples"]) == (11, 5)
        assert rows["block_id_5/twonn_linear"].num_samples == 12
        assert 0 <= rows["test_top5_error"].value <= 1
    comparison = compare_published(found.results)
    assert [pair.published.network for pair in comparison.pairs] == list(CHEAPEST)
    assert all(math.isfinite(pair.response) for pair in comparison.pairs)
    assert comparison.differing == (("images of each estimate", "1800", "11"),)
    page = found.report.read_text()
    (points,) = [
        figure["data"]
        for figure in figures_of(page)
        if [trace.get("name") for trace in figure["data"]] == ["here", "published"]
    ]
    assert points[1]["x"] == [25.191, 18.635]


@pytest.mark.parametrize("name", SWEEPS)
def test_all_fourteen_are_planned_and_found_in_the_published_table(name, folder, tmp_path):
    config = load_sweep(name, [f"data.path={folder}"]).config
    trials = plan_sweep(config, open_storage(tmp_path / "storage", create=True)).trials
    trained = [trial for trial in trials if trial.role == "trained"]
    assert len(trained) == 14
    assert {trial.config.model.weights for trial in trained} == {"IMAGENET1K_V1"}
    published = {value.network for value in read_published(config.published).values}
    assert published <= {network_key(trial.config.model.name) for trial in trained}
    images = {line.label: line.plan.num_images for line in forecast(config, trained[-3:], None)}
    assert set(images) == {"resnet50", "resnet101", "resnet152"}
