"""What a sweep would do, and what can be found wrong with it, before anything is done."""

from __future__ import annotations

from dataclasses import dataclass

from sweep.claims import check_claims
from sweep.config import SweepConfig
from sweep.data import DATASETS
from sweep.data.labels import check_labelled
from sweep.data.partitions import ImageData
from sweep.errors import TrialFailure, UserError
from sweep.paths import Storage
from sweep.remote import check_bucket
from sweep.results import is_complete, plan_trials, settle_regression
from sweep.space import Trial
from sweep.training.checkpoints import changed_origin, is_trained
from sweep.training.precision import check_precision
from sweep.training.searching import check_search
from sweep.work import Work


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    trained, measured: how many trials are sealed so far, of those to train and of all.
    prepared: whether the data is.
    """

    trials: list[Trial]
    trained: int
    measured: int
    prepared: bool


def plan_sweep(config: SweepConfig, storage: Storage) -> Plan:
    """What `run_sweep` would do, found out without writing anything.

    Raises UserError for what it would refuse.
    """
    check_sweep(config, storage)
    trials, data = plan_trials(config, storage)
    if data is None:
        for trial in trials:
            _check_precision(config, trial)
        return Plan(trials, 0, 0, False)
    work = Work(config, storage, data)
    for trial in trials:
        check_trial(work, trial)
    trained = sum(is_trained(trial, work.paths(trial)) for trial in trials if trial.epoch)
    return Plan(trials, trained, sum(is_complete(work, trial) for trial in trials), True)


def check_sweep(config: SweepConfig, storage: Storage) -> None:
    """Raise UserError for what is wrong with the file as a whole."""
    settle_regression(config)
    check_claims(config)
    check_search(config)
    check_bucket(config, storage)
    if config.analyses.dissection is not None:
        check_labelled(config.data.name)
    check_learnable(config.data.name, config.training.epochs)


def check_learnable(data_name: str, epochs: float) -> None:
    """Raise UserError if it would train on images that are there for probing alone."""
    if epochs and DATASETS[data_name].probes_alone:
        raise UserError(
            f"training.epochs: {epochs:g} asked, but {data_name} has no classes to learn: set it "
            "to 0, and model.weights to those of trained networks"
        )


def check_trial(work: Work, trial: Trial, *, train: bool = True) -> None:
    """Raise UserError for what its data, its sealed checkpoint or its device can't do.

    train: whether it would be trained if it isn't.
    """
    if problem := changed_origin(trial, work.paths(trial)):
        raise UserError(problem)
    check_learnable(work.data.name, trial.epoch)
    _check_size(trial, work.data)
    if train and not is_trained(trial, work.paths(trial)):
        _check_precision(work.config, trial)


def _check_size(trial: Trial, data: ImageData) -> None:
    """Raise UserError if it would train on more images than there are."""
    wanted, there = trial.config.training.num_images, data.counts["train"]
    if wanted is not None and wanted > there:
        raise UserError(
            f"training.num_images: {wanted} asked, but {data.name} has {there} training images: "
            "take at most so many"
        )


def _check_precision(config: SweepConfig, trial: Trial) -> None:
    """Raise UserError if it would train in numbers that its device can't."""
    if trial.epoch and config.resources.of(trial.config).device == "cpu":
        try:
            check_precision(trial.config.training.precision, "cpu")
        except TrialFailure as error:
            raise UserError(str(error)) from error
