"""The files below deploy/, read as their programs read them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
TOOLS = Path(sys.executable).parent


def text_files():
    """Every file of deployment, and the cluster file for `ray up`."""
    found = [path for path in DEPLOY.rglob("*") if path.is_file() and path.name != ".env"]
    return sorted([ROOT / "ray_cluster.yaml", *(p for p in found if "__pycache__" not in p.parts)])


def versions():
    """Name to version, of versions.env."""
    lines = (DEPLOY / "versions.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def pinned():
    """Package to version, of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines)


def documents(name):
    """The Kubernetes objects of a file."""
    return list(yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text()))


def tool(name, *arguments):
    """Run a checker that is installed beside this Python; fails with what it says."""
    done = subprocess.run([TOOLS / name, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fresh_environment(*hosts):
    """What make_env.sh prints, as a dictionary."""
    command = [DEPLOY / "mlflow" / "make_env.sh", *hosts]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def compose():
    """The compose file with a fresh environment put in, as `docker compose config` would."""
    environment = fresh_environment()
    text = (DEPLOY / "mlflow" / "compose.yaml").read_text()
    filled = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda match: environment[match.group(1)], text)
    return environment, filled
