"""The search space turned into trials, each with a key that says all that determines it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from pydantic import ValidationError

from sweep.config import (
    Choice,
    Domain,
    Grid,
    LogUniform,
    RandInt,
    SweepConfig,
    TrainingConfig,
    TrialConfig,
    Uniform,
)
from sweep.errors import UserError
from sweep.models.names import model_label, source_of
from sweep.reader import merged
from sweep.sealing import content_key

# Settings that some networks have and others don't; they are null for those.
ARCHITECTURE = ("width", "depth", "batch_norm", "kernel_size")
# Draws per different trial after which the space is taken to hold no more.
MAX_REPEATS = 50
Role = Literal["trained", "untrained"]
# Settings that came after the first sweeps were sealed, by dotted key: left out of a trial's key
# while they have this value, at which they change nothing, so that what is sealed stays found.
NEUTRAL: dict[str, Any] = {
    "training.accumulate": 1,
    "training.precision": "float32",
    "training.compile": False,
}
SHORT_NAMES = {
    "epochs": "e",
    "optimizer": "",
    "learning_rate": "lr",
    "schedule": "",
    "momentum": "m",
    "weight_decay": "wd",
    "dropout": "drop",
    "batch_size": "b",
    "accumulate": "acc",
    "precision": "",
    "compile": "compiled",
    "num_images": "n",
    "augmentation": "",
    "label_noise": "noise",
    "luminance_gradient": "gradient",
}


@dataclass(frozen=True)
class Trial:
    """One network of a sweep.

    key: hash of the configuration and of the data's digest. role: "trained" here or, with
    weights and no epochs, elsewhere; "untrained" marks a network at initialization.
    earlier: epochs before the last at which it is measured too, ascending. checkpoint: the
        epoch at which the network is meant; None: the last. stopped: who ended its training
        at that epoch; "": nobody. population: a hash of all members that it trained with and
        of how weights were exchanged, which its key holds too; "": it trained by itself.
    """

    key: str
    role: Role
    config: TrialConfig
    earlier: tuple[float, ...] = ()
    checkpoint: float | None = None
    stopped: str = ""
    population: str = ""

    @property
    def epoch(self) -> float:
        """Epochs trained when its checkpoint is saved."""
        if self.checkpoint is not None:
            return self.checkpoint
        return float(self.config.training.epochs)

    def at(self, epoch: float) -> Trial:
        """The same network at an earlier epoch."""
        return replace(self, earlier=(), checkpoint=epoch, stopped="")

    def stopped_at(self, epoch: float, by: str) -> Trial:
        """The same network, whose training was ended early."""
        earlier = tuple(one for one in self.earlier if one < epoch)
        return replace(self, earlier=earlier, checkpoint=epoch, stopped=by)

    @property
    def checkpoints(self) -> list[Trial]:
        """The network at each epoch at which it is measured, the last one last."""
        return [*map(self.at, self.earlier), replace(self, earlier=())]

    @property
    def configuration(self) -> str:
        """What trials share that differ in nothing but their seed."""
        return self.role + self.config.model_dump_json(exclude={"training": {"seed"}})

    @property
    def name(self) -> str:
        """A name a person knows it by, such as "cnn-w16-d2-noise0.5-s0"."""
        training = self.config.training
        parts = [model_label(self.config.model)]
        if self.role == "untrained":
            parts.append("untrained")
        if self.population:
            parts.append("pbt")
        # What differs from the defaults, so that no two configurations share a name.
        for setting, short in SHORT_NAMES.items():
            value = getattr(training, setting)
            usual = TrainingConfig.model_fields[setting].default
            if value is True:
                parts.append(short)
            elif value != usual and (value or setting not in ("epochs", "dropout")):
                parts.append(f"{short}{value:g}" if isinstance(value, float) else f"{short}{value}")
        return "-".join([*parts, f"s{training.seed}"])


def make_trials(config: SweepConfig, data_digest: str) -> list[Trial]:
    """All trials of a sweep, in order, each once and behind its untrained twin.

    The same configuration gives the same trials, and more samples or more blocks leave
    those that were there as they were. A search that suggests its trials has none yet.
    """
    if config.search.adaptive:
        return []
    from sweep.training.population import in_populations

    draw = _random_points if config.search.algorithm == "random" else _points
    points = (point_of(config, values) for values in draw(config))
    return in_populations(config, with_twins(config, points, data_digest))


def with_twins(config: SweepConfig, points: Iterable[TrialConfig], data_digest: str) -> list[Trial]:
    """The trials with these settings, each once and behind its untrained twin."""
    configs: dict[str, TrialConfig] = {}
    for point in points:
        configs.setdefault(point.model_dump_json(), point)
    trials: dict[str, Trial] = {}
    for point in configs.values():
        if config.measure.untrained:
            twin = _trial(untrained_twin(point), "untrained", data_digest)
            trials.setdefault(twin.key, twin)
        role: Role = "trained" if point.training.epochs or point.model.weights else "untrained"
        trial = _trial(point, role, data_digest, config.measure.epochs)
        trials.setdefault(trial.key, trial)
    return list(trials.values())


def varied_keys(trials: list[Trial]) -> list[str]:
    """The dotted keys on which the trained trials differ, in the order of the schema.

    That a network lacks a setting which others have goes with its name, and is no difference.
    """
    flat = [flatten(trial.config.model_dump()) for trial in trials if trial.role == "trained"]
    values = {key: {row[key] for row in flat} for key in (flat[0] if flat else {})}
    return [key for key, seen in values.items() if len(seen - _lacking(key)) > 1]


def _lacking(key: str) -> set[None]:
    """What a setting is for networks that don't have it, where such a thing is."""
    section, _, name = key.partition(".")
    return {None} if section == "model" and name in ARCHITECTURE else set()


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings to one level of dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def point_of(config: SweepConfig, values: dict[str, Any]) -> TrialConfig:
    """One trial's settings; raises UserError for settings that don't go together."""
    try:
        point = merged(TrialConfig(model=config.model, training=config.training), values)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        where = ", ".join(f"{key}={value}" for key, value in values.items())
        raise UserError(f"space: the trial {where} can't be: {reason}") from error
    training = point.training
    ours = source_of(point.model.name) == "family"
    if ours and training.epochs and training.dropout is None:
        training = training.model_copy(update={"dropout": 0.0})  # naming it changes no trial
    return point.model_copy(update={"model": point.model.resolved(), "training": training})


def _points(config: SweepConfig) -> list[dict[str, Any]]:
    """Axis values of each trial, drawn by Ray Tune's own variant generator."""
    import numpy as np
    from ray.tune.search.variant_generator import generate_variants

    points: list[dict[str, Any]] = []
    for block in config.space:
        # A generator per block: a block added later changes no draw of the earlier ones.
        random_state = np.random.RandomState(config.search.seed)
        space = {
            key: to_tune(axis) if isinstance(axis, Domain) else axis for key, axis in block.items()
        }
        for _ in range(config.search.num_samples):
            for _, point in generate_variants(space, random_state=random_state):
                points.append(dict(point))
    return points


def _random_points(config: SweepConfig) -> Iterator[dict[str, Any]]:
    """Axis values of each trial, all drawn; as many different ones as asked, if there are."""
    found: set[str] = set()
    draws = draw_points(config, config.search.seed)
    for values in islice(draws, config.search.num_samples * MAX_REPEATS):
        found.add(point_of(config, values).model_dump_json())
        yield values
        if len(found) == config.search.num_samples:
            return


def draw_points(config: SweepConfig, seed: int) -> Iterator[dict[str, Any]]:
    """Axis values without end, every axis drawn, a grid as a choice; the block drawn too."""
    import numpy as np

    random_state = np.random.RandomState(seed)
    while True:
        block = config.space[random_state.randint(len(config.space))]
        yield {
            key: to_tune(axis, draw_grid=True).sample(random_state=random_state)
            if isinstance(axis, Domain)
            else axis
            for key, axis in block.items()
        }


def to_tune(domain: Domain, *, draw_grid: bool = False) -> Any:
    """An axis in Ray Tune's terms; draw_grid: a grid is a choice."""
    from ray import tune

    match domain:
        case Grid() if draw_grid:
            return tune.choice(list(domain.grid))
        case Grid():
            return tune.grid_search(list(domain.grid))
        case Choice():
            return tune.choice(list(domain.choice))
        case Uniform():
            return tune.uniform(*domain.uniform)
        case LogUniform():
            return tune.loguniform(*domain.loguniform)
        case RandInt():
            return tune.randint(*domain.randint)


def untrained_twin(config: TrialConfig) -> TrialConfig:
    """The twin at initialization: only the model, its seed and the images matter."""
    gradient = config.training.luminance_gradient
    training = TrainingConfig(epochs=0, seed=config.training.seed, luminance_gradient=gradient)
    model = config.model.model_copy(update={"weights": None})
    return TrialConfig(model=model, training=training)


def _trial(
    config: TrialConfig, role: Role, data_digest: str, epochs: Sequence[float] = ()
) -> Trial:
    earlier = tuple(sorted({epoch for epoch in epochs if epoch < config.training.epochs}))
    return Trial(trial_key(config, data_digest), role, config, earlier)


def trial_key(config: TrialConfig, data_digest: str) -> str:
    """A hash of all that determines the trained network."""
    settings = config.model_dump()
    for key, neutral in NEUTRAL.items():
        section, name = key.split(".")
        if settings[section][name] == neutral:
            del settings[section][name]
    return content_key([settings, data_digest])
