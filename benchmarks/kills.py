"""At least 100 SIGKILLs of a small sweep: driver, Ray's raylet and head, workers, actors.

   python benchmarks/kills.py -o FOLDER [--seed S] [--scale 1.0] [--minutes 40]

Each round runs the sweep in a new storage, killed and started again until it is done, and holds
its rows, MLflow runs and seals against an undisturbed sweep. Progress goes to standard output,
kills.json and kills.txt into the folder. --scale 0.1 does a tenth of the kills. It exits with 1
if anything was lost, doubled or different.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sweep.execution import LocalProcess
from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import SilentProgress
from sweep.sweepfile import load_sweep
from tests.conftest import TINY
from tests.recovery.kills import Campaign, as_json, as_text, run_round
from tests.recovery.verdict import rows_of, tracked

KILLS = {"driver": 20, "raylet": 17, "head": 17, "worker": 28, "actor": 28}


def say(text):
    print(time.strftime("%H:%M:%S"), text, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--minutes", type=float, default=40)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        file = work / "tiny.yaml"
        file.write_text(TINY)
        storage = open_storage(work / "undisturbed", create=True)
        result = run_sweep(load_sweep(file), storage, LocalProcess(), SilentProgress())
        campaign = Campaign(
            file=file,
            name="tiny",
            trials=len(result.results.trials),
            expected_rows=rows_of(storage, "tiny", work),
            expected_runs=tracked(storage.tracking_uri, "tiny"),
            left={kind: max(1, round(given.scale * count)) for kind, count in KILLS.items()},
            rng=random.Random(given.seed),
            log=say,
        )
        say(f"seed {given.seed}; kills to do: {campaign.left}")
        began = time.monotonic()
        number = 0
        while not campaign.over and time.monotonic() - began < 60 * given.minutes:
            number += 1
            folder = work / f"round-{number}"
            run_round(campaign, folder, given.output)
            shutil.rmtree(folder, ignore_errors=True)
            (given.output / "kills.json").write_text(as_json(campaign))
            (given.output / "kills.txt").write_text(f"seed {given.seed}\n{as_text(campaign)}")
    print(as_text(campaign))
    sys.exit(bool(campaign.problems))


if __name__ == "__main__":
    main()
