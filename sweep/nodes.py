"""Asking every node of a Ray cluster: from each an answer or a reason, within a time limit.

What is asked travels by value, so a node without idsweep, or with another version of it, answers
too, as long as the function's module imports nothing beyond the standard library at its top.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from sweep.capacity import GIGABYTE
from sweep.errors import first_line


@dataclass(frozen=True)
class RayNode:
    """What the head knows of a node. cpus, gpus: as counted by Ray. memory, object_store: GB."""

    key: str
    address: str
    alive: bool
    head: bool
    cpus: float
    gpus: float
    memory: float
    object_store: float


@dataclass(frozen=True)
class NoAnswer:
    """Why a node said nothing."""

    reason: str


class Answers(dict[str, Any]):
    """What each node answered, or NoAnswer, by the node's key."""

    def given(self) -> dict[str, Any]:
        """Of the nodes that answered."""
        return {key: value for key, value in self.items() if not isinstance(value, NoAnswer)}

    def missing(self) -> dict[str, str]:
        """The reasons of those that did not."""
        return {key: value.reason for key, value in self.items() if isinstance(value, NoAnswer)}


def ray_nodes() -> list[RayNode]:
    """The nodes of the cluster that this process is connected to, dead ones too; head first."""
    import ray

    found = []
    for node in ray.nodes():
        has = node["Resources"]
        found.append(
            RayNode(
                key=node["NodeID"],
                address=node["NodeManagerAddress"],
                alive=node["Alive"],
                head="node:__internal_head__" in has,
                cpus=has.get("CPU", 0.0),
                gpus=has.get("GPU", 0.0),
                memory=has.get("memory", 0.0) / GIGABYTE,
                object_store=has.get("object_store_memory", 0.0) / GIGABYTE,
            )
        )
    return sorted(found, key=lambda node: (not node.head, node.address))


class NodeCalls:
    """One small process on each of the given nodes, which reserves nothing, and calls functions.

    with NodeCalls(nodes) as calls:
        answers = calls.ask(function, argument, seconds=10)
    """

    def __init__(self, nodes: Sequence[RayNode]) -> None:
        self._nodes = [node.key for node in nodes if node.alive]
        self._actors: dict[str, Any] = {}

    def __enter__(self) -> NodeCalls:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
        # Nothing is reserved, so a head without CPUs and a node that is full answer too.
        actor = ray.remote(num_cpus=0, max_restarts=0)(_Caller)
        for key in self._nodes:
            place = NodeAffinitySchedulingStrategy(node_id=key, soft=False)
            self._actors[key] = actor.options(scheduling_strategy=place).remote()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        import ray

        for actor in self._actors.values():
            ray.kill(actor)

    @property
    def keys(self) -> list[str]:
        """The nodes that are asked."""
        return list(self._actors)

    def forget(self, keys: Iterable[str]) -> None:
        """Ask these nodes no more: who did not answer once would cost the time limit again."""
        import ray

        for key in keys:
            ray.kill(self._actors.pop(key))

    def ask(self, function: Callable[..., Any], *arguments: Any, seconds: float) -> Answers:
        """Call a function of a module on every node at once."""
        return self.ask_each(function, dict.fromkeys(self._actors, arguments), seconds=seconds)

    def ask_each(
        self,
        function: Callable[..., Any],
        arguments: Mapping[str, Sequence[Any]],
        *,
        seconds: float,
    ) -> Answers:
        """Call a function on the nodes named, each with its own arguments."""
        import ray

        if function.__module__.startswith("sweep."):
            ray.cloudpickle.register_pickle_by_value(sys.modules[function.__module__])
        deadline = time.monotonic() + seconds
        calls = {
            key: self._actors[key].call.remote(function, list(given))
            for key, given in arguments.items()
        }
        return Answers(
            (key, _answer(call, max(deadline - time.monotonic(), 0.1), seconds))
            for key, call in calls.items()
        )

    def clock_offsets(self, *, seconds: float, rounds: int = 5) -> Answers:
        """Seconds by which each node's clock is ahead of this one's, and half the round trip.

        Of several round trips the shortest is the most certain. Nodes must have been asked
        before, so that starting their processes isn't timed.
        """
        deadline = time.monotonic() + seconds
        answers = Answers()
        for key, actor in self._actors.items():
            best: Any = NoAnswer(f"no answer within {seconds:g} s")
            for _ in range(rounds):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                before = time.time()
                now = _answer(actor.call.remote(time.time, []), left, seconds)
                half = (time.time() - before) / 2
                if isinstance(now, NoAnswer):
                    best = now
                    break
                if isinstance(best, NoAnswer) or half < best[1]:
                    best = (now - before - half, half)
            answers[key] = best
        return answers


class _Caller:
    """Runs on a node."""

    def call(self, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        return function(*arguments)


def _answer(call: Any, left: float, seconds: float) -> Any:
    """The result of a call, or why there is none."""
    import ray
    from ray.exceptions import GetTimeoutError, RayError, RayTaskError

    try:
        return ray.get(call, timeout=left)
    except GetTimeoutError:
        return NoAnswer(f"no answer within {seconds:g} s")
    except RayTaskError as error:
        cause = error.cause or error
        return NoAnswer(f"{type(cause).__name__}: {_last_line(cause)}")
    except RayError as error:
        return NoAnswer(f"{type(error).__name__}: {first_line(error)[:200]}")


def _last_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[-1][:200]
