"""The order of units: a checkpoint to each worker, then many workers to one checkpoint."""

from types import SimpleNamespace

import pytest

from sweep.measuring.schedule import Schedule
from sweep.measuring.units import Unit


def trial(key):
    made = SimpleNamespace(key=key)
    made.checkpoints = [made]
    return made


A, B = trial("a"), trial("b")


def phases(trial):
    return [[Unit(trial, "record", (0, part)) for part in range(2)], [Unit(trial, "finish")]]


@pytest.fixture
def schedule():
    made = Schedule()
    made.add(A)
    made.add(B)
    return made


def test_workers_take_checkpoints_first_and_stay_with_them(schedule):
    first, second = schedule.next(None), schedule.next(None)
    assert {first.trial.key, second.trial.key} == {"a", "b"}
    assert schedule.next(None) is None
    schedule.planned(A, phases(A))
    assert not schedule.done(first)
    assert schedule.next("a").trial == A


def test_idle_workers_help_and_phases_wait_for_each_other(schedule):
    start, other = schedule.next(None), schedule.next(None)
    schedule.planned(A, phases(A))
    schedule.done(start)
    one, two = schedule.next("a"), schedule.next("b")
    assert [unit.place for unit in (one, two)] == [(0, 0), (0, 1)]
    schedule.done(one)
    assert schedule.next("a") is None  # the other part still runs
    assert not schedule.done(two)
    last = schedule.next("b")
    assert last.kind == "finish"
    assert schedule.done(last)
    assert schedule.done(other)
    assert schedule.is_empty


def test_a_failed_checkpoint_starts_nothing_more_and_is_told_once(schedule):
    start, _ = schedule.next(None), schedule.next(None)
    schedule.planned(A, phases(A))
    schedule.done(start)
    one, two = schedule.next("a"), schedule.next("b")
    assert not schedule.give_up(A)
    assert not schedule.done(one)
    assert schedule.give_up(A)
    assert not schedule.done(two)
    assert schedule.next("a") is None


def test_all_checkpoints_of_a_trial_are_one_job(schedule):
    epochs = [SimpleNamespace(key="c", epoch=epoch) for epoch in (0, 1)]
    both = SimpleNamespace(key="c", checkpoints=epochs)
    alone = Schedule()
    alone.add(both)
    first, second = alone.next(None), alone.next(None)
    assert [first.trial.epoch, second.trial.epoch] == [0, 1]
    assert not alone.done(second)
    assert alone.done(first)
    assert alone.is_empty
