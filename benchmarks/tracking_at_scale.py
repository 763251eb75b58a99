"""What a trial costs on its way into MLflow, against a bare client and against the naive way.

    python benchmarks/tracking_at_scale.py [--trials 2000] [--naive 40]

Synthetic trials of 20 layers and 6 estimators, sealed without training. Each goes in whole:
run, parameters, tags, metrics, data sets, picture, table, end. The bare client makes as many
runs with as many metrics and parameters, one batch each and nothing beside; the naive way
calls once per value, and draws its picture with matplotlib. All on SQLite, interleaved run
by run, so that what else the machine does meets all three.
"""

import argparse
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).parents[1]))

from sweep.measurement import write_rows
from sweep.results import rows_digest, trial_parameters
from sweep.scalars import scalars
from sweep.tracking import MlflowTracker, connect
from sweep.tracking.content import trial_metrics
from sweep.tracking.names import metric_name
from tests.sweep.synthetic import Shape, write_synthetic

TRIALS_A_SEED = 400


class Clock:
    """Seconds of the clock and of the processor, and how many runs they were for."""

    def __init__(self):
        self.wall = self.processor = 0.0
        self.count = 0

    def time(self, call, *arguments):
        wall, processor = time.perf_counter(), time.process_time()
        call(*arguments)
        self.wall += time.perf_counter() - wall
        self.processor += time.process_time() - processor
        self.count += 1

    def tell(self, name):
        wall, processor = 1000 * self.wall / self.count, 1000 * self.processor / self.count
        print(f"{name:12} {wall:7.1f} ms a run, {processor:6.1f} of the processor ({self.count})")


class Bare:
    """The least that holds the numbers: a run, one batch, the end."""

    def __init__(self, folder):
        self.client = connect(f"sqlite:///{folder / 'bare.db'}")
        self.experiment = self.client.create_experiment("bare", (folder / "bare").as_uri())

    def __call__(self, result):
        from mlflow.entities import Metric, Param

        run = self.client.create_run(self.experiment, start_time=1, run_name=result.trial.name)
        metrics = [
            Metric(metric_name(key), value, 1, step)
            for key, value, step in trial_metrics(result, scalars(result.rows))
        ]
        params = [Param(key, str(value)) for key, value in trial_parameters(result.trial).items()]
        self.client.log_batch(run.info.run_id, metrics, params)
        self.client.set_terminated(run.info.run_id, "FINISHED", 1)


class Naive(Bare):
    """One call per value, and a figure of matplotlib."""

    def __call__(self, result):
        client = self.client
        run_id = client.create_run(self.experiment, run_name=result.trial.name).info.run_id
        for key, value in trial_parameters(result.trial).items():
            client.log_param(run_id, key, value)
        for key, value, step in trial_metrics(result, scalars(result.rows)):
            client.log_metric(run_id, metric_name(key), value, step=step)
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.subplots()
        for quantity in {row.quantity for row in result.rows if row.low is not None}:
            rows = [r for r in result.rows if r.quantity == quantity and r.layer_index is not None]
            if rows:
                depth, value = [r.relative_depth for r in rows], [r.value for r in rows]
                ends = [[r.value - r.low for r in rows], [r.high - r.value for r in rows]]
                axes.errorbar(depth, value, yerr=ends, label=quantity)
        with tempfile.TemporaryDirectory() as folder:
            figure.savefig(f"{folder}/profile.png", dpi=100)
            write_rows(Path(folder) / "measurements.parquet", result.all_rows)
            client.log_artifact(run_id, f"{folder}/profile.png")
            client.log_artifact(run_id, f"{folder}/measurements.parquet")
        client.set_tag(run_id, "rows", rows_digest(result.all_rows))
        client.set_terminated(run_id)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--naive", type=int, default=40, help="runs in the naive way")
    parser.add_argument("--bare", type=int, default=400, help="runs of the bare client")
    parser.add_argument("--folder", type=Path, help="a synthetic sweep that is there already")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="idsweep-tracking-") as temporary:
        folder = Path(temporary)
        seeds = -(-given.trials // TRIALS_A_SEED)
        results = write_synthetic(folder / "storage", Shape(linear=False, seeds=seeds))
        tracker = MlflowTracker(results.work.storage)
        tracker.begin(results.work, results.source)
        bare, naive = Bare(folder), Naive(make(folder / "naive"))
        ours, theirs, slow, again = Clock(), Clock(), Clock(), Clock()
        chosen = list(islice(results.results, given.trials))
        for number, result in enumerate(chosen):
            ours.time(tracker.trial, results.work, result)
            if number < given.bare:
                theirs.time(bare, result)
            if number < given.naive:
                slow.time(naive, result)
        began = time.perf_counter()
        tracker.begin(results.work, results.source)
        opened = time.perf_counter() - began
        for result in chosen:
            again.time(tracker.trial, results.work, result)
        ours.tell("idsweep")
        theirs.tell("bare client")
        slow.tell("naive")
        again.tell("sent again")
        print(f"looking through {len(chosen)} runs before that: {opened:.1f} s")
        print(
            f"idsweep / bare: {ours.processor / ours.count / (theirs.processor / theirs.count):.2f}"
        )
        print(
            f"naive / idsweep: {slow.wall / slow.count / (ours.wall / ours.count):.1f} of the clock"
        )


def make(folder):
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
