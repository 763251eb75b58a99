"""One page that needs nothing else, says what the numbers say, and holds them all."""

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from sweep.claims.intervals import Estimate
from sweep.execution import LocalProcess
from sweep.outcome import report_sweep
from sweep.pipeline import run_sweep
from sweep.progress import SilentProgress
from sweep.regression import read_regression
from sweep.report.findings import SHAPE, Finding, profile_findings, tell_findings
from sweep.report.page import render_page
from sweep.report.payload import sweep_payload
from sweep.report.payload_layers import collect_layers
from sweep.report.payload_trials import coded
from sweep.report.profiles import GRID, mean_profile
from sweep.report.significant import script_json, significant
from sweep.results import trial_parameters
from sweep.scalars import scalars
from sweep.summary import TRUE_LABELS
from sweep.sweepfile import parse_sweep
from sweep.work import Failure
from tests.sweep.image_files import labels_of, random_images, write_folder

PHOTOS = """
name: photos
training: {epochs: 0}
model: {name: cnn, image_size: 16, width: 4, depth: 1}
measure: {num_samples: 24, untrained: false}
"""


NASTY = """</script><script>alert('1')</script> "quoted" <!-- & {{ 7 * 7 }}"""


class Scripts(HTMLParser):
    """The scripts of a page as a browser would part them: attributes and text of each."""

    def __init__(self, page):
        super().__init__()
        self.found, self._inside = [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._inside = tag == "script"
        if self._inside:
            self.found.append((dict(attrs), []))

    def handle_endtag(self, tag):
        self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.found[-1][1].append(data)

    def json(self, name):
        for attributes, text in self.found:
            if name in (attributes.get("id"), attributes.get("data-part")):
                return json.loads("".join(text))
        raise KeyError(name)


@pytest.fixture(scope="module")
def page(finished):
    return finished.report.read_text()


def test_page_is_self_contained(page):
    without_code = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:|#)""", without_code)
    assert "@import" not in without_code


def test_page_holds_its_sections_and_the_file(page, finished):
    for part in ("Profiles by family", "Dimension and accuracy", "Networks", "How to cite"):
        assert re.search(rf"<h2[^>]*>{part}</h2>", page)
    assert "name: tiny" in page
    assert finished.results.work.data.digest in page


def test_page_shows_failures_and_escapes_them(finished):
    failures = {"cnn-w4": Failure("train", "<script>alert(1)</script> & more")}
    page = render_page(finished.results, finished.regression, failures)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert "<script>alert(1)" not in page


def test_no_name_can_leave_its_place(finished):
    """Neither in the markup nor in the embedded data, whatever a network or a class is called."""
    first, *others = finished.results.results
    rows = [
        replace(row, layer=NASTY, quantity=f"id/twonn@{NASTY}")
        if row.quantity == "id/twonn"
        else row
        for row in first.rows
    ]
    results = replace(finished.results, results=[replace(first, rows=rows), *others])
    plain = render_page(finished.results, None, {})
    page = render_page(results, None, {NASTY: Failure("measure", NASTY)})
    scripts = Scripts(page)
    assert len(scripts.found) == len(Scripts(plain).found) + 4  # the new quantity and its scalars
    assert f"id/twonn@{NASTY}" in [one["name"] for one in scripts.json("data")["quantities"]]
    assert any(NASTY in layers["name"] for layers in scripts.json("data")["layer_sets"])
    assert "alert('1')</script>" not in page


def test_page_without_a_regression(finished):
    page = render_page(finished.results, None, {})
    assert 'id="regression"' not in page


def test_page_of_one_network_and_of_none_trained(finished):
    for kept in (
        [finished.results.results[0]],
        [one for one in finished.results.results if one.trial.role == "untrained"],
        [],
    ):
        page = render_page(replace(finished.results, results=kept), None, {})
        assert len(Scripts(page).json("data")["trials"]["name"]) == len(kept)


def test_payload_has_every_number_of_every_layer(finished):
    """To four digits, in the place of its layer; nothing else is there."""
    members = finished.results.results
    payload = sweep_payload(finished.results, None, "id/twonn")
    found = {}
    for one in payload.data["quantities"]:
        profile = json.loads(payload.parts[f"profile:{one['name']}"])
        for number, values in enumerate(profile["value"]):
            layers = payload.data["layer_sets"][payload.data["layer_set"][number]]
            for place, value in enumerate(values or []):
                if value is not None:
                    key = members[number].trial.key, one["name"], layers["name"][place]
                    low = (profile["low"][number][place],) if "low" in profile else ()
                    found[key] = (layers["index"][place], layers["depth"][place], value, *low)
    wanted = [
        row
        for result in members
        for row in result.rows
        if row.layer_index is not None
        and row.quantity != "last_hidden"
        and not math.isnan(row.value)
    ]
    assert len(found) == len(wanted) > 0
    for row in wanted:
        index, depth, value, *low = found[row.trial, row.quantity, row.layer]
        assert (index, depth) == (row.layer_index, pytest.approx(row.relative_depth, abs=1e-4))
        assert value == pytest.approx(row.value, rel=6e-4)
        assert low in ([], [None]) if row.low is None else low == [pytest.approx(row.low, rel=6e-4)]


def test_payload_has_every_setting_and_scalar(finished):
    payload = sweep_payload(finished.results, finished.regression, "id/twonn")
    trials = payload.data["trials"]
    for number, result in enumerate(finished.results.results):
        for key, value in trial_parameters(result.trial).items():
            column = trials["columns"].get(key)
            told = column["values"][column["codes"][number]] if column else trials["constants"][key]
            assert told == value or str(told) == str(value)
        for name, scalar in scalars(result.rows).items():
            values = json.loads(payload.parts[f"scalar:{name}"])["value"]
            assert values[number] == pytest.approx(scalar.value, rel=6e-4)
    assert payload.data["predictor"] == finished.regression.correlations[0].predictor


def test_payload_marks_the_last_hidden_layer(finished):
    layers = collect_layers(finished.results.results)
    for number, result in enumerate(finished.results.results):
        last = next(row.layer_index for row in result.rows if row.quantity == "last_hidden")
        own = layers.sets[layers.of_trial[number]]
        assert own["index"][own["last"]] == last


def test_what_does_not_fit_is_named_and_the_main_quantity_stays(finished):
    whole = sweep_payload(finished.results, None, "id/twonn")
    assert whole.left_out == []
    room = sum(map(len, whole.parts.values())) // 2
    small = sweep_payload(finished.results, None, "id/twonn", max_bytes=room)
    kept = [one["name"] for one in small.data["quantities"]]
    assert kept[0] == "id/twonn"
    assert small.left_out
    assert set(kept) | set(small.left_out) == {one["name"] for one in whole.data["quantities"]}
    assert sum(map(len, small.parts.values())) <= room
    least = sweep_payload(finished.results, None, "id/twonn", max_bytes=0)
    assert [one["name"] for one in least.data["quantities"]] == ["id/twonn"]


def test_values_that_are_missing_are_null(finished):
    first, *others = finished.results.results
    rows = [replace(row, value=math.nan, low=None, high=None) for row in first.rows]
    results = replace(finished.results, results=[replace(first, rows=rows), *others])
    profile = json.loads(sweep_payload(results, None, "id/twonn").parts["profile:id/twonn"])
    assert set(profile["value"][0]) == {None}
    assert all(value is not None for value in profile["value"][1])


@given(st.lists(st.none() | st.floats(width=64)))
def test_significant_digits(values):
    for given_, told in zip(values, significant(values), strict=True):
        if given_ is None or not math.isfinite(given_):
            assert told is None
        else:
            assert told == pytest.approx(given_, rel=5.1e-4)
        if given_ is not None and 1e-15 < abs(given_) < 1e22:
            assert told == pytest.approx(float(f"{given_:.4g}"), rel=1.1e-3)
            assert len(repr(told).replace("-", "").replace(".", "").strip("0").split("e")[0]) <= 4


@given(st.recursive(st.text() | st.integers() | st.none(), st.lists))
def test_script_json_cannot_end_its_element(value):
    text = script_json([value, NASTY])
    assert "<" not in text
    assert json.loads(text) == [value, NASTY]


@given(st.lists(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()))
def test_coded_columns_decode(values):
    column = coded(values)
    decoded = [column["values"][code] for code in column["codes"]]
    assert [(type(value), value) for value in decoded] == [(type(v), v) for v in values]
    numbers = [
        v
        for v in column["values"]
        if isinstance(v, int | float) and v is not True and v is not False
    ]
    assert numbers == sorted(numbers)


def test_findings_say_what_the_numbers_say(finished):
    """Each verdict is on the side of 1 on which its whole interval lies."""
    findings = profile_findings(finished.results.results, "id/twonn")
    assert {one.family for one in findings} == {"mlp", "cnn"}
    for one in findings:
        low, high = one.estimate.low, one.estimate.high
        assert (one.verdict == one.words.above) == (low > 1)
        assert (one.verdict == one.words.below) == (high < 1)
    told = {name.rpartition(", ")[0]: said for name, said in tell_findings(findings)}
    assert set(told) == {one.variant for one in findings}
    for one in findings:
        assert f"{one.verdict} in " in told[one.variant]
        assert f"{one.estimate.value:.2f}" in told[one.variant]


def finding(family, low, high, words=SHAPE):
    value = (low * high) ** 0.5
    return Finding(words, TRUE_LABELS, family, Estimate(value, low, high, "seeds"), 4)


def test_families_that_go_one_way_share_a_sentence_with_their_ratios():
    found = [finding("a", 1.2, 1.4), finding("b", 0.9, 1.3), finding("c", 1.5, 1.7)]
    assert tell_findings(found) == [
        (
            f"{TRUE_LABELS}, 12 networks",
            "From input to last hidden layer it rises, then falls in a and c (peak over the "
            "larger end: 1.30 to 1.60), and has no clear peak in b (1.08, 95% interval 0.90 to "
            "1.30).",
        )
    ]
    unclear = [finding(name, 0.9, 1.1) for name in "abc"]
    assert "has no clear peak in any of the 3 families" in tell_findings(unclear)[0][1]
    many = [finding(name, 1.1, 1.2) for name in "abcdefgh"] + [finding("i", 0.5, 0.6)]
    assert "in 8 of 9 families" in tell_findings(many)[0][1]


def test_page_says_each_sentence_of_the_regression_once(finished):
    page = finished.report.read_text()
    for sentence in read_regression(finished.regression):
        assert page.count(f"<li>{escape(sentence)}</li>") == 1, sentence


def test_page_of_images_of_many_sizes(storage, tmp_path):
    labels = labels_of(32, 2)
    images = [random_images(1, (3, 8 + i, 9), seed=i)[0] for i in range(32)]
    write_folder(tmp_path / "photos", images, labels, ["cat", "dog"])
    settings = [f"data.path={tmp_path / 'photos'}", "data.name=image_folder"]
    file = parse_sweep(PHOTOS, "photos.yaml", settings)
    found = run_sweep(file, storage, LocalProcess(), SilentProgress())
    assert found.failures == {}
    assert "(24 training and 8 test images of\nmany sizes, 2 classes)" in found.report.read_text()
    assert report_sweep(storage, "photos", None) == found.report


def test_mean_profile_interpolates_each_trial(finished):
    trials = [r for r in finished.results.results if r.trial.config.model.name == "cnn"]
    found = mean_profile(trials, "id/twonn")
    assert found.num_trials == len(trials)
    inputs = [
        r.value for t in trials for r in t.rows if r.quantity == "id/twonn" and r.layer_index == 0
    ]
    assert found.mean[0] == pytest.approx(sum(inputs) / len(inputs))
    assert (found.low <= found.mean).all()
    assert (found.mean <= found.high).all()
    assert mean_profile(trials, "nothing") is None
    assert len(found.depth) == len(GRID)
