"""The rules of the structure, and a README that is true."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def imported(path):
    """Top-level names of all modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def sources(package):
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", sources("estimators"), ids=lambda p: p.name)
def test_estimators_are_mathematics(path):
    forbidden = {"sweep", "ray", "mlflow", "pyarrow", "pandas", "pathlib", "os", "io"}
    assert not forbidden & set(imported(path))


def test_ray_is_thin():
    """Tune around training, actors around measuring, one place that connects."""
    users = {str(p.relative_to(ROOT)) for p in sources("sweep") if "ray" in set(imported(p))}
    assert users == {
        "sweep/autoscaler.py",  # on Kubernetes, what the cluster may grow to
        "sweep/cluster.py",
        "sweep/connection.py",  # whether a cluster answers and lets us in
        "sweep/doctor/probe.py",  # runs on a node, and asks where Ray spills there
        "sweep/doctor/ray_facts.py",  # whom a cluster lets in
        "sweep/measuring/actors.py",
        "sweep/nodes.py",  # asks every node; the preflight and the doctor say what
        "sweep/own_ray.py",
        "sweep/space.py",  # Tune's variant generator draws the trials
        "sweep/training/distributed.py",  # Ray Train within a trial of Tune
        "sweep/training/scheduling.py",  # Tune's schedulers, for tune.py
        "sweep/training/searching.py",  # Tune's searchers, asked and told without a cluster
        "sweep/training/trainable.py",  # what a worker of Tune does
        "sweep/training/tune.py",
    }


def test_mlflow_is_in_one_place():
    users = {str(p.relative_to(ROOT)) for p in sources("sweep") if "mlflow" in set(imported(p))}
    assert {str(Path(user).parent) for user in users} == {"sweep/tracking"}


def test_nobody_unpickles():
    """Torch files are read in one place, and never with code in them."""
    readers = []
    for path in [*sources("sweep"), *sources("estimators")]:
        assert "pickle" not in set(imported(path)), path
        text = path.read_text()
        calls = [
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("torch.load")
        ]
        for call in calls:
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            assert options.get("weights_only") == "True", path
        # Neither handed on under another name nor imported from torch.
        assert text.count("torch.load") == len(calls), path
        assert not re.search(r"from torch(\.serialization)? import .*\bload\b", text), path
        readers += [str(path.relative_to(ROOT))] * len(calls)
    assert readers == ["sweep/models/weights.py"]


def tree_of_readme():
    """Path to description, of the tree in the README's code block."""
    block = re.search(r"```text\n(estimators/.*?)```", README, flags=re.DOTALL).group(1)
    found, folders = {}, []
    for line in block.splitlines():
        if not line.strip():
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        name, _, description = line.strip().partition(" ")
        folders = [*folders[:depth], name.rstrip("/")]
        found["/".join(folders)] = description.strip()
    return found


def test_tree_of_the_readme_is_true():
    tree = tree_of_readme()
    for path, description in tree.items():
        assert (ROOT / path).exists(), f"README names {path}"
        assert description, f"{path} has no description"
    for package in ("estimators", "sweep"):
        for path in sources(package):
            name = str(path.relative_to(ROOT))
            if path.name not in ("__init__.py", "__main__.py"):
                assert name in tree, f"README misses {name}"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "deploy/README.md"])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#]+)", text) + re.findall(r'src="([^"]+)"', text):
        if not target.startswith(("http://", "https://")):
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"


def test_commands_of_the_readme_exist():
    from sweep.cli import app

    known = {
        command.name or command.callback.__name__.rstrip("_") for command in app.registered_commands
    }
    for command in re.findall(r"^(?:\$ )?idsweep (\w+)", README, flags=re.MULTILINE):
        assert command in known


def test_constraints_pin_and_name_no_host():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^\s/@]+", line) for line in lines)


def test_what_starts_ray_lies_where_the_makefile_looks():
    words = (ROOT / "Makefile").read_text()
    (line,) = [line for line in words.splitlines() if "-m ray" in line]
    folders = [word for word in line.split() if word.startswith("tests/")]
    marked = {
        path.relative_to(ROOT).parent.as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if "pytest.mark.ray" in path.read_text() and path.name != "test_architecture.py"
    }
    assert marked == set(folders)
