"""A sweep file is refused with file, line, key, value and the nearest valid name."""

import pytest

from sweep.config import SweepConfig
from sweep.errors import UserError
from sweep.sweepfile import load_sweep, ready_sweeps

# content, what the message must say
WRONG = {
    "no YAML": ("name: a\nspace: [\n", r"s.yaml:3: not valid YAML"),
    "empty": ("", r"s.yaml:1: .*but this is empty"),
    "a list": ("- a\n", r"but this is a list"),
    "no name": ("training: {epochs: 1}\n", r"name: is required"),
    "unknown key": ("name: a\n\ntrainin: {}\n", r"s.yaml:3: trainin: unknown key; .*'training'"),
    "unknown inner key": (
        "name: a\ntraining:\n  epocs: 3\n",
        r"s.yaml:3: training.epocs: unknown key; did you mean 'epochs'\? allowed: epochs, ",
    ),
    "unknown key of an optional section": (
        "name: a\nanalyses:\n  linear:\n    share: 0.5\n",
        r"s.yaml:4: analyses.linear.share: unknown key; .*variance_share",
    ),
    "key twice": ("name: a\nname: b\n", r"s.yaml:2: key 'name' stands already in line 1"),
    "misspelt model": (
        "name: a\nmodel:\n  name: resnett\n",
        r"s.yaml:3: model.name: unknown model 'resnett'; did you mean 'resnet'\?",
    ),
    "misspelt model in the space": (
        "name: a\nspace:\n  - model.name:\n      grid: [cnn, mpl]\n",
        r"s.yaml:4: space.0.model.name.grid.1: unknown model 'mpl'; did you mean 'mlp'\?",
    ),
    "misspelt data set": ("name: a\ndata: {name: digit}\n", r"'digit'; did you mean 'digits'"),
    "misspelt estimator": (
        "name: a\nanalyses: {intrinsic: {estimators: [TwoN]}}\n",
        r"unknown estimator 'TwoN'; did you mean 'twonn'",
    ),
    "empty grid": (
        "name: a\nspace: {model.width: {grid: []}}\n",
        r"at least 1 value, but got \[\]",
    ),
    "negative width": (
        "name: a\nspace:\n  model.width:\n    grid: [8, -3]\n",
        r"s.yaml:4: space.0.model.width.grid.1: .*greater than or equal to 1, but got -3",
    ),
    "too much noise": (
        "name: a\ntraining: {label_noise: 1.5}\n",
        r"s.yaml:2: training.label_noise: .*less than or equal to 1, but got 1.5",
    ),
    "range beyond the allowed": (
        "name: a\nspace: {training.label_noise: {uniform: [0, 1.5]}}\n",
        r"uniform.1: .*but got 1.5",
    ),
    "range upside down": (
        "name: a\nspace: {training.learning_rate: {loguniform: [1, 0.1]}}\n",
        r"`0 < low < high` must hold, got \[1.0, 0.1\]",
    ),
    "range upside down, in the notation without a dot": (
        "name: a\nspace: {training.learning_rate: {loguniform: [1e-1, 1e-4]}}\n",
        r"`0 < low < high` must hold, got \[0.1, 0.0001\]",
    ),
    "an impossible date": ("name: 2020-99-99\n", r"s.yaml: not valid YAML"),
    "a key that is a list": ("? [a, b]\n: 1\n", r"s.yaml:1: a key must be a plain word"),
    "an alias of itself": ("name: &a [*a]\n", r"s.yaml.*not valid YAML"),
    "true for a number": (
        "name: a\nmodel: {width: true}\n",
        r"s.yaml:2: model.width: must be a number, but got True",
    ),
    "true among numbers": (
        "name: a\nmeasure: {epochs: [0, true]}\n",
        r"s.yaml:2: measure.epochs: must be a number",
    ),
    "a seed too large": ("name: a\ndata: {seed: 99999999999}\n", r"less than or equal to 42949672"),
    "a range too large": (
        "name: a\nspace: {training.batch_size: {randint: [16, 99999999999999999999]}}\n",
        r"randint.1: .*less than or equal to",
    ),
    "one image a batch": ("name: a\ntraining: {batch_size: 1}\n", r"greater than or equal to 2"),
    "a GPU and a half": ("name: a\nresources: {gpus: 1.5}\n", r"fraction of a GPU must be below 1"),
    "unknown axis": (
        "name: a\nspace: {training.lable_noise: {grid: [0]}}\n",
        r"unknown axis; did you mean 'training.label_noise'",
    ),
    "unknown domain": (
        "name: a\nspace: {training.label_noise: {gird: [0]}}\n",
        r"got 'gird'; did you mean 'grid'",
    ),
    "bare list": ("name: a\nspace: {model.width: [4, 8]}\n", r"\{grid: \[4, 8\]\}"),
    "name with a path": ("name: ../../etc\n", r"s.yaml:1: name: .*but got '../../etc'"),
    "section that is none": ("name: a\ntraining: 3\n", r"must be a mapping of keys, but got 3"),
    "not a number": ("name: a\nresources: {cpus: lots}\n", r"resources.cpus: .*'lots'"),
    "infinite": ("name: a\ntraining: {learning_rate: .inf}\n", r"finite number, but got inf"),
}


@pytest.mark.parametrize("case", WRONG)
def test_refuses(tmp_path, monkeypatch, case):
    content, message = WRONG[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(content)
    with pytest.raises(UserError, match=message) as caught:
        load_sweep("s.yaml")
    assert "\n" not in str(caught.value)


def test_refuses_a_missing_file_and_names_the_ready_ones():
    with pytest.raises(UserError, match=r"nofile.yaml .*ready sweeps: .*digits"):
        load_sweep("nofile.yaml")


def test_counts_further_errors(tmp_path):
    (tmp_path / "s.yaml").write_text("name: a\ntraining: {epocs: 1, sed: 1}\n")
    with pytest.raises(UserError, match=r"\(and 1 more\)"):
        load_sweep(tmp_path / "s.yaml")


@pytest.mark.parametrize("name", ready_sweeps())
def test_ready_sweeps_are_valid(name):
    path = ready_sweeps()[name]
    command = f"idsweep run {name} --set data.path=FOLDER"
    needed = ["data.path=photos"] if command in path.read_text() else []
    assert load_sweep(name, needed).config.name == name


def test_set_overrides_any_key_and_ends_an_axis(tiny_file):
    file = load_sweep(tiny_file, ["training.epochs=7", "model.width=5", "data.seed=3"])
    assert file.config.training.epochs == 7
    assert file.config.model.width == 5
    assert file.config.data.seed == 3
    assert "model.width" not in file.config.space[0]
    assert "# --set training.epochs=7" in file.text


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=2", r"--set training.epoch=2: unknown key; did you mean 'epochs'"),
        ("epochs", "KEY=VALUE"),
        ("name.x=1", "name holds no keys"),
        ("training.epochs=[", "not valid YAML"),
    ],
)
def test_a_wrong_override_is_named(tiny_file, override, message):
    with pytest.raises(UserError, match=message):
        load_sweep(tiny_file, [override])


def test_numbers_without_a_dot_are_numbers(tmp_path):
    content = "name: a\nspace: {training.learning_rate: {loguniform: [1e-4, 1e-1]}}\n"
    (tmp_path / "s.yaml").write_text(content)
    assert load_sweep(tmp_path / "s.yaml").config.space[0]["training.learning_rate"].loguniform == (
        1e-4,
        1e-1,
    )


def test_set_of_a_section_ends_its_axes_and_is_noted(tmp_path):
    (tmp_path / "s.yaml").write_text("name: a\nspace: {training.seed: {grid: [0, 1]}}")
    file = load_sweep(tmp_path / "s.yaml", ["training={epochs: 2}"])
    assert file.config.space == [{}]
    assert file.text.endswith("\n# --set training={epochs: 2}\n")


def test_every_setting_says_what_it_means():
    def settings(schema):
        for definition in schema["$defs"].values():
            yield from definition.get("properties", {}).items()

    schema = SweepConfig.model_json_schema()
    domains = {"grid", "choice", "uniform", "loguniform", "randint"}
    for name, entry in settings(schema):
        if name not in domains and "$ref" not in str(entry):
            assert entry.get("description"), f"{name} has no description"
