"""The doctor's judgment of facts, and what it says of this machine without Ray."""

from dataclasses import replace

import pytest

from sweep.doctor import ClusterFacts, Facts, NodeFacts, SweepFacts, TrackingFacts, judge
from sweep.doctor.probe import examine, lacking, versions
from sweep.nodes import RayNode
from tests.sweep.command_line import call

HERE = {"python": "3.11.7", "ray": "2.60.0", "idsweep": "0.1.0 (aaaa)"}


def told(**changes):
    return {
        "versions": HERE,
        "open_files": 65536,
        "memory_free": [20.0, 25.0],
        "shared_memory": [8.0, 8.0],
        "temporary": [100.0, 200.0],
        "storage": [100.0, 200.0],
        "gpus": {"found": []},
    } | changes


def node(address, *, gpus=0.0, cpus=2.0, alive=True, **facts):
    ray = RayNode(address, address, alive, address.endswith(".1"), cpus, gpus, 20.0, 6.0)
    return NodeFacts(ray, **{"told": told(), "clock": (0.001, 0.002), **facts})


def facts(*nodes, tracking=None, **cluster):
    nodes = nodes or (node("10.0.0.1"), node("10.0.0.2"))
    given = {"tokens": True, "stranger": "refused", "dashboard": "127.0.0.1:8265"} | cluster
    return Facts(
        versions=HERE,
        storage="/shared/results",
        storage_problem="",
        disk=(100.0, 200.0),
        cluster=ClusterFacts("the cluster at 10.0.0.1:6379", nodes=nodes, **given),
        tracking=tracking or TrackingFacts("http://h:5000", experiments=3),
    )


def found(given, check, level):
    """The one finding of a check and a level."""
    chosen = [one for one in judge(given).findings if (one.check, one.level) == (check, level)]
    assert len(chosen) == 1, judge(given).findings
    return chosen[0]


def test_a_cluster_that_is_well():
    diagnosis = judge(facts())
    assert {finding.level for finding in diagnosis.findings} == {"ok"}
    assert not any(finding.remedy for finding in diagnosis.findings)
    assert diagnosis.to_json()["ok"]


@pytest.mark.parametrize(
    ("given", "check", "level", "words"),
    [
        (facts(problem="nothing answers"), "cluster", "FAIL", "nothing answers"),
        (facts(node("10.0.0.1", alive=False, told={})), "nodes", "FAIL", "0 alive"),
        (facts(node("10.0.0.1", cpus=0.0)), "nodes", "WARN", "0 CPUs"),
        (
            facts(node("10.0.0.1"), node("10.0.0.2", told={}, silent="no answer within 25 s")),
            "nodes",
            "FAIL",
            "10.0.0.2 doesn't answer: no answer within 25 s",
        ),
        (
            facts(node("10.0.0.1"), node("10.0.0.2", told=told(versions=HERE | {"ray": "2.59.0"}))),
            "versions",
            "FAIL",
            "ray 2.59.0 on 10.0.0.2, but 2.60.0 on the driver",
        ),
        (
            facts(node("10.0.0.1", gpus=2.0, told=told(gpus={"found": [["H100", True]]}))),
            "gpus",
            "FAIL",
            "Ray counts 2 GPUs, torch sees 1",
        ),
        (
            facts(node("10.0.0.1", gpus=1.0, told=told(gpus={"found": [["H100", False]]}))),
            "gpus",
            "FAIL",
            "H100 computes wrong numbers",
        ),
        (
            facts(node("10.0.0.1", told=told(gpus={"found": [["H100", True]]}))),
            "gpus",
            "WARN",
            "Ray counts 0 GPUs, torch sees 1",
        ),
        (
            facts(node("10.0.0.1"), node("10.0.0.2", storage="there is no such folder")),
            "storage",
            "FAIL",
            "10.0.0.2: there is no such folder",
        ),
        (replace(facts(), disk=(0.5, 200.0)), "disk", "FAIL", "0.5 of 200 GB free"),
        (
            facts(node("10.0.0.1", told=told(temporary=[4.0, 100.0]))),
            "disk",
            "FAIL",
            "96% used",
        ),
        (
            facts(node("10.0.0.1", told=told(shared_memory=[0.064, 0.064]))),
            "memory",
            "WARN",
            "/dev/shm has 0.064 GB",
        ),
        (facts(node("10.0.0.1", told=told(open_files=1024))), "open files", "WARN", "1,024"),
        (
            facts(node("10.0.0.1"), node("10.0.0.2", clock=(-75.0, 0.01))),
            "clocks",
            "FAIL",
            "75 s apart",
        ),
        (facts(stranger="let in"), "token", "FAIL", "without a token is let in"),
        (facts(tokens=False, stranger=""), "token", "FAIL", "not `token`"),
        (
            facts(dashboard="10.0.0.1:8265", dashboard_stranger="let in"),
            "dashboard",
            "FAIL",
            "beyond loopback, asks for no token",
        ),
        (
            facts(dashboard="10.0.0.1:8265", dashboard_stranger="refused"),
            "dashboard",
            "WARN",
            "beyond loopback, asks for the token",
        ),
        (
            facts(tracking=TrackingFacts("http://h:5000", problem="MLflow does not answer")),
            "mlflow",
            "FAIL",
            "does not answer",
        ),
        (
            facts(tracking=TrackingFacts("sqlite:////x/mlflow.db", file_system="nfs4")),
            "mlflow",
            "WARN",
            "network file system (nfs4)",
        ),
        (
            replace(facts(), sweeps=(SweepFacts("mine", 8, capacity="4 GPUs asked, has 2"),)),
            "sweep",
            "FAIL",
            "mine: 4 GPUs asked, has 2",
        ),
        (
            facts(node("10.0.0.1"), node("10.0.0.2", lacking=("module mine",))),
            "sweep",
            "FAIL",
            "10.0.0.2 lacks module mine",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_remedy(given, check, level, words):
    finding = found(given, check, level if level == "FAIL" else level.lower())
    assert words in finding.text
    assert finding.remedy


def test_a_round_trip_that_takes_long_is_no_wrong_clock():
    slow = facts(node("10.0.0.1", clock=(1.8, 2.0)))
    assert found(slow, "clocks", "ok")


def test_nodes_that_died_and_a_cluster_of_none():
    gone = node("10.0.0.2", alive=False, told={}, clock=None)
    assert "10.0.0.2" in found(facts(node("10.0.0.1"), gone), "nodes", "warn").text
    empty = replace(facts(), cluster=ClusterFacts("the cluster at x:1"))
    assert judge(empty).count("FAIL") == 2  # no nodes, no token


def test_what_a_machine_tells_of_itself(tmp_path):
    here = examine(str(tmp_path), 0.0)
    assert here["versions"] == versions()
    assert here["versions"]["ray"].startswith("2.")
    free, total = here["storage"]
    assert 0 < free < total
    assert examine(str(tmp_path / "none"), 0.0)["storage"] is None
    assert lacking(["json", "no_such_module", "no.such"], ["/", str(tmp_path / "none")]) == [
        "module no_such_module",
        "module no.such",
        f"file {tmp_path / 'none'}",
    ]


def test_a_cluster_that_is_not_there_is_a_finding_and_a_wrong_address_a_mistake(capsys, tmp_path):
    storage = tmp_path / "storage"
    code, out, _ = call(capsys, "doctor", "--address", "127.0.0.1:1", "--storage", storage)
    assert code == 1
    assert "FAIL  cluster  nothing answers at Ray address 127.0.0.1:1" in out
    assert "-> " in out
    assert "2 ok" in out.splitlines()[-1] or "3 ok" in out.splitlines()[-1]
    assert not storage.exists()
    code, _, err = call(capsys, "doctor", "--address", "http://127.0.0.1:8265")
    assert code == 2
    assert "takes HOST:PORT or auto" in err
