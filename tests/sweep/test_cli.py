"""The command line: one clear line and exit code 2 for a mistake, nothing written."""

import json
import subprocess
import sys

import pytest

from estimators import ESTIMATORS
from tests.sweep.command_line import call

COMMANDS = (
    *("run", "check", "regress", "report", "track", "ui", "export", "estimate", "validate"),
    *("list", "schema", "measure", "layers", "profile", "dissect", "prepare"),
)


def storage_of(finished):
    return str(finished.results.work.storage.folder)


def test_help_imports_nothing_heavy():
    program = (
        "import sys; sys.argv = ['idsweep', '--help']\n"
        "from sweep.cli import main\n"
        "try:\n    main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'ray', 'mlflow', 'pandas', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(' '.join(sorted(heavy)) or 0)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    for command in COMMANDS:
        assert command in found.stdout


def test_runs_as_a_module():
    found = subprocess.run(
        [sys.executable, "-m", "sweep", "list", "sweeps"], capture_output=True, text=True
    )
    assert "digits" in found.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nofile.yaml"], "can't read sweep file nofile.yaml"),
        (["run", "digits", "--set", "training.epoch=2"], "did you mean 'epochs'"),
        (["run", "digits", "--set", "resources.cpus=4096"], "4096 CPUs asked, but this machine"),
        (
            ["run", "digits", "--set", "resources.gpus=64"],
            "GPUs asked for each worker, but",
        ),
        (["run", "digits", "--storage", "/proc/results"], "must be writable, but /proc refuses"),
        (["run", "digits", "--address", "127.0.0.1:1"], "nothing answers at Ray address"),
        (["run", "digits", "--address", "nowhere"], "takes HOST:PORT or auto"),
        (["check", "digits", "--set", "regression.response=x"], "this sweep measures no 'x'"),
        (["check", "digits", "--set", "data.test_fraction=0"], "leaves no test images"),
        (
            ["check", "digits", "--set", "data.name=image_folder", "--set", "data.path=nowhere"],
            "nowhere does not exist",
        ),
        (["check", "digits", "--set", "model.weights=none.pt"], "there is no file"),
        (
            [
                *("check", "digits", "--set", "measure.scratch=0.000001"),
                *("--set", "measure.keep_activations=true"),
            ],
            "of activations exceed measure.scratch",
        ),
        (["regress", "digits"], "there is no idsweep storage"),
        (["report", "digits"], "there is no idsweep storage"),
        (["track", "digits"], "there is no idsweep storage"),
        (["export", "digits", "-o", "rows.csv"], "there is no idsweep storage"),
        (["ui"], "there is no idsweep storage"),
        (["list", "modells"], "got 'modells'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, _, error = call(capsys, *arguments)
    assert code == 2
    assert message in error
    assert error.startswith("idsweep: ")
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_check_prints_the_plan(capsys, tiny_file, tmp_path):
    code, output, _ = call(capsys, "check", tiny_file, "--storage", tmp_path / "s")
    assert code == 0
    assert "tiny: 16 trials, 8 untrained twins" in output
    assert "families: cnn 8, mlp 8" in output
    assert not (tmp_path / "s").exists()


def test_regress_prints_tables_and_json(capsys, finished):
    code, output, _ = call(capsys, "regress", "tiny", "--storage", storage_of(finished))
    assert code == 0
    assert "along training.label_noise" in output
    assert "from MLflow at sqlite" in output
    _, output, _ = call(capsys, "regress", "tiny", "--json", "--storage", storage_of(finished))
    assert json.loads(output)["correlations"][0]["scope"] == "all trials"


def test_report_and_export_take_the_name_or_the_file(capsys, finished, tiny_file, tmp_path):
    storage = storage_of(finished)
    for sweep in ("tiny", tiny_file):
        code, output, _ = call(capsys, "report", sweep, "--storage", storage)
        assert code == 0
        assert output.strip().endswith("report.html")
    target = tmp_path / "rows.csv"
    code, output, _ = call(capsys, "export", "tiny", "-o", target, "--storage", storage)
    assert code == 0
    assert f"rows in {target}" in output.replace("\n", "")


def test_list_names_what_a_file_can_use(capsys):
    _, output, _ = call(capsys, "list")
    for name in ("separable", "digits", "twonn_linear"):
        assert name in output


def test_list_says_what_an_estimator_is(capsys):
    _, output, _ = call(capsys, "list", "estimators")
    lines = {line.split()[0]: line for line in output.splitlines()}
    assert set(ESTIMATORS) <= set(lines)
    for name, estimator in ESTIMATORS.items():
        assert lines[name].split()[1] == str(estimator.num_neighbors)
    assert "Two-nearest-neighbors" in lines["twonn_linear"]
    assert lines["twonn"].rstrip().endswith("10.1038/s41598-017-11873-y")
    assert "datasets" not in output


def test_schema_is_json_schema(capsys):
    _, output, _ = call(capsys, "schema")
    schema = json.loads(output)
    assert schema["additionalProperties"] is False
    assert {"training", "space", "measure"} <= set(schema["properties"])


def test_api_is_the_same_stages(tiny_file, tmp_path):
    from sweep import run
    from sweep.execution import LocalProcess

    result = run(
        tiny_file, storage=tmp_path / "s", overrides=["space=[{}]"], cluster=LocalProcess()
    )
    assert len(result.results.results) == 2
