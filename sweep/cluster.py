"""The Ray cluster: reaching it, checking that it is large enough, running a sweep on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sweep.capacity import (
    Capacity,
    Node,
    check_capacity,
    local_capacity,
    num_at_once,
    with_autoscaler,
)
from sweep.config import SweepConfig
from sweep.connection import check_answers, join, no_token, show_token
from sweep.errors import ClusterLost, UserError, first_line
from sweep.lifeline import Lifeline
from sweep.own_ray import OwnRay
from sweep.paths import Storage, storage_id

if TYPE_CHECKING:  # so that Ray can start before torch and more of its size is imported
    from sweep.observer import Observer
    from sweep.space import Trial
    from sweep.training.supply import Supply
    from sweep.work import Failure, Work

AUTOSCALER_SECONDS = 60.0


@dataclass
class RayCluster:
    """Ray Tune around training, measuring actors beside it.

    address: of a running cluster ("host:port", "auto"); None starts one on this machine
        that ends with this process.
    end: ends this process in order if the cluster is lost and Ray hangs; without, Ray ends it
        after a minute.
    """

    address: str | None = None
    end: Callable[[ClusterLost], None] | None = None
    _lifeline: Lifeline | None = field(default=None, init=False)
    _own: OwnRay | None = field(default=None, init=False)

    def begin(self, config: SweepConfig, storage: Storage) -> None:
        """Start Ray on this machine beside what comes before training, for a sweep that is new.

        One that was run before may have nothing left to do. Raises UserError if this machine
        can't hold a trial or an actor.
        """
        if self.address is not None or storage.sweep(config.name).plan.exists():
            return
        check_capacity(config, local_capacity())
        self._start(config)

    def check(self, config: SweepConfig) -> None:
        """Raise UserError if nothing answers, or if no node can hold one trial or actor.

        Where the nodes that are up can't, those that an autoscaler may add are asked for.
        """
        now = self.capacity()
        try:
            check_capacity(config, now)
        except UserError:
            if self.address is None:
                raise
            check_capacity(config, with_autoscaler(now, _autoscaler()))

    def check_storage(self, storage: Storage) -> None:
        """Raise UserError unless all nodes agree in versions and see this storage."""
        if self.address is None:
            return
        self._connect()
        from sweep.nodes import ray_nodes
        from sweep.preflight import check_nodes

        nodes = [node for node in ray_nodes() if node.alive]
        if len(nodes) > 1:
            check_nodes(nodes, storage)

    def capacity(self) -> Capacity:
        """What the cluster has; without an address known before the seconds that Ray takes."""
        if self.address is None:
            return local_capacity()
        self._connect()
        return _cluster_capacity(self.address)

    def execute(
        self,
        work: Work,
        train: Supply | Sequence[Trial],
        measure: Sequence[Trial],
        observer: Observer,
    ) -> None:
        lifeline = self._connect(work.config)
        if self.address is not None:
            work = replace(work, mark=storage_id(work.storage))
        with lifeline.holding():
            self._execute(work, train, measure, observer, lifeline)

    def _execute(
        self,
        work: Work,
        train: Supply | Sequence[Trial],
        measure: Sequence[Trial],
        observer: Observer,
        lifeline: Lifeline,
    ) -> None:
        from sweep.measuring.actors import MeasuringPool
        from sweep.training.supply import Supply
        from sweep.training.tune import tune_trials

        pool = MeasuringPool(work, observer, lifeline.check)
        try:
            forward = _Forward(observer, pool, lifeline.check, measure)
            if self._own is None or not train:
                forward.measure_waiting()
            if train:
                supply = Supply.of(train)
                supply.measure = pool.submit
                most = self._most_at_once(work.config)
                tune_trials(work, supply, forward, most, inherited=self._own is not None)
            forward.measure_waiting()
            pool.drain()
        finally:
            pool.stop(wait=not lifeline.lost)

    def _most_at_once(self, config: SweepConfig) -> int | None:
        """How many trials are trained at a time; None: as many as find room.

        A search that suggests trials before they find room would not have learnt from others.
        """
        search = config.search
        if search.max_concurrent is not None or not search.adaptive:
            return search.max_concurrent
        now = self.capacity()
        return num_at_once(
            config, now if self.address is None else with_autoscaler(now, _autoscaler())
        )

    def close(self) -> None:
        lost = self._lifeline is not None and self._lifeline.lost
        if self._lifeline is not None and not lost:
            self._lifeline.close()
        if not lost:  # else Ray would wait for what is gone
            if self._own is not None:
                self._own.close()
            elif self._lifeline is not None:
                import ray

                ray.shutdown()
        self._lifeline = self._own = None

    def _start(self, config: SweepConfig | None) -> OwnRay:
        """Ray on this machine, which may not be up yet."""
        if self._own is None:
            capacity = local_capacity()
            # In workers that never train the imports would be time and memory for nothing.
            full = config is not None and num_at_once(config, capacity) >= capacity.cpus
            self._own = OwnRay(capacity.nodes[0], preload=full)
        return self._own

    def _connect(self, config: SweepConfig | None = None) -> Lifeline:
        if self._lifeline is not None:
            return self._lifeline
        if self.address is not None:
            check_answers(self.address)
            show_token(self.address)
        import ray

        try:
            if self.address is None:
                self._start(config).wait()
            else:
                join(self.address)
        except ray.exceptions.AuthenticationError as error:
            raise no_token(self.address) from error
        except Exception as error:  # as plain as Ray raises it when a part of it died, or is slow
            says = first_line(error)
            if self.address is None:
                raise ClusterLost(
                    f"Ray could not be started on this machine ({says}); what is sealed is "
                    "kept: the same command goes on from there"
                ) from error
            if not isinstance(error, (ConnectionError, RuntimeError, ValueError)):
                raise
            raise UserError(
                f"no Ray cluster at {self.address} ({says}): "
                "start one with `ray start --head`, or leave --address out"
            ) from error
        self._lifeline = self._hold()
        return self._lifeline

    def _hold(self) -> Lifeline:
        import ray

        context = ray.get_runtime_context()
        here = next(node for node in ray.nodes() if node["NodeID"] == context.get_node_id())
        return Lifeline(
            context.gcs_address,
            here["RayletSocketName"],
            "the Ray cluster " + (f"at {self.address}" if self.address else "on this machine"),
            here=self.address is None,
            end=self.end,
        )


def _cluster_capacity(address: str) -> Capacity:
    from sweep.nodes import ray_nodes

    nodes = [node for node in ray_nodes() if node.alive]
    now = "1 node" if len(nodes) == 1 else f"{len(nodes)} nodes"
    return Capacity(
        tuple(Node(node.cpus, node.gpus, node.memory) for node in nodes),
        f"the cluster at {address} with {now} now",
    )


def _autoscaler() -> dict[str, Any] | None:
    """The configuration of the cluster's autoscaler, which its head knows, or None."""
    from sweep.autoscaler import autoscaling_config
    from sweep.nodes import NodeCalls, ray_nodes

    head = [node for node in ray_nodes() if node.alive and node.head]
    with NodeCalls(head) as calls:
        answers = calls.ask(autoscaling_config, seconds=AUTOSCALER_SECONDS).given()
    return next(iter(answers.values()), None)


class _Forward:
    """Passes all events on, and each trained trial to the measuring actors.

    waiting: trials to measure once another is being trained: on one machine the start of an
        actor would slow down the start of training.
    """

    def __init__(
        self,
        observer: Observer,
        pool: Any,
        check: Callable[[], None],
        waiting: Sequence[Trial] = (),
    ) -> None:
        self._observer = observer
        self._pool = pool
        self._check = check
        self._waiting = list(waiting)
        self.epoch = observer.epoch
        self.measured = observer.measured

    def measure_waiting(self) -> None:
        """Measure what waits, wherever training stands."""
        waiting, self._waiting = self._waiting, []
        for trial in waiting:
            self._pool.submit(trial)

    def started(self, trial: Trial) -> None:
        self._observer.started(trial)
        self.measure_waiting()

    def failed(self, trial: Trial, failure: Failure) -> None:
        self._check()
        self._observer.failed(trial, failure)

    def trained(self, trial: Trial) -> None:
        self._observer.trained(trial)
        self._pool.submit(trial)
