"""The report of 2,000 networks: seconds to render, megabytes, seconds until a browser is usable.

    python -m benchmarks.report_at_scale [--networks 2000]

Networks are synthetic: 20 layers, 6 estimators with intervals, 6 linear quantities. Usable is
when profiles are drawn, and when the first click on a filter has changed them.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from sweep.report.page import render_page
from tests.browser.test_report_page import DRAWN, look_at, synthetic_results
from tests.sweep.synthetic import Shape

RUNS = 5
ONLY = '[data-filter="family"] button[aria-label="only family cnn"]'
REDRAWN = "document.querySelector('#profiles .plot').data.length === 2"  # one line, one band


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=2000, help="a multiple of 400")
    seeds = parser.parse_args().networks // 400
    with tempfile.TemporaryDirectory() as folder:
        results = synthetic_results(Path(folder) / "storage", Shape(seeds=seeds))
        began = time.perf_counter()
        text = render_page(results, None, {})
        print(f"{len(results.results):,} networks: rendered in {time.perf_counter() - began:.1f} s")
        print(f"{len(text.encode()) / 1e6:.1f} MB")
        path = Path(folder) / "report.html"
        path.write_text(text)
        found = [measure(path) for _ in range(RUNS)]
    for name in found[0]:
        values = sorted(one[name] for one in found)
        print(
            f"{name}: median {statistics.median(values):.2f} s, {values[0]:.2f} to {values[-1]:.2f}"
        )


def measure(path):
    """One cold start of the page, and its first filter."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), chromium_sandbox=os.geteuid() != 0
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        began = time.perf_counter()
        page.goto(f"file://{path}", wait_until="commit")
        page.wait_for_selector("html[data-started]")
        look_at(page, "profiles-title")
        page.wait_for_selector(DRAWN)
        drawn = time.perf_counter() - began
        page.click("#filter-box summary")
        began = time.perf_counter()
        page.click(ONLY)
        page.wait_for_function(REDRAWN)
        clicked = time.perf_counter() - began
        browser.close()
    return {"profiles drawn": drawn, "first filter": clicked}


if __name__ == "__main__":
    main()
