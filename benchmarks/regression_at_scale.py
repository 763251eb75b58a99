"""Seconds and memory of `regress` over a sweep of thousands of trials, from MLflow and from rows.

    python benchmarks/regression_at_scale.py STORAGE [SWEEP]

STORAGE holds a sweep that is tracked in its own MLflow, such as the synthetic one of 2,000 trials
that tests/sweep/synthetic.py writes (`write_synthetic(folder, Shape(seeds=5))`, then
`idsweep track synthetic --storage folder`). Each source runs in a process of its own; seconds of
the clock and of the processor, so that a busy machine can be told from slow code.
"""

import json
import resource
import subprocess
import sys
import time


def measure(source: str, storage: str, sweep: str) -> dict[str, float]:
    started = time.perf_counter()
    from sweep.api import regress

    stages = {"import": time.perf_counter() - started}
    uri = {"MLflow": f"sqlite:///{storage}/mlflow.db", "rows": "http://127.0.0.1:9"}[source]
    before = time.perf_counter()
    answer = regress(sweep, storage=storage, tracking_uri=uri, track=False)
    stages["regress"] = time.perf_counter() - before
    used = resource.getrusage(resource.RUSAGE_SELF)
    taken = "MLflow" if answer.source.startswith("MLflow") else "rows"
    if taken != source:
        raise SystemExit(f"asked for {source}, but the trials came from {answer.source}")
    return stages | {
        "clock": time.perf_counter() - started,
        "processor": used.ru_utime + used.ru_stime,
        "memory_gb": used.ru_maxrss / 1e6,
        "trials": answer.regression.num_trials,
        "correlations": len(answer.regression.correlations),
    }


def profile(storage: str, sweep: str) -> None:
    """Seconds of the parts, of one more run in this process."""
    from sweep.gathering import read_sweep
    from sweep.paths import open_storage
    from sweep.regression import regress
    from sweep.results import load_plan, load_sealed, sealed_digests

    folder = open_storage(storage, create=False)

    def told(what: str, call):
        clock, processor = time.perf_counter(), time.process_time()
        found = call()
        print(
            f"  {what:42} {time.perf_counter() - clock:6.1f} s of the clock "
            f"{time.process_time() - processor:6.1f} s of the processor"
        )
        return found

    plan = told("plan", lambda: load_plan(folder, sweep))
    told("digests of sealed files", lambda: sealed_digests(plan))
    rows = told("rows of sealed files", lambda: load_sealed(plan).results)
    trials = told(
        "trials from MLflow, and digests again",
        lambda: read_sweep(plan, lambda: rows, folder.tracking_uri),
    )
    told("trials from the rows", lambda: read_sweep(plan, lambda: rows, None))
    told("statistics", lambda: regress(trials.table, trials.axes, trials.config))


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[3] in ("MLflow", "rows"):
        print(json.dumps(measure(sys.argv[3], sys.argv[1], sys.argv[2])))
    else:
        storage, sweep = sys.argv[1], (sys.argv[2:] or ["synthetic"])[0]
        for source in ("MLflow", "rows"):
            command = [sys.executable, __file__, storage, sweep, source]
            found = json.loads(subprocess.check_output(command))
            print(source, {name: round(value, 2) for name, value in found.items()}, flush=True)
        profile(storage, sweep)
