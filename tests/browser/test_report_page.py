"""The report of a sweep in a real browser: what a reader clicks, sees, prints and takes away."""

import csv
import io
import json
import time
from dataclasses import replace

import numpy as np
import pytest

from sweep.data.partitions import prepare_data
from sweep.measuring.scales import scale_quantity
from sweep.paths import claim_storage, open_storage
from sweep.progress import SilentProgress
from sweep.report.page import render_page
from sweep.report.profiles import mean_profile
from sweep.results import SweepResults, TrialResult
from sweep.scalars import scalars
from sweep.space import make_trials
from sweep.summary import TRUE_LABELS, variant
from sweep.sweepfile import parse_sweep
from sweep.work import Failure, Work
from tests.sweep.synthetic import FILE, Shape, synthetic_rows

NASTY = """</script><img src=x onerror=alert(1)> "quoted" & {{ 7 * 7 }}"""
DRAWN = "#profiles .plot[data-drawn]"


def synthetic_results(folder, shape):
    """A synthetic sweep, nothing of which is sealed but its data."""
    storage = open_storage(folder, create=True)
    claim_storage(storage)
    text = FILE.format(name="synthetic", epochs=10, linear="{}", seeds=list(range(shape.seeds)))
    config = parse_sweep(text, "synthetic").config
    work = Work(config, storage, prepare_data(config.data, storage, SilentProgress()))
    trials = make_trials(config, work.data.digest)
    results = [TrialResult(trial, synthetic_rows(trial, shape), []) for trial in trials]
    return SweepResults(work, text, trials, results)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """400 networks of six layers."""
    return synthetic_results(tmp_path_factory.mktemp("results"), Shape(seeds=1, layers=6))


@pytest.fixture(scope="module")
def address(results, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_page(results, None, {}))
    return path


@pytest.fixture
def report(open_page, address):
    page = open_page(address)
    look_at(page, "profiles-title")
    page.wait_for_selector(DRAWN)
    return page


def look_at(page, name):
    page.evaluate("name => document.getElementById(name).scrollIntoView()", name)


def shown(page):
    return page.locator("#count").inner_text()


def test_filters_act_on_figures_and_table_and_stay_in_the_address(report, open_page, address):
    assert shown(report) == "400 networks"
    report.click("#filter-box summary")
    report.click('[data-filter="family"] button[aria-label="only family cnn"]')
    assert shown(report) == "80 of 400 networks"
    report.uncheck('[data-filter="variant"] input[value="untrained"]')
    report.uncheck('[data-filter="model.width"] input[value="128"]')
    assert shown(report) == "48 of 400 networks"
    assert report.locator("#profiles [data-panel]").count() == 3
    assert report.locator("#variants [data-panel]").count() == 1
    assert report.locator("#trials-count").inner_text() == "1 to 48 of 48 networks"
    again = open_page(report.url)
    assert shown(again) == "48 of 400 networks"
    report.click("#reset")
    assert shown(report) == "400 networks"
    assert "#" not in report.url


def test_scale_curves_are_those_of_the_chosen_variant(open_page, results, tmp_path):
    def with_scales(one):
        more = [
            replace(row, analysis="scales", quantity=scale_quantity(rank), settings={"n2": rank})
            for row in one.rows
            for rank in (2, 4)
            if row.quantity == "id/twonn"
        ]
        return replace(one, rows=[*one.rows, *more])

    members = [with_scales(one) for one in results.results if one.trial.config.model.name == "cnn"]
    path = tmp_path / "report.html"
    path.write_text(render_page(replace(results, results=members), None, {}))
    page = open_page(path)
    look_at(page, "scales-title")
    titles = page.locator("#scales .title")
    assert titles.all_inner_texts() == ["cnn, true labels (20 networks)"]
    page.select_option("#scales_variant", "untrained")
    assert titles.all_inner_texts() == ["cnn, untrained (20 networks)"]
    again = open_page(page.url)
    assert again.locator("#scales_variant").input_value() == "untrained"
    page.wait_for_selector("#scales .plot[data-drawn]")


def test_no_network_left_is_said(report):
    report.click("#filter-box summary")
    for box in report.locator('[data-filter="family"] input').all():
        box.uncheck()
    assert shown(report) == "0 of 400 networks"
    assert report.locator("#profiles-none").is_visible()
    assert report.locator("#trials-count").inner_text() == "no network"


def test_drawn_mean_is_the_mean_of_the_rows(report, results):
    members = [
        one
        for one in results.results
        if variant(one.trial) == TRUE_LABELS and one.trial.config.model.name == "cnn"
    ]
    wanted = mean_profile(members, "id/twonn")
    drawn = report.evaluate(
        """() => [...document.querySelector('#profiles .plot').data]
            .filter((trace) => trace.text).map((trace) => [...trace.y])"""
    )
    assert drawn[0] == pytest.approx(wanted.mean.tolist(), rel=1e-3)


@pytest.mark.parametrize("configurations", [20, 3, 1])
def test_band_is_over_configurations_and_of_few_the_full_range(open_page, tmp_path, configurations):
    """As the still pictures have it: two seeds of a configuration count as one."""
    seeds = 5 if configurations == 1 else 2
    results = synthetic_results(tmp_path / "results", Shape(seeds=seeds, layers=6))
    members = [
        one
        for one in results.results
        if variant(one.trial) == TRUE_LABELS and one.trial.config.model.name == "cnn"
    ]
    kept = sorted({one.trial.configuration for one in members})[:configurations]
    members = [one for one in members if one.trial.configuration in kept]
    wanted = mean_profile(members, "id/twonn")
    assert (wanted.num_trials, wanted.num_configurations) == (seeds * len(kept), len(kept))
    path = tmp_path / "report.html"
    path.write_text(render_page(replace(results, results=members), None, {}))
    page = open_page(path)
    look_at(page, "profiles-title")
    page.wait_for_selector(DRAWN)
    band, line = page.evaluate(
        "() => document.querySelector('#profiles .plot').data.map((one) => [...one.y])"
    )
    assert line == pytest.approx(wanted.mean.tolist(), rel=1e-3)
    assert (wanted.above is None) == (configurations == 3)
    few = wanted.above is None
    above, below = (wanted.high, wanted.low) if few else (wanted.above, wanted.below)
    assert band == pytest.approx([*above, *below[::-1]], rel=1e-3)


def test_quantity_band_and_single_networks_are_chosen(report):
    first = report.locator("#profiles .plot").first
    report.select_option("#quantity", "id/mle")
    report.wait_for_function("document.querySelector('#profiles .ytitle')?.textContent == 'id/mle'")
    traces = "document.querySelector('#profiles .plot').data.filter((one) => one.fill).length"
    assert report.evaluate(traces) == 5
    report.select_option("#band", "none")
    report.wait_for_function(f"{traces} === 0")
    report.check("#each")
    lines = "document.querySelector('#profiles .plot').data[0].x.filter((x) => x === null).length"
    report.wait_for_function(f"{lines} === 20")  # of one family: five widths, four depths
    assert "id/mle" in first.get_attribute("aria-label")


def test_a_click_on_a_point_opens_that_network(report, results):
    look_at(report, "scatter-title")
    report.wait_for_selector("#scatter .plot[data-drawn] .point")
    box = report.locator("#scatter .scatterlayer .point").first.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    report.mouse.move(*middle)
    report.wait_for_selector("#scatter .hovertext")
    hovered = report.locator("#scatter .hovertext").text_content()
    report.mouse.click(*middle)
    name = report.locator("#network-name").inner_text()
    assert name in hovered
    one = next(found for found in results.results if found.trial.name == name)
    assert one.trial.key in report.url
    assert f"run {name}" in report.locator("#network-run").inner_text()
    accuracy = scalars(one.rows)["test_accuracy"].value
    assert f"test_accuracy {accuracy:.4g}" in report.locator("#network-told").inner_text()
    report.wait_for_selector("#network-figures .plot[data-drawn]")
    first = "document.querySelector('#network-figures .plot').data"
    assert report.evaluate(f"{first}.length") == 6  # estimators, each with its intervals
    assert report.evaluate(f"{first}.every((trace) => trace.error_y)")
    report.keyboard.press("Escape")
    assert report.locator("#network").is_hidden()


def test_straight_line_is_least_squares(report, results):
    pairs = [
        (found["id_last_hidden/twonn"].value, found["test_accuracy"].value)
        for one in results.results
        if one.trial.role == "trained"
        for found in [scalars(one.rows)]
    ]
    r = np.corrcoef(np.array(pairs).T)[0, 1]
    slope = np.polyfit(*np.array(pairs).T, 1)[0]
    note = report.locator("#scatter .note").inner_text()
    assert f"r = {r:.2f}" in note.replace("\N{MINUS SIGN}", "-")
    assert f"slope {slope:.3g}" in note.replace("\N{MINUS SIGN}", "-")
    assert "300 networks" in note


def test_table_sorts_searches_turns_and_opens(report):
    look_at(report, "trials-title")

    def column(name):
        places = report.locator("#trials-head th").all_inner_texts()
        place = next(n for n, text in enumerate(places) if text.startswith(name))
        return report.locator(f"#trials-body td:nth-child({place + 1})").all_inner_texts()

    button = report.locator('[data-sort="test_accuracy"]')
    button.focus()
    report.keyboard.press("Enter")
    assert report.locator('th[aria-sort="ascending"]').inner_text().startswith("test accuracy")
    values = [float(value) for value in column("test accuracy")]
    assert values == sorted(values)
    report.keyboard.press("Enter")
    values = [float(value) for value in column("test accuracy")]
    assert values == sorted(values, reverse=True)
    report.click("#trials-on")
    assert report.locator("#trials-count").inner_text() == "51 to 100 of 400 networks"
    report.fill("#trials-search", "resnet untrained")
    assert report.locator("#trials-count").inner_text() == "1 to 20 of 20 networks"
    assert set(column("family")) == {"resnet"}
    report.locator("#trials-body button").nth(2).click()
    assert report.locator("#network").is_visible()
    assert report.locator("#network-name").inner_text() == column("network")[2]


def test_downloads_hold_what_is_listed(report, results):
    report.fill("#trials-search", "cnn-w8-")
    with report.expect_download() as waiting:
        report.click("#download-csv")
    lines = list(csv.DictReader(io.StringIO(waiting.value.path().read_text())))
    wanted = {
        one.trial.key: scalars(one.rows)
        for one in results.results
        if one.trial.name.startswith("cnn-w8-")
    }
    assert {line["trial"] for line in lines} == set(wanted)
    for line in lines:
        for name, scalar in wanted[line["trial"]].items():
            assert float(line[name]) == pytest.approx(scalar.value, rel=6e-4)
        assert line["model.width"] == "8"
    with report.expect_download() as waiting:
        report.click("#download-json")
    found = json.loads(waiting.value.path().read_text())
    assert {one["trial"] for one in found} == set(wanted)
    assert len(found[0]["profiles"]["id/twonn"]["value"]) == len(found[0]["layers"]["name"]) == 6


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_needs_no_sideways_scrolling(open_page, address, dark):
    page = open_page(address, width=390, height=844, dark=dark)
    look_at(page, "profiles-title")
    page.wait_for_selector(DRAWN)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") is not dark
    page.locator("#trials-body button").first.click()
    assert page.locator("#network-close").is_visible()


def test_paper_has_every_figure_and_no_control(open_page, address):
    page = open_page(address, dark=True)
    page.evaluate(
        """() => addEventListener('beforeprint', () => {
            const plots = [...document.querySelectorAll('main .plot')];
            window.drawn = plots.every((plot) => plot.dataset.drawn);
            window.sizes = plots.map((plot) => [plot.className.includes("tall"),
                plot._fullLayout.width, plot._fullLayout.height]);
        })"""
    )
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert page.evaluate("window.drawn")
    page.emulate_media(media="print")
    room = {  # what is drawn larger than its place is cut off
        tall: page.locator(f"main .plot{kind}").first.bounding_box()
        for tall, kind in ((True, ".tall"), (False, ":not(.tall)"))
    }
    for tall, width, height in page.evaluate("window.sizes"):
        assert width <= room[tall]["width"] + 1
        assert height == room[tall]["height"]
    assert page.locator("#bar").is_hidden()
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"


def test_names_stay_text(open_page, results, tmp_path):
    """Of a class, a layer and a failed network; a browser would run what is in them."""
    first, *others = results.results[:8]
    rows = [
        replace(row, layer=NASTY, quantity=f"id/twonn@{NASTY}") if row.quantity == "id/mom" else row
        for row in first.rows
    ]
    kept = replace(results, results=[replace(first, rows=rows), *others])
    path = tmp_path / "report.html"
    path.write_text(render_page(kept, None, {NASTY: Failure("train", NASTY)}))
    page = open_page(path)
    page.on("dialog", lambda dialog: pytest.fail("a name was run"))
    page.select_option("#quantity", f"id/twonn@{NASTY}")
    look_at(page, "profiles-title")
    page.wait_for_selector(DRAWN)
    assert page.locator("#profiles .ytitle").first.text_content() == f"id/twonn@{NASTY}"
    assert NASTY in page.locator("ul.failed").inner_text()
    page.check("#each")
    page.locator(f'#trials-body [data-trial="{first.trial.key}"] button').click()
    page.wait_for_selector("#network-figures .plot[data-drawn]")
    assert page.locator("main img, svg img").count() == 0


@pytest.mark.parametrize("kept", ["one network", "last hidden layer alone", "untrained alone"])
def test_little_is_shown_without_an_error(open_page, results, tmp_path, kept):
    members = results.results[:1]
    if kept == "untrained alone":
        members = [one for one in results.results if one.trial.role == "untrained"][:3]
    if kept == "last hidden layer alone":
        members = [
            replace(one, rows=[row for row in one.rows if row.layer_index in (None, 4)])
            for one in results.results[:6]
        ]
    path = tmp_path / "report.html"
    path.write_text(render_page(replace(results, results=members), None, {}))
    page = open_page(path)
    assert "network" in shown(page)
    assert page.locator("#profiles-none").is_visible() == (kept == "last hidden layer alone")
    page.pdf()


def test_two_thousand_networks(open_page, tmp_path):
    """Small enough, and soon there: how soon on a quiet machine is the benchmark's to say."""
    text = render_page(synthetic_results(tmp_path, Shape(seeds=5, layers=20)), None, {})
    path = tmp_path / "report.html"
    path.write_text(text)
    assert len(text.encode()) < 15e6
    page = open_page(path, wait_until="commit")
    began = time.monotonic()
    page.wait_for_selector("html[data-started]")
    look_at(page, "profiles-title")
    page.wait_for_selector(DRAWN)
    page.click("#filter-box summary")
    page.click('[data-filter="family"] button[aria-label="only family cnn"]')
    assert shown(page) == "400 of 2,000 networks"
    assert time.monotonic() - began < 20  # several times what it takes
