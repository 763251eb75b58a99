"""Members of a population on files: their states, who takes over whose, what to train next.

A member trains from one sealed state to the next. When all have sealed theirs, one file
says who goes on from whose weights; it is written once, so a population that is killed at
any time goes on where it was, to the same bits.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sweep.config import SweepConfig
from sweep.errors import Diverged
from sweep.sealing import is_sealed, read_manifest, write_file
from sweep.space import Trial, make_trials
from sweep.training.checkpoints import is_trained
from sweep.training.population import Standing, choose_exploits, exchanges, score_of
from sweep.training.segments import Segment
from sweep.work import Work


def next_segment(work: Work, trial: Trial) -> Segment:
    """What a member is to train now, from its last sealed state on.

    Raises Diverged if its loss is not finite and nobody's weights were there to take over.
    """
    paths = work.paths(trial)
    stops = exchanges(work.config.scheduler, trial.config.training.epochs)
    last = _last_state(work, trial)
    passed = [epoch for epoch in stops if epoch <= last]
    until = next((epoch for epoch in stops if epoch > last), None)
    end = None if until is None else paths.state(until)
    exploits = [
        {"epoch": epoch, **found}
        for epoch in passed
        if (found := _exploit_of(work, trial, epoch)) is not None
    ]
    facts = {"population": trial.population, "exploits": exploits}
    if not passed:
        return Segment(until=until, end=end, facts=facts)
    begin = paths.state(last)
    now = exploits[-1] if exploits and exploits[-1]["epoch"] == last else None
    values = exploits[-1]["values"] if exploits else {}
    if now is None:
        if reason := read_manifest(begin)["diverged"]:
            raise Diverged(reason)
        return Segment(begin, None, until, end, values, facts)
    source = work.sweep_paths.trial(now["from"]).state(last)
    return Segment(begin, source, until, end, values, facts)


def _last_state(work: Work, trial: Trial) -> int:
    """The last epoch whose state is sealed; 0 if none is. Earlier ones may be gone by then."""
    stops = exchanges(work.config.scheduler, trial.config.training.epochs)
    paths = work.paths(trial)
    return next((epoch for epoch in reversed(stops) if is_sealed(paths.state(epoch))), 0)


def _exploit_of(work: Work, trial: Trial, epoch: int) -> dict[str, Any] | None:
    """What the file of an exchange says of a member: "from", "from_name", "values"."""
    file = work.sweep_paths.exploits(trial.population, epoch)
    found: dict[str, Any] | None = json.loads(file.read_text())["exploits"].get(trial.key)
    return found


class Populations:
    """The populations of a sweep while it trains: who may go on, in the driver alone."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._members: dict[str, list[Trial]] = {}
        self._by_key: dict[str, Trial] = {}
        for trial in make_trials(work.config, work.data.digest):
            if trial.population:
                self._members.setdefault(trial.population, []).append(trial)
                self._by_key[trial.key] = trial
        self._last = {key: _last_state(work, trial) for key, trial in self._by_key.items()}
        self._gone: set[str] = set()

    def arrive(self, trial_key: str) -> None:
        """A member has sealed a state."""
        self._last[trial_key] = _last_state(self._work, self._by_key[trial_key])

    def lose(self, trial_key: str) -> None:
        """A member failed: the others don't wait for it."""
        self._gone.add(trial_key)

    def regain(self, trial_key: str) -> None:
        """A member is tried again."""
        self._gone.discard(trial_key)
        self.arrive(trial_key)

    def may_go_on(self, trial_key: str) -> bool:
        """Whether the member's next segment can begin: no exchange of weights is open."""
        last = self._last[trial_key]
        return not last or self._is_settled(self._by_key[trial_key], last)

    def _is_settled(self, trial: Trial, epoch: int) -> bool:
        """Whether it is written who goes on from whose weights; done now if all are there."""
        file = self._work.sweep_paths.exploits(trial.population, epoch)
        if file.is_file():
            return True
        members = self._members[trial.population]
        there = [one for one in members if self._last[one.key] >= epoch]
        missing = [one for one in members if one not in there]
        if any(self._is_awaited(one) for one in missing):
            return False
        content = settle(self._work.config, there, self._states(there, epoch), epoch)
        write_file(file, json.dumps(content, indent=1) + "\n")
        if not missing:  # else one that is tried again later may begin from an earlier one
            _remove(self._work, members, before=epoch)
        return True

    def _is_awaited(self, trial: Trial) -> bool:
        return trial.key not in self._gone and not is_trained(trial, self._work.paths(trial))

    def _states(self, trials: Iterable[Trial], epoch: int) -> dict[str, dict[str, Any]]:
        return {one.key: read_manifest(self._work.paths(one).state(epoch)) for one in trials}


def remove_states(work: Work, trials: Iterable[Trial]) -> None:
    """Delete the states of those populations whose members all are trained."""
    members: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.population:
            members.setdefault(trial.population, []).append(trial)
    for group in members.values():
        if all(is_trained(trial, work.paths(trial)) for trial in group):
            _remove(work, group)


def _remove(work: Work, members: Iterable[Trial], before: float = math.inf) -> None:
    """Delete the states of earlier epochs."""
    for trial in members:
        for epoch in exchanges(work.config.scheduler, trial.config.training.epochs):
            if epoch < before:
                shutil.rmtree(work.paths(trial).state(epoch), ignore_errors=True)


def in_generations(work: Work, trials: Iterable[Trial]) -> Iterator[Trial]:
    """The trials one after the other, members of populations again and again until trained."""
    waiting: list[Trial] = []
    for trial in trials:
        if trial.population:
            waiting.append(trial)
        else:
            yield trial
    populations = Populations(work) if waiting else None
    while populations is not None and waiting:
        # Each comes one segment further, or has ended.
        for trial in list(waiting):
            paths = work.paths(trial)
            if populations.may_go_on(trial.key):
                paths.failure.unlink(missing_ok=True)
                yield trial
                populations.arrive(trial.key)
                if is_trained(trial, paths) or paths.failure.is_file():
                    populations.lose(trial.key)
                    waiting.remove(trial)


def settle(
    config: SweepConfig,
    members: Iterable[Trial],
    states: Mapping[str, Mapping[str, Any]],
    epoch: int,
) -> dict[str, Any]:
    """What the file of an exchange holds: scores of all members, and exploits by member.

    states: the manifests of their states at that epoch.
    """
    by_key = {trial.key: trial for trial in members}
    standings = []
    for key, trial in by_key.items():
        state = states[key]
        score = None if state["diverged"] else score_of(config.scheduler, state["record"])
        values = {**trial.config.training.model_dump(), **state["values"]}
        standings.append(Standing(key, score, values))
    exploits = choose_exploits(config.scheduler, standings, epoch)
    return {
        "epoch": epoch,
        "scores": {one.key: one.score for one in standings},
        "exploits": {
            one.member: {
                "from": one.source,
                "from_name": by_key[one.source].name,
                "values": dict(one.values),
            }
            for one in exploits
        },
    }
