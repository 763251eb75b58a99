"""The page of depthwise kernels, as a person sees it."""

import pytest

from sweep import api
from sweep.report.kernels_page import render_kernels
from tests.sweep.test_depthwise import planted_file

SETTINGS = ["model.width=16", "model.depth=1", "analyses.depthwise.clusters=null"]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """Two networks whose kernels are known patterns: 48 kernels each, enough to cluster."""
    folder = tmp_path_factory.mktemp("kernels")
    model = {"name": "convnext", "width": 16, "depth": 1, "kernel_size": 7}
    sets = []
    for seed in (0, 1):
        path, _ = planted_file(folder, model, seed)
        sets.append(api.kernels("convnext", weights=str(path), overrides=SETTINGS).kernels)
    file = folder / "kernels.html"
    file.write_text(render_kernels(sets, "two networks"))
    return file


@pytest.mark.parametrize("width", [1280, 390])
def test_bars_and_pictures_are_drawn_and_fit(open_page, page_file, width):
    page = open_page(page_file, width=width)
    assert page.locator("h1").inner_text() == "Depthwise kernels of two networks"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    pictures = page.locator("img:visible").evaluate_all(
        "all => all.map(i => [i.clientWidth, i.naturalWidth, getComputedStyle(i).imageRendering])"
    )
    assert len(pictures) > 40
    for width_shown, own, rendering in pictures:
        assert own > 0
        assert width_shown % own == 0  # whole pixels of the screen for each of a kernel's
        assert rendering == "pixelated"
    # The bars of a size: before training all gray, and then a bar full of families.
    bars = page.locator("figure svg").first.locator("g")
    assert bars.count() == 2
    for bar in bars.all():
        boxes = [part.bounding_box() for part in bar.locator("rect").all()]
        assert sum(box["height"] for box in boxes) == pytest.approx(170, abs=1)
    assert bars.nth(1).locator("rect").count() >= 8


def test_clusters_unfold_and_the_legend_stays_in_sight(open_page, page_file):
    page = open_page(page_file)
    ways = page.locator("details")
    assert ways.count() == 4
    codes = ways.first
    assert not codes.locator("table").is_visible()
    codes.locator("summary").click()
    assert codes.locator("table").is_visible()
    assert codes.locator("tr").count() >= 3
    page.locator("table.keys").scroll_into_view_if_needed()
    box = page.locator(".legend").bounding_box()
    assert 0 <= box["y"] < 10


def test_it_is_dark_where_that_is_wished(open_page, page_file):
    background = "getComputedStyle(document.body).backgroundColor"
    assert open_page(page_file, dark=True).evaluate(background) == "rgb(23, 27, 33)"
    assert open_page(page_file).evaluate(background) == "rgb(255, 255, 255)"
