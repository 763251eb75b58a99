"""The paper's experiments: each ready sweep runs whole, shortened to an epoch."""

import numpy as np
import pytest

from sweep.execution import LocalProcess
from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import SilentProgress
from sweep.summary import shown_variants
from sweep.sweepfile import load_sweep
from tests.sweep import image_files as files
from tests.sweep.command_line import call

SHORT = ["training.epochs=1", "training.seed=0", "measure.num_samples=60"]


def run(name, tmp_path, *overrides):
    storage = open_storage(tmp_path / "storage", create=True)
    sweep = load_sweep(name, [*SHORT, "training.batch_size=256", *overrides])
    return run_sweep(sweep, storage, LocalProcess(), SilentProgress())


def test_controls_compare_images_labels_and_gradient(tmp_path):
    found = run("controls", tmp_path, "model.width=4", "model.name=mlp")
    assert not found.failures
    assert shown_variants(found.results.results) == [
        "true labels",
        "label noise 1",
        "gradient 10",
        "untrained",
    ]
    assert found.results.work.sweep_paths.picture("profiles").is_file()


def test_dynamics_measures_within_the_first_epoch(tmp_path):
    found = run("dynamics", tmp_path, "model.width=4", "model.name=mlp")
    (result,) = found.results.results
    assert list(result.earlier) == [0.0, 0.1, 0.25, 0.5]


def test_regularization_varies_one_thing_at_a_time(tmp_path):
    found = run("regularization", tmp_path, "model.width=4", "training.learning_rate=0.003")
    assert not found.failures
    axes = {c.scope.removeprefix("along ") for c in found.regression.correlations}
    # An axis needs three configurations for a correlation; two make none.
    assert {"training.weight_decay", "training.num_images", "training.dropout"} <= axes


@pytest.fixture
def mnist(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 10
    images = rng.integers(0, 40, (120, 1, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[0, 2 * label : 2 * label + 6, 4:24] = 220
    files.write_idx(tmp_path / "mnist", (images[:90], labels[:90]), (images[90:], labels[90:]))
    return tmp_path / "mnist"


def test_mnist_has_the_layers_of_figure_6(tmp_path, mnist):
    found = run("mnist", tmp_path, f"data.path={mnist}")
    assert not found.failures
    assert len(found.results.results) == 3 + 2  # untrained twins: with the gradient and without
    rows = found.results.results[-1].rows
    layers = list(dict.fromkeys(row.layer for row in rows if row.quantity == "id/twonn"))
    assert layers == ["input", "conv1", "pool1", "conv2", "pool2", "hidden", "head"]


def test_check_tells_of_several_checkpoints(capsys, tmp_path):
    code, output, _ = call(capsys, "check", "dynamics", "--storage", tmp_path / "storage")
    assert code == 0
    assert "checkpoints: up to 12 a trial" in output
