"""What dissecting a layer costs beside the forward passes that it needs anyway.

    python benchmarks/dissection.py [--images 2000] [--size 64] [--permutations 0] [--memory]

layer3 of a ResNet-18 (256 units), untrained, on drawn images with 71 concepts: both passes of the
analysis, against two bare forward passes and against a plain loop over units and images in NumPy
(a part of it, scaled up). Prints seconds and ratios. --memory: instead, the most memory that the
process takes to dissect layer4 of a ResNet-50 (2,048 units) at 224 x 224.
"""

import argparse
import os
import platform
import resource
import tempfile
import time
from importlib.metadata import version

import numpy as np
import torch
from scipy.ndimage import map_coordinates

from sweep.config import SweepConfig
from sweep.data.labels import labels_of
from sweep.data.partitions import prepare_data
from sweep.measuring.activations import record_activations
from sweep.measuring.checkpoint import Checkpoint, NetworkView
from sweep.measuring.cost import survey_layers
from sweep.measuring.counting import count_all
from sweep.measuring.dissection import DissectionAnalysis
from sweep.measuring.plan import batch_within
from sweep.measuring.probe import Probe
from sweep.models.catalog import build_network
from sweep.paths import claim_storage, open_storage
from sweep.space import make_trials

LOOP_UNITS, LOOP_IMAGES = 4, 100


def made(folder, model, layer, given):
    """The analysis, and the network with one layer, on drawn images."""
    config = SweepConfig.model_validate(
        {
            "name": "bench",
            "data": {
                "name": "concepts",
                "num_drawn": given.images,
                "image_size": given.size,
                "test_fraction": 0,
            },
            "model": {"name": model, "image_size": given.size},
            "training": {"epochs": 0},
            "analyses": {
                "dissection": {
                    "num_images": given.images,
                    "permutations": given.permutations,
                }
            },
        }
    )
    storage = open_storage(folder, create=True)
    claim_storage(storage)
    data = prepare_data(config.data, storage)
    (trial,) = [t for t in make_trials(config, data.digest) if t.role == "untrained"]
    network = build_network(trial.config.model, data, seed=0).eval()
    checkpoint = Checkpoint(trial, data, config.measure)
    sample = torch.zeros((5, 3, given.size, given.size), dtype=torch.uint8)
    measure = config.measure.model_copy(update={"layers": [layer]})
    layers, cost = survey_layers(network, sample, measure, count_them=False)
    batch = 64 if given.size <= 64 else batch_within(cost.working_bytes, "cpu")
    view = NetworkView(checkpoint, network, tuple(layers), batch, batch)
    return DissectionAnalysis(config.analyses.dissection), view


def bare_pass(analysis, view):
    """Seconds of one forward pass over the probed images, with nothing done in the hook."""
    probe = Probe(analysis.config, view)
    split = view.checkpoint.data.split("train")
    began = time.perf_counter()
    record_activations(
        view.network, view.layers, split, probe.rows, view.full_batch, lambda *_: None
    )
    return time.perf_counter() - began


def plain_loop(analysis, view):
    """Seconds of a loop over units, images and concepts, of all of them by the share done."""
    probe = Probe(analysis.config, view)
    kept = []
    probe.go_through((0, LOOP_IMAGES), lambda _, __, maps: kept.append(maps.numpy().copy()))
    maps = np.concatenate(kept)[:, :LOOP_UNITS]
    labels = probe.labels.of(np.arange(LOOP_IMAGES))
    side = probe.labels.resolution[0]
    began = time.perf_counter()
    for unit in range(LOOP_UNITS):
        level = np.quantile(maps[:, unit], 0.995)
        for image in range(LOOP_IMAGES):
            cells = maps[image, unit]
            places = (np.arange(side) + 0.5) * len(cells) / side - 0.5
            grid = np.meshgrid(places, places, indexing="ij")
            active = map_coordinates(cells, grid, order=1, mode="nearest").ravel() > level
            for number, category in enumerate(labels):
                for concept in np.flatnonzero(probe.labels.category_of == number):
                    shown = category[image, 0] == concept + 1
                    np.count_nonzero(active & shown)
                    np.count_nonzero(active | shown)
    seconds = time.perf_counter() - began
    share = LOOP_UNITS / probe.layouts[0].num_units * LOOP_IMAGES / len(probe.rows)
    return seconds / share


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--permutations", type=int, default=0)
    parser.add_argument("--memory", action="store_true")
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, {platform.machine()}; torch {version('torch')}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        if given.memory:
            given.size = 224
            analysis, view = made(folder, "torchvision/resnet50", "layer4", given)
            began = time.perf_counter()
            count_all(analysis, view)
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
            print(f"layer4, 2,048 units, {given.images} images of 224 x 224, "
                  f"{given.permutations} permutations: {time.perf_counter() - began:.0f} s, "
                  f"at most {most:.2f} GB")  # fmt: skip
            return
        analysis, view = made(folder, "torchvision/resnet18", "layer3", given)
        began = time.perf_counter()
        probe = Probe(analysis.config, view)
        labels_of(view.checkpoint.data, probe.ids)
        drawn = time.perf_counter() - began
        bare_pass(analysis, view)  # warm
        bare, whole = [], []
        for _ in range(3):
            bare.append(bare_pass(analysis, view) + bare_pass(analysis, view))
            began = time.perf_counter()
            count_all(analysis, view)
            whole.append(time.perf_counter() - began)
        loop = plain_loop(analysis, view)
    print(f"{given.images} images of {given.size} x {given.size}, 256 units, 71 concepts, "
          f"{given.permutations} permutations")  # fmt: skip
    print(f"labels drawn once a process: {drawn:.1f} s")
    print(f"two bare passes {min(bare):.2f} s, dissected {min(whole):.2f} s: "
          f"{min(whole) / min(bare):.2f} times (must be 2, aim 1.3)")  # fmt: skip
    print(f"plain loop {loop:.0f} s: 1/{loop / min(whole):.0f} (must be 1/30)")


if __name__ == "__main__":
    main()
