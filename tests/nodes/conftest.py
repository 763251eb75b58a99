"""A cluster of two nodes for each file of tests."""

import pytest

from tests.nodes import services
from tests.nodes.cluster import Machines

# Ray notices a lost machine after half a minute, and waits a minute for a lost head.
NOTICED = {
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "6",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "24",
}
# Of the tiny sweep a half: 8 networks trained, 4 as they begin.
HALF = "space=[{model.name: mlp, model.width: {grid: [4, 8]}, model.depth: 1, training.label_noise:"
HALF += " {grid: [0, 1]}, training.seed: {grid: [0, 1]}}]"


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nodes") / "m"
    with Machines(folder, settings=services.S3_SETTINGS | NOTICED) as running:
        yield running
