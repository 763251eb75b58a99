"""What the pages of deployment name is there."""

import re

import pytest

from tests.deploy.files import DEPLOY, ROOT

PAGES = [DEPLOY / "README.md", DEPLOY / "SECURITY.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page):
    named = re.findall(r"`((?:sweep|tests|deploy|benchmarks)/[\w./-]*)`", page.read_text())
    assert named
    for path in named:
        assert (ROOT / path).exists() or path.endswith(".env"), path


def test_every_test_that_holds_an_answer_exists():
    tests = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", path.read_text())
    }
    named = set(re.findall(r"`(test_\w+)`", (DEPLOY / "SECURITY.md").read_text()))
    assert len(named) > 20
    assert named <= tests, named - tests


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page):
    from typer.testing import CliRunner

    from sweep.cli import app

    text = page.read_text().replace("\\\n", " ")
    for command, rest in re.findall(r"(?m)^(?:.*?`)?idsweep ([a-z]+)([^`\n]*)", text):
        shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, command
        for option in re.findall(r"--[a-z][\w-]*", rest):
            assert option in shown.output, f"idsweep {command} has no {option}"
