"""One page that needs nothing else, and says what the numbers say."""

import json
import re

import pytest

from sweep.execution import LocalProcess
from sweep.outcome import report_sweep
from sweep.pipeline import run_sweep
from sweep.progress import SilentProgress
from sweep.report.figures import axis_figure, profile_figure, scatter_figure
from sweep.report.page import render_page
from sweep.report.profiles import GRID, mean_profile
from sweep.report.static import draw_overview, draw_profile
from sweep.results import trials_table
from sweep.sweepfile import parse_sweep
from sweep.work import Failure
from tests.sweep.image_files import labels_of, random_images, write_folder

PHOTOS = """
name: photos
training: {epochs: 0}
model: {name: cnn, image_size: 16, width: 4, depth: 1}
measure: {num_samples: 24, untrained: false}
"""


@pytest.fixture(scope="module")
def page(finished):
    return finished.report.read_text()


def test_page_is_self_contained(page):
    without_code = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:)""", without_code)
    assert "@import" not in without_code
    assert "Plotly.react" in page


def test_page_holds_profiles_scatter_table_and_file(page, finished):
    for part in ("Profiles", "Last hidden layer and accuracy", "Correlations with test_accuracy"):
        assert f"<h2>{part}</h2>" in page
    assert "How to read this" in page
    assert "name: tiny" in page
    for row in finished.regression.correlations:
        assert f"{row.value:+.2f}" in page
    figures = json.loads(re.search(r"const figures = (.*);\n", page).group(1))
    # Two profiles, the scatter, and one figure for each of the two axes.
    assert len(figures) == len(re.findall(r'id="plot-\d+"', page)) == 5


def test_page_shows_failures_and_escapes_them(finished):
    failures = {"cnn-w4": Failure("train", "<script>alert(1)</script> & more")}
    page = render_page(finished.results, finished.regression, failures)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert "<script>alert(1)" not in page


def test_page_without_a_regression(finished):
    page = render_page(finished.results, None, {})
    assert "Correlations with" not in page


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


def test_profile_figure_sets_trained_beside_random_labels_and_untrained(finished):
    figure = profile_figure(finished.results.results, "cnn", "id/twonn")
    names = [trace["name"] for trace in figure["data"] if "name" in trace]
    assert names == ["true labels (4)", "label noise 1 (4)", "untrained (4)"]


def test_scatter_has_every_trained_trial_and_no_other(finished):
    table = trials_table(finished.results.results)
    figure = scatter_figure(table, "id_last_hidden/twonn", "test_accuracy")
    points = [trace for trace in figure["data"] if trace["mode"] == "markers"]
    assert sum(len(trace["x"]) for trace in points) == 16
    symbols = [symbol for trace in points for symbol in trace["marker"]["symbol"]]
    assert sum(symbol.endswith("-open") for symbol in symbols) == 8  # label noise


def test_axis_figure_joins_what_differs_in_nothing_else(finished):
    table = trials_table(finished.results.results)
    axes = ["model.name", "model.width", "training.label_noise", "training.seed"]
    figure = axis_figure(table, "id_last_hidden/twonn", "test_accuracy", "model.width", axes)
    assert len(figure["data"]) == 4  # two families, two noise levels; seeds are averaged
    assert all(len(trace["x"]) == 2 for trace in figure["data"])


def test_still_pictures(finished, tmp_path):
    results = finished.results.results
    draw_profile(results[0]).savefig(tmp_path / "profile.png")
    overview = draw_overview(results, "id/twonn", "test_accuracy")
    assert [axes.get_xlabel() for axes in overview.axes] == [
        "relative depth",
        "id_last_hidden/twonn",
    ]
    assert (tmp_path / "profile.png").stat().st_size > 5000
