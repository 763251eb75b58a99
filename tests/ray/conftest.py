"""One Ray cluster for all tests that need one."""

import pytest

from sweep.cluster import RayCluster


@pytest.fixture(scope="session")
def cluster():
    """A cluster on this machine; `run_sweep` connects to it when it first needs it."""
    shared = RayCluster()
    yield shared
    shared.close()
