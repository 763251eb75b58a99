"""MLflow's own pages over a tracked sweep, clicked as a person would: few clicks to everything."""

from urllib.parse import urlsplit

import pytest

from sweep.scalars import scalars
from tests.sweep.mlflow_servers import MlflowServer

SECONDS = 60
ELSEWHERE = "asked for another machine"


@pytest.fixture(scope="module")
def server(finished, tmp_path_factory):
    server = MlflowServer(tmp_path_factory.mktemp("pages"), finished.tracking_uri)
    yield server.start()
    server.kill()


@pytest.fixture
def page(browser, server):
    """A page at the experiment, as a browser opens it that has never been there."""
    context = browser.new_context(viewport={"width": 1600, "height": 1000})
    context.set_default_timeout(SECONDS * 1000)
    problems = []

    def let_through(route):
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            problems.append(f"{ELSEWHERE}: {route.request.url}")
            route.abort()

    context.route("**/*", let_through)
    context.on("page", lambda new: new.on("pageerror", lambda e: problems.append(f"error: {e}")))
    page = context.new_page()
    # Greets whoever comes for the first time, in front of everything.
    greeting = page.get_by_role("button", name="Got it")
    page.add_locator_handler(greeting, lambda found: found.click())
    page.goto(f"{server.uri}/#/experiments")
    page.get_by_role("link", name="tiny", exact=True).click()
    page.get_by_role("link", name="Trials", exact=True).wait_for()
    yield page
    context.close()
    assert problems == []


def follow(page, name):
    """Click a link of a description, which MLflow opens in a page of its own."""
    with page.context.expect_page() as opened:
        page.get_by_role("link", name=name, exact=True).click()
    return opened.value


def test_the_table_of_trials_is_one_click_away_and_a_profile_two_more(page, finished):
    table = follow(page, "Trials")
    for column in (
        "test_accuracy",
        "num_parameters",
        "id_last_hidden/twonn",
        "id_peak/twonn",
        "id_peak_depth/twonn",
    ):
        table.get_by_role("columnheader", name=column).first.wait_for()
    accuracies = {
        result.trial.name: scalars(result.rows)["test_accuracy"].value
        for result in finished.results.results
    }
    table.get_by_role("link", name=max(accuracies, key=accuracies.get), exact=True).click()
    picture = follow(table, "Its profile").get_by_role("img", name="profile.svg")
    picture.wait_for()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 720


# Of the first chart with a line for each of several networks; a scatter has one trace for all.
LINES = """() => [...document.querySelectorAll(".js-plotly-plot")]
  .map(plot => (plot.data || []).map(trace => Array.from(trace.x || [])).filter(x => x.length))
  .find(lines => lines.length > 1)"""


def test_profiles_are_drawn_over_relative_depth(page):
    charts = follow(page, "Profiles over relative depth")
    depths = charts.wait_for_function(LINES).json_value()
    assert all(min(one) == 0 and max(one) == 1 for one in depths)
    charts.locator(".js-plotly-plot .scatterlayer .trace").first.wait_for()


def test_the_report_opens(page):
    frame = follow(page, "The report").locator("iframe").first
    frame.wait_for()
    frame.content_frame.locator("h1").first.wait_for()
