"""What limits a cluster: a model on paper, from costs measured on one machine.

    python benchmarks/scale_model.py [--gpus 800] [--trials 100000] [--analyses 5] ...

Prints, for lengths of trials from a minute to a day, how many trials end in a second and what
share of each part's limit that is; then how the sizes that grow with the number of trials come
out. Every input is an option: measure anew with the benchmark that is named beside it, and print
again. deploy/SCALE.md has the table with what follows from it.
"""

import argparse
from dataclasses import dataclass, field, fields

MINUTE, HOUR, DAY = 60, 3600, 86400
MOST_REPORTS_A_SECOND = 25.0  # as sweep/training/trainable.py has it
LENGTHS = {"1 min": MINUTE, "10 min": 10 * MINUTE, "1 h": HOUR, "8 h": 8 * HOUR, "1 day": DAY}


def measured(value, source):
    """An input with where it comes from."""
    return field(default=value, metadata={"source": source})


@dataclass(frozen=True)
class Inputs:
    """Seconds are of one core of the driver's process unless said otherwise."""

    gpus: int = measured(800, "100 nodes of 8")
    trials: int = measured(100_000, "asked")
    epochs: int = measured(20, "of a trial; a scheduler such as ASHA hears of each")
    analyses: int = measured(5, "accuracy, network, intrinsic, linear, scales")
    schedule_seconds: float = measured(0.022, "Tune and hand-over a trial; scheduling_at_scale.py")
    track_seconds: float = measured(0.051, "MLflow a trial, SQLite; tracking_at_scale.py")
    served_seconds: float = measured(0.15, "MLflow a trial over HTTP: NOT measured, assumed")
    reports_a_second: float = measured(75, "Tune with loggers, 50 to 100: Ray's own figure")
    measure_seconds: float = measured(0.5, "an actor's core a digits network, all analyses")
    plan_seconds: float = measured(0.0007, "making and checking a trial's plan")
    read_seconds: float = measured(0.0025, "reading a trial's rows, two small analyses")
    driver_gigabytes: float = measured(0.9, "driver before its first trial, libraries included")
    driver_megabytes: float = measured(0.2, "driver a trial, small rows; scheduling_at_scale.py")
    rows_megabytes: float = measured(0.4, "20 layers, 12 quantities a layer; when rows are read")
    plan_bytes: int = measured(720, "sweep.json a trial")
    page_bytes: int = measured(2700, "report.html a trial, small rows; cut off at 15 MB")
    rows_bytes: int = measured(6000, "an analysis, with its manifest; 1,000 to 20,000")
    tracked_bytes: int = measured(33_500, "mlflow.db 15,400 and artifacts 18,100 a trial, small")
    round_trip: float = measured(0.001, "seconds: a file's existence asked of NFS, assumed")
    puts_a_second: float = measured(3500, "S3 a prefix: Amazon's own figure")

    @property
    def files(self) -> int:
        """Sealed files of a trial: weights, history, manifest; rows and manifest an analysis."""
        return 3 + 2 * self.analyses

    @property
    def syncs(self) -> int:
        """Waits for the disk: a file each, and two folders an output."""
        return self.files + 2 * (1 + self.analyses)


def rates(given: Inputs):
    """Per length of trial: trials a second, and the share of each limit."""
    for name, length in LENGTHS.items():
        ending = given.gpus / length
        reports = given.gpus * given.epochs / length
        yield (
            name,
            {
                "trials/s": ending,
                "driver, Tune": ending * given.schedule_seconds,
                "driver, Tune and SQLite": ending * (given.schedule_seconds + given.track_seconds),
                "MLflow served": ending * given.served_seconds,
                "reports (ASHA)": reports / given.reports_a_second,
                "reports (FIFO)": min(reports, MOST_REPORTS_A_SECOND) / given.reports_a_second,
                "S3 PUTs": ending * given.files / given.puts_a_second,
                "(cores to measure)": ending * given.measure_seconds,
            },
        )


def sizes(given: Inputs):
    """What grows with the number of trials, in words."""
    n = given.trials
    checks = given.analyses + 2
    memory = given.driver_gigabytes + n * given.driver_megabytes / 1000
    yield "files in storage", f"{n * given.files:,}"
    yield "waits for the disk, a trial", f"{given.syncs}"
    yield "rows in storage", f"{n * given.analyses * given.rows_bytes / 1e9:.1f} GB"
    yield "sweep.json", f"{n * given.plan_bytes / 1e6:.0f} MB, written whole at each start"
    yield "MLflow store", f"{n * given.tracked_bytes / 1e9:.1f} GB, {2 * n:,} artifacts"
    yield "driver while it runs", f"{memory:.1f} GB"
    yield "driver at the report", f"{memory + n * given.rows_megabytes / 1000:.1f} GB"
    yield "planning", f"{n * given.plan_seconds:.0f} s"
    yield "resume: what is sealed, NFS", f"{n * checks * given.round_trip:.0f} s"
    yield "resume: reading rows", f"{n * given.read_seconds:.0f} s"
    yield "page, uncut", f"{n * given.page_bytes / 1e6:.0f} MB"
    yield "MLflow, all trials, SQLite", f"{n * given.track_seconds / HOUR:.1f} h"
    yield "MLflow, all trials, served", f"{n * given.served_seconds / HOUR:.1f} h"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for each in fields(Inputs):
        option = f"--{each.name.replace('_', '-')}"
        kind = type(each.default)
        parser.add_argument(option, type=kind, default=each.default, help=each.metadata["source"])
    given = Inputs(**vars(parser.parse_args()))
    print(f"{given.gpus} GPUs, one a trial; share of each limit (1 and more: it holds all up)")
    for number, (name, found) in enumerate(rates(given)):
        if not number:
            print(f"{'trial':8}" + "".join(f"{part:>25}" for part in found))
        print(f"{name:8}" + "".join(f"{value:25.3g}" for value in found.values()))
    print(f"\n{given.trials:,} trials")
    for name, value in sizes(given):
        print(f"{name:30}{value}")


if __name__ == "__main__":
    main()
