"""Processes of each kind killed within a sweep; the long form is benchmarks/kills.py."""

import random

import pytest

from tests.recovery.kills import Campaign, as_text, run_round
from tests.recovery.processes import KINDS
from tests.recovery.verdict import rows_of, tracked

pytestmark = pytest.mark.ray
SECONDS_TO_TELL = 60


def test_killed_whatever_and_run_again_the_sweep_is_the_undisturbed_one(
    finished, tiny_file, tmp_path
):
    seed = random.randrange(10**6)  # any moment must do, so every run of the test takes others
    print("seed", seed)
    storage = finished.results.work.storage
    campaign = Campaign(
        file=tiny_file,
        name="tiny",
        trials=len(finished.results.trials),
        expected_rows=rows_of(storage, "tiny", tmp_path),
        expected_runs=tracked(storage.tracking_uri, "tiny"),
        left=dict.fromkeys(KINDS, 1),
        rng=random.Random(seed),
        log=print,
    )
    run_round(campaign, tmp_path / "round", tmp_path)
    print(as_text(campaign))
    assert campaign.problems == []
    assert {"driver", "raylet", "head"} <= {kill.kind for kill in campaign.kills}
    log = (tmp_path / "log").read_text()
    for kill in campaign.kills:
        if kill.kind in ("raylet", "head"):
            assert kill.ended_in < SECONDS_TO_TELL
            if kill.stage not in ("preparing", "starting"):
                assert "the same command goes on from there" in log
