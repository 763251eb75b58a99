"""A sealed sweep of any size, made without training: for what reads sweeps, at scale."""

import json
from dataclasses import dataclass

import numpy as np

from sweep.data.partitions import prepare_data
from sweep.measurement import Measurement
from sweep.measuring import make_analyses
from sweep.measuring.sealed import measured_folder, seal_rows
from sweep.paths import claim_storage, open_storage
from sweep.progress import SilentProgress
from sweep.results import SweepResults, load_results, write_plan
from sweep.sealing import seal
from sweep.space import make_trials
from sweep.sweepfile import parse_sweep
from sweep.training.checkpoints import HISTORY
from sweep.work import Work

FILE = """
name: {name}
description: Synthetic profiles, made by a formula; no network was trained.
training: {{epochs: {epochs}}}
analyses:
  intrinsic: {{estimators: [twonn, gride, mle, mom, mada, mind_ml]}}
  linear: {linear}
space:
  - model.name: {{grid: [cnn, convmixer, mlp, resnet, separable]}}
    model.width: {{grid: [8, 16, 32, 64, 128]}}
    model.depth: {{grid: [1, 2, 3, 4]}}
    training.label_noise: {{grid: [0, 0.5, 1]}}
    training.seed: {{grid: {seeds}}}
"""
FAMILIES = ("cnn", "convmixer", "mlp", "resnet", "separable")
BIAS = {"twonn": 1.0, "gride": 0.97, "mle": 0.93, "mom": 0.9, "mada": 0.95, "mind_ml": 0.92}


@dataclass(frozen=True)
class Shape:
    """How large: trained trials of each configuration, layers, epochs of history."""

    seeds: int = 5  # times 300, and 100 untrained twins each: 2,000 trials
    layers: int = 20
    epochs: int = 10
    linear: bool = True


def write_synthetic(folder, shape: Shape = Shape(), name: str = "synthetic") -> SweepResults:
    """Seal it into a storage at `folder`, and read it back.

    A hunchback by relative depth, whose height and end depend on family, width and label
    noise; test accuracy falls with the last hidden layer's ID along label noise and rises
    with it along width. The numbers are the same each time.
    """
    storage = open_storage(folder, create=True)
    claim_storage(storage)
    text = FILE.format(
        name=name,
        epochs=shape.epochs,
        linear="{}" if shape.linear else "null",
        seeds=list(range(shape.seeds)),
    )
    config = parse_sweep(text, name).config
    work = Work(config, storage, prepare_data(config.data, storage, SilentProgress()))
    trials = make_trials(config, work.data.digest)
    write_plan(work, text, trials)
    for trial in trials:
        paths = work.paths(trial)
        rows = synthetic_rows(trial, shape)
        with seal(paths.checkpoint(trial.epoch), durable=False, trial=trial.key) as temporary:
            (temporary / HISTORY).write_text(json.dumps(_history(trial, rows, shape)))
        for analysis in make_analyses(config.analyses):
            own = [row for row in rows if row.analysis == analysis.name]
            seal_rows(measured_folder(config, trial, paths, analysis), own, trial=trial.key)
    return load_results(storage, name)


def synthetic_rows(trial, shape: Shape = Shape()) -> list[Measurement]:
    model, training = trial.config.model, trial.config.training
    rng = np.random.default_rng(int(trial.key, 16))
    family, width = FAMILIES.index(model.name), np.log2(model.width) - 3  # 0 to 4
    trained = trial.role == "trained"
    depth = np.linspace(0, 1, shape.layers)
    height = (6 + family + width) * (1.0 if trained else 0.2)
    end = 5 + 0.6 * width + 5 * training.label_noise + 0.3 * family if trained else 9.0
    profile = 9 + height * np.sin(np.pi * depth) ** 2 * (1 - 0.5 * depth) + (end - 9) * depth**2
    profile = profile * np.exp(rng.normal(0, 0.03)) + rng.normal(0, 0.15, shape.layers)
    profile = np.maximum(profile, 1.0)
    rows = []

    def row(analysis, quantity, value, **more):
        rows.append(Measurement(trial.key, trial.epoch, analysis, quantity, float(value), **more))

    accuracy = 0.1
    if trained:
        noise = training.label_noise
        accuracy = float(np.clip(0.99 - 0.08 * (4 - width) / 4 - 0.85 * noise**2, 0.05, 0.999))
        accuracy = float(np.clip(accuracy + rng.normal(0, 0.01), 0.0, 1.0))
    for split, found in (("train", min(1.0, accuracy + 0.02)), ("test", accuracy)):
        ends = {"low": max(0.0, found - 0.02), "high": min(1.0, found + 0.02), "num_samples": 450}
        row("accuracy", f"{split}_accuracy", found, **ends)
        row("accuracy", f"{split}_error", 1 - found, low=1 - ends["high"], high=1 - ends["low"])
        row("accuracy", f"{split}_loss", 2.3 * (1 - found))
    row("network", "num_parameters", round(1000 * model.width**1.5 * model.depth))
    last = shape.layers - 2
    common = {"num_samples": 1000, "embedding_dimension": 64 * model.width}
    for index in range(shape.layers):
        place = {"layer": f"layer{index}", "layer_index": index, "relative_depth": depth[index]}
        if index == last:
            row("network", "last_hidden", index, **place)
        for name, bias in BIAS.items():
            value = profile[index] * bias
            row("intrinsic", f"id/{name}", value, low=value * 0.95, high=value * 1.05,
                settings={"estimator": name}, **place, **common)  # fmt: skip
        if shape.linear:
            linear = profile[index] * (1.5 + 2 * depth[index]) + rng.normal(0, 0.5)
            for name in ("pc_id", "participation_ratio", "participation_ratio_corrected",
                         "effective_rank", "rankme", "alpha_req"):  # fmt: skip
                row("linear", name, linear, **place, **common)
    return rows


def _history(trial, rows, shape: Shape):
    final = next(r.value for r in rows if r.quantity == "train_loss")
    return [
        {
            "epoch": float(epoch),
            "train_loss": final + 2.0 * 0.6**epoch,
            "learning_rate": 0.001 * (1 - epoch / (shape.epochs + 1)),
        }
        for epoch in range(1, int(trial.epoch) + 1)
    ]
