"""The page of a comparison, as a person sees it."""

import pytest

from sweep import compare
from sweep.report.compare_page import render_comparison


@pytest.fixture(scope="module")
def page_file(finished, tmp_path_factory):
    """Two quantities of three sides, by relative depth."""
    file = tmp_path_factory.mktemp("compared") / "compared.html"
    found = compare(
        "tiny/cnn", "tiny/mlp", "tiny,role=untrained",
        storage=finished.results.work.storage.folder, quantities=["id/twonn", "pc_id"],
    )  # fmt: skip
    file.write_text(render_comparison(found))
    return file


def lines_drawn(page, plot):
    return page.locator(f"#{plot} .scatterlayer .js-line").count()


@pytest.mark.parametrize("width", [1280, 390])
def test_profiles_and_differences_are_drawn_and_fit(open_page, page_file, width):
    page = open_page(page_file, width=width)
    page.wait_for_selector("#plot-5 .main-svg")
    assert page.locator("h1").inner_text() == "cnn against mlp and untrained"
    # Each quantity: an overlay of three lines and their bands, and two differences.
    assert page.locator(".plot .main-svg:first-child").count() == 6
    assert lines_drawn(page, "plot-0") == 6
    assert lines_drawn(page, "plot-1") == 2
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for box in page.locator(".plot").all():
        assert box.bounding_box()["width"] > 0.75 * min(width, 480) - 20


def test_tables_unfold_and_hold_the_numbers(open_page, page_file):
    page = open_page(page_file)
    details = page.locator("details").first
    assert not details.locator("table").is_visible()
    details.locator("summary").click()
    assert details.locator("table").is_visible()
    assert details.locator("tr").count() == 1 + 21
    row = details.locator("tr", has_text="0.50").first
    cells = row.locator("td").all_inner_texts()
    first, second, difference = (float(text) for text in cells[1:4])
    assert abs(first - second - difference) < 0.02


def test_it_is_dark_where_that_is_wished_and_light_on_paper(open_page, page_file):
    page = open_page(page_file, dark=True)
    page.wait_for_selector("#plot-0 .main-svg")
    color = "getComputedStyle(document.querySelector('#plot-0 .xtitle')).fill"
    light_ink = page.evaluate(color)
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"{color} !== {light_ink!r}")
    background = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate(background) == "rgb(255, 255, 255)"


def test_pointing_at_a_difference_says_it(open_page, page_file):
    page = open_page(page_file)
    page.wait_for_selector("#plot-1 .scatterlayer .point")
    page.locator("#plot-1").scroll_into_view_if_needed()
    box = page.locator("#plot-1 .scatterlayer .point").nth(10).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    page.wait_for_selector("#plot-1 .hovertext", timeout=10_000)
    said = page.locator("#plot-1 .hovertext").text_content()
    assert said.startswith("0.50: ")
    assert "[" in said
    assert "noise" in said or "too few" in said
