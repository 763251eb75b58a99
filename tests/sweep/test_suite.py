"""A suite: sweeps in turn in one storage, one joint table, page and record."""

import csv
import json
import re

import pytest

from sweep import run_suite
from sweep.claims import check_claims
from sweep.cli import app
from sweep.errors import UserError
from sweep.execution import LocalProcess
from sweep.paths import open_storage
from sweep.suite import open_suite, suite_claims
from sweep.sweepfile import is_suite, load_sweep, ready_suites, ready_sweeps
from sweep.tracking import connect, search_runs
from tests.sweep.command_line import call

SWEEP = """
name: {name}
training: {{epochs: 1, batch_size: 512}}
measure: {{num_samples: 60}}
analyses: {{surrogate: {{modes: [matched]}}}}
regression: {{resamples: 100}}
model: {{name: mlp, depth: 2}}
space:
  - model.width: {{grid: [4, 8]}}
    training.seed: {{grid: [0, 1]}}
claims:
  - {{claim: 1 far below, statistic: units_over, above: 0.1, published: 508, source: VGG-16-R}}
  - {{claim: 5 always right, statistic: scalar, quantity: test_accuracy, above: 1}}
  - claim: 7 grows
    statistic: rise_at_end
    where: {{history.train_accuracy: {{at_least: 0.99}}}}
    below: 1
"""
SUITE = "name: both\ndescription: Two & two.\nsweeps: [one.yaml, two.yaml]\n"


def write_suite(folder):
    for name in ("one", "two"):
        (folder / f"{name}.yaml").write_text(SWEEP.format(name=name))
    (folder / "both.yaml").write_text(SUITE)
    return folder / "both.yaml"


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """The suite run whole: its file, its storage, its result. Don't change it."""
    folder = tmp_path_factory.mktemp("suite")
    file = write_suite(folder)
    result = run_suite(file, storage=folder / "storage", cluster=LocalProcess())
    return file, folder / "storage", result


def test_each_sweep_is_run_and_judged(suite):
    _, folder, result = suite
    assert [len(one.results.results) for one in result.results] == [8, 8]
    assert [one.sweep for one in result.claims] == ["one", "two"]
    for sweep in result.claims:
        assert [one.verdict for one in sweep.claims] == ["shown", "reversed", "not measured"]
        assert sweep.claims[2].note.startswith("4 left out: not history.train_accuracy at least")
    storage = open_storage(folder, create=False)
    assert storage.sweep_names() == ["one", "two"]


def test_what_is_sealed_gives_the_same_claims(suite):
    file, folder, result = suite
    storage = open_storage(folder, create=False)
    assert suite_claims(open_suite(file), storage) == result.claims


def test_the_joint_page_stands_alone_and_links_both_reports(suite):
    _, _, result = suite
    page = result.report.read_text()
    for link in re.findall(r'href="([^"]+\.html)"', page):
        assert (result.report.parent / link).is_file()
    assert page.count("../../sweeps/") == 2
    assert "Two &amp; two." in page
    assert page.count("data:image/png;base64,") == 1
    assert not re.search(r'(src|href)="https?:', page)
    own = result.results[0].report.read_text()
    assert '<h2 id="claims">Claims</h2>' in own
    assert 'verdict-reversed">reversed' in own


def test_the_table_and_the_record_have_every_number(suite):
    _, folder, result = suite
    paths = open_storage(folder, create=False).suite("both").claims
    rows = list(csv.DictReader(paths.table.read_text().splitlines()))
    assert [row["sweep"] for row in rows] == ["one"] * 3 + ["two"] * 3
    first = result.claims[0].claims[0]
    assert float(rows[0]["estimate"]) == first.estimate
    assert rows[2]["estimate"] == ""
    record = json.loads(paths.record.read_text())
    assert record[1]["claims"][0]["verdict"] == "shown"
    assert paths.picture.read_bytes()[:4] == b"\x89PNG"


def test_mlflow_has_each_sweeps_table_once(suite):
    """The artifact is in the sweep's own run, and a second run changes nothing."""
    file, folder, _ = suite
    storage = open_storage(folder, create=False)
    for again in (False, True):
        if again:
            run_suite(file, storage=folder, cluster=LocalProcess())
        client = connect(storage.tracking_uri)
        experiment = client.get_experiment_by_name("one").experiment_id
        runs = [
            run
            for run in search_runs(client, experiment)
            if run.data.tags.get("idsweep.role") == "sweep"
        ]
        assert len(runs) == 1
        names = {entry.path for entry in client.list_artifacts(runs[0].info.run_id)}
        assert {"claims.csv", "claims.png", "report.html"} <= names


def test_the_command_prints_the_table_again(suite, capsys):
    file, folder, result = suite
    code, output, _ = call(capsys, "claims", file, "--storage", folder)
    assert code == 0
    assert re.search(r"1 far below +digits +[\d.]+ \[.*\] +above 0.1 +508 +shown +4 in 2", output)
    assert output.count("reversed") == 3  # twice, and what it means
    assert re.search(r"measured: one 20\d\d-\d\d-\d\d, two 20", output)
    code, output, _ = call(capsys, "claims", "two", "--storage", folder, "--json")
    found = json.loads(output)
    assert found == json.loads(json.dumps([result.claims[1].to_json()]))
    code, output, _ = call(capsys, "report", file, "--storage", folder)
    assert output.strip() == str(result.report)


def test_a_suite_is_told_from_a_sweep(tmp_path, capsys):
    file = write_suite(tmp_path)
    assert is_suite(file)
    assert not is_suite(tmp_path / "one.yaml")
    assert not is_suite("digits")
    assert not is_suite(tmp_path / "nothing.yaml")
    with pytest.raises(UserError, match=r"is a suite of several sweeps; name one: one.yaml, two"):
        load_sweep(file)
    code, output, _ = call(capsys, "check", file, "--storage", tmp_path / "storage")
    assert code == 0
    assert "one: 4 trials" in output
    assert "two: 4 trials" in output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nsweeps: []\n", "must hold at least 1 value"),
        ("name: x\nsweeps: digits\n", "x.yaml:2: sweeps: input should be a valid list"),
        ("name: x\nsweeps: [digits]\nspaces: 1\n", "unknown key; allowed: name, description"),
        ("name: x\nsweeps: [nothing.yaml]\n", "can't read sweep file"),
        ("name: x\nsweeps: [digits, digits]\n", "two of its sweeps are named 'digits'"),
    ],
)
def test_nonsense_is_one_line(tmp_path, text, message):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        open_suite(tmp_path / "x.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_wrong_with_the_second_is_told_before_the_first_is_run(tmp_path):
    file = write_suite(tmp_path)
    second = tmp_path / "two.yaml"
    text = second.read_text()
    second.write_text(text.replace("quantity: test_accuracy", "quantity: test_acuracy"))
    with pytest.raises(UserError, match="did you mean 'test_accuracy'"):
        run_suite(file, storage=tmp_path / "storage", cluster=LocalProcess())
    assert not (tmp_path / "storage" / "sweeps").exists()


@pytest.mark.parametrize("name", ready_suites())
def test_ready_suites_are_valid(name):
    suite = open_suite(name)
    assert suite.config.name == name
    for sweep in suite.sweeps:
        assert sweep.config.name in ready_sweeps()
        assert sweep.config.claims


def test_the_command_line_knows_claims():
    assert "claims" in {command.callback.__name__ for command in app.registered_commands}


def test_the_papers_claims_have_one_set_of_rules():
    """No rule is fitted to a data set."""
    digits, concepts, *others = open_suite("claims").sweeps
    assert digits.config.claims == concepts.config.claims
    claims = [claim.claim for sweep in (digits, *others) for claim in sweep.config.claims]
    assert len(set(claims)) == len(claims)
    for sweep in (digits, concepts, *others):
        check_claims(sweep.config)


def test_what_takes_a_sweep_says_that_this_is_a_suite(suite, capsys):
    _, folder, _ = suite
    code, _, error = call(capsys, "regress", "both", "--storage", folder)
    assert code == 2
    assert "'both' is a suite: name one of its sweeps; there is: one, two" in error
