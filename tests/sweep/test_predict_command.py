"""`idsweep predict` as the shell calls it, and without labels."""

import json
import shutil

import numpy as np
import pytest

from sweep import predict, unlabelled
from sweep.data.partitions import Split
from sweep.execution import LocalProcess
from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import SilentProgress
from sweep.scalars import scalars
from sweep.sweepfile import load_sweep
from tests.sweep.command_line import call

FAMILIES = """
name: families
training: {epochs: 1, batch_size: 128}
measure: {num_samples: 100, class_samples: 20, probe_classes: ["3"]}
analyses: {intrinsic: {estimators: [twonn]}}
regression: {resamples: 100}
space:
  - model.name: {grid: [mlp, cnn, resnet, separable]}
    model.width: {grid: [4, 8, 12]}
    model.depth: 1
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Four families of three widths, run whole in this process. Don't change it."""
    folder = tmp_path_factory.mktemp("families")
    (folder / "families.yaml").write_text(FAMILIES)
    storage = open_storage(folder / "storage", create=True)
    file = load_sweep(folder / "families.yaml", ["measure.untrained=false"])
    return run_sweep(file, storage, LocalProcess(), SilentProgress()).results


@pytest.fixture
def storage(ran, tmp_path):
    """A copy, in which a network can be measured anew."""
    copy = tmp_path / "storage"
    shutil.copytree(ran.work.storage.folder, copy)
    return copy


def checkpoint_of(ran, storage, family, width):
    result = next(
        r
        for r in ran.results
        if (r.trial.config.model.name, r.trial.config.model.width) == (family, width)
    )
    place = open_storage(storage, create=False).sweep("families").trial(result.trial.key)
    return result, place.checkpoint(result.trial.epoch)


def test_prints_how_wrong_each_way_is(ran, tmp_path, capsys):
    where = ran.work.storage.folder
    code, output, errors = call(
        capsys, "predict", "families", "--storage", where, "--png", tmp_path / "p.png",
        "--hold-out", "mlp",
    )  # fmt: skip
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0].startswith("families: 12 networks of 12 configurations, measured on 100 images")
    ways = [line.split("  ")[0] for line in lines[2:7]]
    assert ways == [
        "id/twonn profile", "training accuracy (needs labels)", "parameter count", "PC-ID",
        "mean accuracy",
    ]  # fmt: skip
    assert all("±" in line and "%" in line for line in lines[2:7])
    held_out = output[output.index("network held out") :]
    assert sum(line.startswith("mlp-") for line in held_out.splitlines()) == 3
    assert lines[-1] == f"picture: {tmp_path / 'p.png'}"
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_json_is_what_python_gives(ran, capsys):
    where = ran.work.storage.folder
    _, output, _ = call(capsys, "predict", "families", "--storage", where, "--json")
    found = json.loads(output)
    assert found == json.loads(json.dumps(predict("families", storage=where).to_json()))
    ours = found["comparison"]["scores"][0]
    assert [f["name"] for f in ours["predictors"]["features"]] == [
        "id_last_hidden/twonn", "id_peak/twonn", "id_peak_depth/twonn"
    ]  # fmt: skip
    assert len(ours["networks"]) == 12
    assert all(0 <= row["low"] <= row["predicted"] <= row["high"] <= 1 for row in ours["networks"])


def test_a_trial_is_measured_as_the_sweep_did_and_not_fitted(ran, storage, capsys):
    result, checkpoint = checkpoint_of(ran, storage, "cnn", 8)
    code, output, _ = call(
        capsys, "predict", "families", "--storage", storage, "--checkpoint", checkpoint, "--json"
    )
    assert code == 0
    found = json.loads(output)
    sealed = scalars(result.rows)
    features = found["network"]["features"]
    assert features == {name: pytest.approx(sealed[name].value, rel=1e-5) for name in features}
    assert found["network"]["name"] == result.trial.name
    assert found["network"]["fitted"] == 11
    assert found["accuracy"] == sealed["test_accuracy"].value
    code, output, _ = call(
        capsys, "predict", "families", "--storage", storage, "--checkpoint", checkpoint
    )
    assert f"{result.trial.name}: predicted test accuracy 0." in output
    assert "from 11 networks and no label" in output
    assert "its measured test accuracy is" in output


def test_no_seed_of_its_configuration_is_fitted_though_it_is_filtered_out(
    ran, storage, monkeypatch
):
    """Here the only sibling is made: its table entry gets the other's configuration."""
    result, checkpoint = checkpoint_of(ran, storage, "cnn", 8)
    table = unlabelled._networks_table

    def with_a_sibling(results, where, group_by):
        made = table(results, where, group_by)
        own = made["trial"] == result.trial.key
        configuration = made["configuration"][own].iloc[0]
        rest = made[~own].copy()
        rest.iloc[0, rest.columns.get_loc("configuration")] = configuration
        return rest

    monkeypatch.setattr(unlabelled, "_networks_table", with_a_sibling)
    one = ["id_last_hidden/twonn"]
    found = predict("families", storage=storage, checkpoint=checkpoint, features=one)
    assert found.network.fitted == 10


def test_its_weights_in_another_network_are_another_network(ran, storage):
    result, checkpoint = checkpoint_of(ran, storage, "cnn", 8)
    found = predict("families", storage=storage, checkpoint=checkpoint, image_size=16)
    assert found.accuracy is None
    assert found.network.fitted == 12
    assert found.network.name != result.trial.name


def test_weights_of_elsewhere_need_the_model(ran, storage, tmp_path, capsys):
    _, checkpoint = checkpoint_of(ran, storage, "mlp", 8)
    weights = tmp_path / "some.safetensors"
    shutil.copy(checkpoint / "weights.safetensors", weights)
    arguments = ("predict", "families", "--storage", storage, "--weights", weights)
    code, _, error = call(capsys, *arguments)
    assert code == 2
    assert "is no checkpoint of a trial: name a checkpoint, or weights and their --model" in error
    code, output, _ = call(
        capsys, *arguments, "--model", "mlp", "--set", "model.width=8", "--set", "model.depth=1",
        "--json",
    )  # fmt: skip
    found = json.loads(output)
    assert code == 0
    assert found["network"]["fitted"] == 12
    assert found["accuracy"] is None


def test_labels_make_no_difference(ran, storage, tmp_path, monkeypatch):
    """Erased or shuffled, the network's prediction is the same to the bit."""
    _, checkpoint = checkpoint_of(ran, storage, "resnet", 8)
    weights = tmp_path / "given.safetensors"
    shutil.copy(checkpoint / "weights.safetensors", weights)
    given = {
        "checkpoint": weights, "model": "resnet", "overrides": ["model.width=8", "model.depth=1"]
    }  # fmt: skip
    true = Split.labels.func
    found = []
    for number, labels in enumerate(
        (true, lambda split: true(split)[::-1].copy(), lambda split: np.zeros_like(true(split)))
    ):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(storage, copy)
        monkeypatch.setattr(Split, "labels", property(labels))
        found.append(predict("families", storage=copy, **given).to_json())
        # Measured anew, and no accuracy with it.
        assert list((copy / "sweeps" / "profile").rglob("rows.parquet"))
        assert not list((copy / "sweeps" / "profile").rglob("accuracy*"))
    assert found[0] == found[1] == found[2]


def test_what_is_held_out_and_fitted_can_be_chosen(ran, capsys):
    where = ran.work.storage.folder
    found = predict(
        "families", storage=where, group_by="model.width", features=["pc_id_last_hidden"],
        where=["model.depth=1"],
    )  # fmt: skip
    assert found.comparison.families == ("12", "4", "8")
    names = [score.predictors.name for score in found.comparison.scores]
    assert names == ["as given", "training accuracy", "parameter count", "mean accuracy"]
    code, output, _ = call(
        capsys, "predict", "families", "--storage", where, "--group-by", "model.width",
        "--feature", "id_last_hidden/twonn",
    )  # fmt: skip
    assert code == 0
    assert "over 3 values of model.width" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--where", "model.widht=4"], "--where: no setting 'model.widht'; did you mean"),
        (["--where", "model.width=5"], "no network is left; model.width is 12, 4, 8"),
        (["--where", "model.width"], "must be KEY=VALUE"),
        (["--where", "model.width=["], "'[' is no value"),
        (["--where", "model.name=mlp"], "needs 3, but got 1 (mlp)"),
        (["--where", "model.width=4"], "3 features need 5 configurations besides any two"),
        (["--hold-out", "vgg"], "no family 'vgg' among those fitted: cnn, mlp, resnet"),
        (["--group-by", "width"], "--group-by: no setting 'width'"),
        (["--feature", "train_accuracy"], "measures no 'train_accuracy' without labels"),
        (["--feature", "id_peek/twonn"], "did you mean 'id_peak/twonn'?"),
        (["--png", "p.jpg"], "must end in .png"),
        (["--model", "mlp"], "mlp needs weights"),
        (["--model", "mlq", "--weights", "DEFAULT"], "unknown model 'mlq'"),
        (["--model", "mlp", "--weights", "DEFAULT"], "takes weights from a file alone"),
        (["--checkpoint", "nowhere"], "nowhere is not there: name a checkpoint"),
        (["--model", "mlp", "--weights", "nowhere.pt"], "there is no file"),
        (
            ["--model", "mlp", "--weights", "nowhere.pt", "--set", "measure.num_samples=50"],
            "only model.* can be set",
        ),
        (["--model", "mlp", "--weights", "nowhere.pt", "--set", "model.widht=4"], "model.widht"),
        (["--set", "model.width=4"], "which network? Name it with --checkpoint"),
    ],
)
def test_a_mistake_is_one_line(ran, capsys, arguments, message):
    where = ran.work.storage.folder
    code, output, error = call(capsys, "predict", "families", "--storage", where, *arguments)
    assert code == 2
    lines = [line for line in error.splitlines() if line.startswith("idsweep: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in error
    assert output == ""


def test_too_few_families_and_no_such_sweep(finished, capsys):
    where = finished.results.work.storage.folder
    code, _, error = call(capsys, "predict", "tiny", "--storage", where)
    assert code == 2
    assert error.endswith(
        "needs 3, but got 2 (cnn, mlp): sweep more, or hold out by another key with --group-by\n"
    )
    code, _, error = call(capsys, "predict", "tini", "--storage", where)
    assert code == 2
    assert "no sweep 'tini'" in error


def test_a_sweep_that_is_not_done_says_so(ran, storage):
    _, checkpoint = checkpoint_of(ran, storage, "separable", 4)
    shutil.rmtree(checkpoint)
    found = predict("families", storage=storage)
    assert found.comparison.num_networks == 11
    assert found.comparison.notes == ("1 of 12 networks are not measured yet",)
