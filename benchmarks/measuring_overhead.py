"""What measuring a small checkpoint costs beyond its computing: finding layers, rows, seals.

    python benchmarks/measuring_overhead.py

The networks of the digits sweep, one of each family, untrained, one thread, the sweep's own
analyses. Against them the same in plain torch: the network called on the same images under
hooks, the same neighbors, estimators, spectra and accuracies, nothing written.
"""

import statistics
import tempfile
import time
from contextlib import suppress

import numpy as np
import ray
import torch

from estimators import ESTIMATORS, EstimationError, covariance_spectrum, nearest_neighbors
from sweep.data.partitions import prepare_data
from sweep.measuring import make_analyses
from sweep.measuring.actors import MeasuringActor
from sweep.measuring.checkpoint import MIX, Checkpoint
from sweep.measuring.measure import measure_trial
from sweep.measuring.sealed import read_measurements
from sweep.measuring.units import Unit
from sweep.models.catalog import build_network
from sweep.models.layers import find_layers
from sweep.paths import claim_storage, open_storage
from sweep.space import make_trials
from sweep.sweepfile import load_sweep
from sweep.training.scores import evaluate
from sweep.work import Work

SETTINGS = ["training.epochs=0", "space=[{model.name: {grid: [mlp, cnn, resnet, separable]}}]"]
REPEATS = 5


@torch.no_grad()
def plain(config, trial, data):
    """Seconds of the computing alone, and how many IDs came out."""
    network = build_network(trial.config.model, data, seed=trial.config.training.seed).eval()
    probe = Checkpoint(trial, data, config.measure)
    rows = probe.probes[MIX]
    splits = {name: data.split(name) for name in data.counts}
    pixels = {
        name: network.preprocessing.pixels(split.stored(np.arange(len(split))))
        for name, split in splits.items()
    }
    layers = find_layers(network, pixels["train"][:5], config.measure.layers)
    estimators = [ESTIMATORS[name] for name in config.analyses.intrinsic.estimators]
    linear = next(a for a in make_analyses(config.analyses) if a.name == "linear")
    k = max(estimator.num_neighbors for estimator in estimators)
    modules = dict(network.named_modules())
    blocks = {layer.name: [] for layer in layers}
    began = time.perf_counter()
    hooks = [
        modules[layer.module].register_forward_hook(
            lambda _, args, output, name=layer.name, side=layer.side: blocks[name].append(
                (args[0] if side == "input" else output).flatten(1).clone()
            )
        )
        for layer in layers
    ]
    network(pixels[config.measure.split][rows])
    for hook in hooks:
        hook.remove()
    ids = []
    for found in blocks.values():
        points = found[-1]
        spectrum = covariance_spectrum(points, uncentered=True)
        for read in linear.quantities.values():
            with suppress(EstimationError):  # too few units for it
                read(spectrum)
        table = nearest_neighbors(points, k)
        ids += [estimator.estimate(table).dimension for estimator in estimators]
    for name, split in splits.items():
        evaluate(network, [(pixels[name], torch.tensor(split.labels))])
    return time.perf_counter() - began, len(ids)


class Actor(MeasuringActor):
    """One actor for many checkpoints, as in a sweep, but into one storage after another."""

    def __init__(self):
        torch.set_num_threads(1)

    def take(self, work):
        self._work, self._session = work, None


def one_checkpoint(trial, local, actor):
    """Seconds of computing, of measuring in this process, and of measuring by the actor."""
    config, data, paths = local.config, local.data, local.paths(trial)
    alone, num_ids = plain(config, trial, data)
    began = time.perf_counter()
    measure_trial(config, trial, data, paths)
    ours = time.perf_counter() - began
    rows = read_measurements(config, trial, paths)
    assert sum(row.quantity.startswith("id/") for row in rows) == num_ids
    began = time.perf_counter()
    outcome = ray.get(actor.measure.remote(Unit(trial, "start")))
    by_actor = time.perf_counter() - began
    assert outcome.failure is None
    assert not outcome.phases
    return alone, ours, by_actor


def main():
    torch.set_num_threads(1)
    file = load_sweep("digits", SETTINGS)
    config = file.config
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    seconds = {}
    actor = ray.remote(Actor).remote()
    with tempfile.TemporaryDirectory() as first:
        data = prepare_data(config.data, claimed(first))
        for turn in range(REPEATS + 1):
            with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as there:
                local, remote = (
                    Work(config, claimed(here), data),
                    Work(config, claimed(there), data),
                )
                ray.get(actor.take.remote(remote))
                for trial in make_trials(config, data.digest):
                    found = one_checkpoint(trial, local, actor)
                    if turn:  # the first warms up
                        seconds.setdefault(trial.config.model.name, []).append(found)
    ray.shutdown()
    for name, found in seconds.items():
        alone, ours, by_actor = (statistics.median(part) for part in zip(*found, strict=True))
        print(
            f"{name:10} computing {alone:.3f} s, measured {ours:.3f} s, by an actor "
            f"{by_actor:.3f} s: {ours - alone:.3f} s and {by_actor - alone:.3f} s more"
        )


def claimed(folder):
    storage = open_storage(folder, create=True)
    claim_storage(storage)
    return storage


if __name__ == "__main__":
    main()
