"""The README's pictures of pages, taken by a real browser from a storage of ready sweeps.

Of those of `digits`, `dissection` and `depthwise` that it holds.

python docs/take_pictures.py idsweep-results
"""

import argparse
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from mlflow import MlflowClient
from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent
WIDE, PHONE = (1280, 900), (390, 844)
VIEWS = {"Trials": "mlflow_trials", "Profiles over relative depth": "mlflow_profiles"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("storage", type=Path)
    storage = parser.parse_args().storage.absolute()
    report = storage / "sweeps" / "digits" / "report.html"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), chromium_sandbox=False
        )
        if report.exists():
            take_report(browser, report)
            take_comparison(browser, storage)
            with serving_mlflow(storage) as address:
                take_mlflow(browser, address)
        take_units(browser, storage / "sweeps" / "dissection")
        take_kernels(browser, storage / "sweeps" / "depthwise" / "kernels.html")
        browser.close()


def take_report(browser, report):
    page = open_page(browser, f"file://{report}", WIDE)
    page.locator("#bar").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('bar').scrollIntoView()")
    page.wait_for_timeout(2000)
    page.screenshot(path=DOCS / "report.png")

    page.evaluate("document.getElementById('scatter-title').scrollIntoView()")
    page.wait_for_timeout(2000)
    # The middle of the points of the first family.
    points = page.locator("#scatter .scatterlayer .point")
    box = points.nth(points.count() // 3).bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#network:not([hidden])")
    page.wait_for_timeout(1500)
    page.screenshot(path=DOCS / "report_network.png")
    page.context.close()

    page = open_page(browser, f"file://{report}", PHONE, dark=True)
    page.evaluate("document.getElementById('profiles-title').scrollIntoView()")
    page.wait_for_timeout(2000)
    page.screenshot(path=DOCS / "report_phone.png")
    page.context.close()


def take_units(browser, sweep):
    """Of the trained network with the best test accuracy."""
    if not (sweep / "report.html").exists():
        return
    page = open_page(browser, f"file://{sweep / 'report.html'}", WIDE)
    lines = page.locator("a[href^='units/']").evaluate_all(
        "all => all.map(a => [+a.closest('tr').children[1].innerText, a.href])"
    )
    page.goto(max(lines)[1])
    page.evaluate("document.querySelector('h2').scrollIntoView()")
    page.wait_for_timeout(1000)
    page.set_viewport_size({"width": 1280, "height": 1250})
    page.screenshot(path=DOCS / "units.png")
    page.context.close()


def take_kernels(browser, file):
    if not file.exists():
        return
    page = open_page(browser, f"file://{file}", WIDE)
    page.wait_for_timeout(1000)
    page.screenshot(path=DOCS / "kernels.png")
    page.context.close()


def take_comparison(browser, storage):
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "compare.html"
        asked = ["digits/cnn", "digits/mlp", "--storage", str(storage), "-o", str(output)]
        idsweep("compare", *asked)
        page = open_page(browser, f"file://{output}", WIDE)
        page.wait_for_timeout(2000)
        page.screenshot(path=DOCS / "compare.png")
        page.context.close()


def take_mlflow(browser, address):
    found = MlflowClient(tracking_uri=address).get_experiment_by_name("digits")
    size = (1440, 900)
    start = open_page(browser, f"{address}/#/experiments/{found.experiment_id}/runs", size)
    for link, name in VIEWS.items():
        view = start.get_by_role("link", name=link, exact=True).first.get_attribute("href")
        page = open_page(browser, f"{address}/{view}", size)
        page.wait_for_timeout(8000)
        # MLflow's assistant and its word on shared views, which have nothing to say here.
        for close in page.locator(
            "button[aria-label=Close], button:has(svg[aria-label=Close])"
        ).all():
            if close.is_visible():
                close.click()
        page.wait_for_timeout(4000)
        page.screenshot(path=DOCS / f"{name}.png")
        page.context.close()
    start.context.close()


@contextlib.contextmanager
def serving_mlflow(storage):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "sweep", "ui", "--storage", str(storage), "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/health", timeout=1).close()
                break
            time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait()


def open_page(browser, address, size, *, dark=False):
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    page.goto(address)
    return page


def idsweep(*arguments):
    subprocess.run([sys.executable, "-m", "sweep", *arguments], check=True)


if __name__ == "__main__":
    main()
