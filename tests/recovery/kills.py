"""A small sweep run again and again while its processes are killed, until so many are dead.

A round is one storage: the sweep is started anew until it is done, and then held against an
undisturbed one. Which process is killed when is drawn from one seed.
"""

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field

from tests.recovery.processes import (
    ENDING,
    KINDS,
    WITHIN,
    could_write,
    family,
    kill,
    start,
    victims,
)
from tests.recovery.verdict import problems_of, seals

RUN_SECONDS = 600  # a run that is killed no more has ended by then, or hangs
END_SECONDS = 100  # the cluster is lost, and the driver says so and ends
LOST, KILLED, DONE, GIVEN_UP = 75, -9, 0, 1


@dataclass
class Kill:
    """One kill. stage: how far the sweep was. sealed: checkpoints and measurements by then."""

    kind: str
    stage: str
    sealed: tuple[int, int]
    after: float  # seconds since the run was started
    ended_in: float | None = None  # seconds until the run had ended, where it ends with it


@dataclass
class Campaign:
    """Kills left to do by kind, and what happened so far."""

    file: object
    name: str
    trials: int
    expected_rows: bytes
    expected_runs: object
    left: dict
    rng: object
    log: object
    kills: list = field(default_factory=list)
    rounds: list = field(default_factory=list)
    problems: list = field(default_factory=list)
    runs: int = 0

    @property
    def over(self):
        return not any(count > 0 for count in self.left.values())

    def summary(self):
        table = Counter((kill.kind, kill.stage) for kill in self.kills)
        ended = {
            kind: [round(k.ended_in, 1) for k in self.kills if k.kind == kind and k.ended_in]
            for kind in ("raylet", "head")
        }
        return {
            "kills": len(self.kills),
            "by_kind": dict(Counter(kill.kind for kill in self.kills)),
            "by_kind_and_stage": {f"{kind}, {stage}": n for (kind, stage), n in table.items()},
            "seconds_until_told": {k: [min(v), max(v)] for k, v in ended.items() if v},
            "rounds": self.rounds,
            "runs": self.runs,
            "problems": self.problems,
        }


def run_round(campaign, folder, scratch):
    """One storage from nothing to a finished sweep, killed on the way; notes what is wrong."""
    began = time.monotonic()
    known = {}
    folder.mkdir(parents=True)
    with (scratch / "log").open("a") as log:
        while True:
            code = _run_once(campaign, folder / "storage", log)
            known |= seals(folder / "storage", campaign.name)
            if code == DONE:
                break
            if code not in (LOST, KILLED, GIVEN_UP):
                campaign.problems.append(f"a run ended with {code}: see {scratch / 'log'}")
                return
            if time.monotonic() - began > 1200:
                campaign.problems.append("a round without an end")
                return
    problems = problems_of(
        folder / "storage",
        campaign.name,
        known,
        campaign.expected_rows,
        campaign.expected_runs,
        scratch,
    )
    campaign.problems += problems
    seconds = round(time.monotonic() - began, 1)
    campaign.rounds.append({"seconds": seconds, "problems": problems})
    campaign.log(f"round {len(campaign.rounds)} done in {seconds:.0f} s: {problems or 'identical'}")


def _run_once(campaign, storage, log):
    """Start the sweep, kill in it what the draw says, and return its exit code."""
    campaign.runs += 1
    rng = campaign.rng
    process = start(campaign.file, storage, log)
    began = time.monotonic()
    ending = _draw(rng, campaign.left, ENDING)
    # Of four kills, one while the run is starting and three when so many outputs are sealed.
    early = rng.random() < 0.25
    due = began + rng.uniform(0, 15) if early else None
    there = sum(stage_of(storage, campaign.name, campaign.trials)[1])
    until = there + rng.randint(1, 14)
    moment = rng.uniform(0, 0.5)
    next_within = None
    within = rng.randint(0, 3)  # few a run: the rounds to come want some too
    while process.poll() is None:
        time.sleep(0.03)
        now = time.monotonic()
        if now - began > RUN_SECONDS:
            campaign.problems.append(f"a run hung for {RUN_SECONDS} s")
            _end(process)
            break
        at_work = bool(victims(process, "worker") or victims(process, "actor"))
        if due is None and sum(stage_of(storage, campaign.name, campaign.trials)[1]) >= until:
            due = now + moment
        if at_work and next_within is None:
            next_within = now + rng.uniform(0.1, 2)
        if ending is not None and due is not None and now >= due:
            found = victims(process, ending)
            if found and _kill(campaign, process, rng.choice(found), ending, storage, began):
                _wait_for_end(campaign, process)
                break
        if within and next_within is not None and now >= next_within:
            kind = _draw(rng, campaign.left, WITHIN)
            found = victims(process, kind) if kind else []
            if found and _kill(campaign, process, rng.choice(found), kind, storage, began):
                within -= 1
                next_within = now + rng.uniform(0.3, 4)
    return process.wait()


def _draw(rng, left, kinds):
    weights = [max(0, left.get(kind, 0)) for kind in kinds]
    return rng.choices(kinds, weights)[0] if any(weights) else None


def _kill(campaign, driver, victim, kind, storage, began):
    stage, sealed = stage_of(storage, campaign.name, campaign.trials)
    members = family(driver)
    if not kill(victim):
        return False
    campaign.left[kind] -= 1
    campaign.kills.append(Kill(kind, stage, sealed, round(time.monotonic() - began, 2)))
    number = len(campaign.kills)
    campaign.log(f"kill {number}: {kind} while {stage}, {sealed[0]} checkpoints, {sealed[1]} rows")
    campaign.members = members
    return True


def _wait_for_end(campaign, process):
    """Until the driver and all that could write for it have ended."""
    killed = time.monotonic()
    while process.poll() is None and time.monotonic() - killed < END_SECONDS:
        time.sleep(0.05)
    if process.poll() is None:
        campaign.problems.append(f"the driver lived on for {END_SECONDS} s")
        _end(process)
    campaign.kills[-1].ended_in = time.monotonic() - killed
    # The command is run again beside what still lives; then that dies too, as a machine would.
    deadline = time.monotonic() + campaign.rng.uniform(0, 3)
    while any(map(could_write, campaign.members)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for member in campaign.members[1:]:
        if could_write(member):
            campaign.log(f"  still there: {' '.join(member.cmdline())[:70]}")
        kill(member)


def _end(process):
    for member in reversed(family(process)):
        kill(member)


def stage_of(storage, name, trials):
    """How far a sweep is, in a word, and how many checkpoints and measurements are sealed."""
    sweep = storage / "sweeps" / name
    checkpoints = len(list(sweep.glob("trials/*/checkpoint-*/manifest.json")))
    measured = len({path.parents[2] for path in sweep.glob("trials/*/measured-*/*/manifest.json")})
    sealed = (checkpoints, measured)
    if not (sweep / "sweep.json").exists():
        return "preparing", sealed
    if not checkpoints:
        return "starting", sealed
    if checkpoints < trials:
        return "training", sealed
    return ("measuring" if measured < trials else "reporting"), sealed


def as_json(campaign):
    """All of it, for a file."""
    kills = [asdict(kill) for kill in campaign.kills]
    return json.dumps(campaign.summary() | {"each": kills}, indent=1) + "\n"


def as_text(campaign):
    """Kills by kind and stage, and the verdict."""
    stages = ("preparing", "starting", "training", "measuring", "reporting")
    table = Counter((kill.kind, kill.stage) for kill in campaign.kills)
    lines = ["kind     " + "".join(f"{stage:>11}" for stage in stages) + "      total"]
    for kind in KINDS:
        counts = [table[kind, stage] for stage in stages]
        lines.append(f"{kind:9}" + "".join(f"{n:11}" for n in (*counts, sum(counts))))
    summary = campaign.summary()
    for kind, (least, most) in summary["seconds_until_told"].items():
        lines.append(f"{kind} killed: the run had ended after {least:.1f} to {most:.1f} s")
    seconds = sum(one["seconds"] for one in campaign.rounds)
    lines.append(
        f"{len(campaign.kills)} kills in {campaign.runs} runs and {len(campaign.rounds)} rounds, "
        f"{seconds:.0f} s"
    )
    verdict = "; ".join(campaign.problems) or "rows, MLflow and seals as undisturbed, every round"
    return "\n".join([*lines, f"verdict: {verdict}"]) + "\n"
