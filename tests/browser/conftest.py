"""A real browser, Debian's Chromium, driven by Playwright: pages as a person sees them."""

import os
import shutil
from urllib.parse import urlsplit

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
HERE = {"127.0.0.1", "localhost", "[::1]"}


@pytest.fixture(scope="package")
def browser():
    """Chromium without a window; ended with the tests of this folder."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        reason = "needs Chromium: apt-get install chromium"
        if os.environ.get("IDSWEEP_ALL_TESTS"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        # Chromium has no sandbox where it is started by root, as in containers.
        sandbox = os.geteuid() != 0
        found = playwright.chromium.launch(executable_path=program, chromium_sandbox=sandbox)
        yield found
        found.close()


@pytest.fixture
def open_page(browser):
    """Open a path or an address at a size, light or dark; nothing may leave the machine.

    When the test ends it fails if a page asked for another machine, or wrote an error.
    """
    contexts, problems = [], []

    def open_(address, *, width=1280, height=900, dark=False, wait_until="load", **more):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
            **more,
        )
        contexts.append(context)
        context.route(lambda url: not _is_here(url), lambda route: _refuse(route, problems))
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("console", lambda said: _hear(said, problems))
        page.goto(
            str(address) if "://" in str(address) else f"file://{address}", wait_until=wait_until
        )
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


def _is_here(url):
    parts = urlsplit(url)
    return parts.scheme not in ("http", "https", "ws", "wss") or parts.hostname in HERE


def _refuse(route, problems):
    problems.append(f"asked for {route.request.url}")
    route.abort()


def _hear(said, problems):
    if said.type == "error":
        problems.append(f"console: {said.text}")
