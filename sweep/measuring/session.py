"""One checkpoint being measured in one process: every unit of work, without Ray.

What units hand to each other lies sealed on disk, so any process can do the next one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch

from estimators import Neighbors
from estimators.points import Points
from sweep.config import SweepConfig
from sweep.data.partitions import ImageData
from sweep.errors import TrialFailure
from sweep.measurement import Measurement, read_rows
from sweep.measuring import make_analyses
from sweep.measuring.activations import Keep, record_activations
from sweep.measuring.analysis import Analysis
from sweep.measuring.checkpoint import MIX, Checkpoint, LayerView, NetworkView
from sweep.measuring.classes import mean_over_classes, name_probe
from sweep.measuring.cost import survey_layers
from sweep.measuring.counting import (
    CountingAnalysis,
    Counts,
    Findings,
    count_all,
    read_counts,
    seal_counts,
    spans_of,
)
from sweep.measuring.plan import Plan, make_plan
from sweep.measuring.sealed import ROWS, measured_folder, sampling_key, seal_rows
from sweep.measuring.store import ArrowStore, MemoryStore, write_part
from sweep.measuring.tiles import merge_tiles, search_tile
from sweep.measuring.units import Unit, phases_of, span_pairs
from sweep.models.catalog import ImageNetwork
from sweep.models.layers import Layer
from sweep.models.layout import lay_out
from sweep.paths import ActivationPaths, ScratchPaths, TrialPaths
from sweep.sealing import content_key, is_sealed, seal
from sweep.space import Trial
from sweep.training.checkpoints import (
    begin_network,
    changed_origin,
    is_trained,
    load_checkpoint,
    write_checkpoint,
)
from sweep.watchdog import progress

PLAN = "plan.json"
# No usual length in a network, so that the axis of the images can be told.
FIRST_IMAGES = 5


class Session:
    """The state of one checkpoint's measuring; costly parts are made when first needed.

    num_actors: how many processes there are to share the work.
    """

    def __init__(
        self,
        config: SweepConfig,
        trial: Trial,
        data: ImageData,
        paths: TrialPaths,
        num_actors: int = 1,
    ) -> None:
        self.trial = trial
        self._config = config
        self._data = data
        self._paths = paths
        self._num_actors = num_actors
        self._checkpoint = Checkpoint(trial, data, config.measure)
        self._merged: dict[str, list[Counts]] = {}
        self._missing = [a for a in make_analyses(config.analyses) if not self._is_sealed(a)]

    def start(self) -> list[list[Unit]]:
        """Plan; measure all at once if that fits in memory, else give the units in phases.

        Raises TrialFailure if the network can't be measured.
        """
        problem = changed_origin(self.trial, self._paths)
        if problem:
            raise TrialFailure(problem)
        if not self._missing:
            return []
        if self._plan.in_memory:
            self._measure_in_memory()
            return []
        counted = [[len(self._spans(a))] * a.num_passes for a in self._counting]
        return phases_of(self.trial, self._plan, self._num_neighbors, counted)

    def run(self, unit: Unit) -> None:
        """Do one unit, unless it is sealed already."""
        match unit.kind:
            case "network":
                if not is_sealed(self._scratch.network):
                    seal_rows(self._scratch.network, self._network_rows())
            case "count":
                self._count(*unit.place)
            case "record":
                self._record(*unit.place)
            case "tile":
                self._search_tile(*unit.place)
            case "layer":
                self._measure_layer(*unit.place)
            case "release":
                if not self._config.measure.keep_activations:
                    shutil.rmtree(self._activations.of_pass(*unit.place), ignore_errors=True)
            case "finish":
                self._finish()

    def discard(self) -> None:
        """Delete what lies on disk of a checkpoint that can't be measured."""
        shutil.rmtree(self._activations.folder, ignore_errors=True)
        shutil.rmtree(self._scratch.folder, ignore_errors=True)

    # -- what is known of the checkpoint

    @cached_property
    def _network(self) -> ImageNetwork:
        trial, data, paths = self.trial, self._data, self._paths
        if trial.epoch or is_trained(trial, paths):
            network = load_checkpoint(trial, data, paths)
        else:
            network = begin_network(trial, data)
            write_checkpoint(trial, data, paths, network, [])
        if self._config.measure.device == "cpu":
            lay_out(network, self._first_images(network))
        return network.eval()

    def _first_images(self, network: ImageNetwork) -> torch.Tensor:
        split = self._data.split(self._config.measure.split)
        return network.preprocessing.pixels_of(split, self._checkpoint.sample_rows[:FIRST_IMAGES])

    @cached_property
    def _plan(self) -> Plan:
        """As the first process made it: parts and passes must be those that are sealed."""
        folder = self._activations.plan
        if is_sealed(folder):
            try:
                return Plan.from_json(json.loads((folder / PLAN).read_text()))
            except KeyError:  # an older version knew less of each layer, and cut all else alike
                shutil.rmtree(folder)
        config = self._config.measure
        network = self._network
        layers, cost = survey_layers(
            network, self._first_images(network), config, count_them=self._num_actors > 1
        )
        mix, count = len(self._checkpoint.probes[MIX]), len(self._checkpoint.sample_rows)
        counted = sum(a.num_passes * a.num_images(self._checkpoint) for a in self._counting)
        plan = make_plan(layers, count, mix, cost, config, self._num_actors, counted)
        if not plan.in_memory:
            with seal(folder, durable=False) as temporary:
                (temporary / PLAN).write_text(json.dumps(plan.to_json()) + "\n")
        return plan

    @property
    def _num_neighbors(self) -> int:
        return max((analysis.num_neighbors for analysis in self._missing), default=0)

    @property
    def _layered(self) -> list[Analysis]:
        """What measures layers: first what reads no neighbors, then what reads most of them.

        Where points are few and wide, neighbors are then found from the spectrum's matrix;
        and short tables are read off the longest.
        """
        layered = [
            analysis
            for analysis in self._missing
            if analysis.layer_quantities and not isinstance(analysis, CountingAnalysis)
        ]
        return sorted(layered, key=lambda a: (a.num_neighbors > 0, -a.num_neighbors))

    @property
    def _counting(self) -> list[CountingAnalysis]:
        """What goes through the images by itself."""
        return [analysis for analysis in self._missing if isinstance(analysis, CountingAnalysis)]

    def _spans(self, analysis: CountingAnalysis) -> list[tuple[int, int]]:
        return spans_of(analysis.num_images(self._checkpoint), self._plan.counted_part)

    @cached_property
    def _activations(self) -> ActivationPaths:
        return self._paths.activations(self.trial.epoch, sampling_key(self._config))

    @cached_property
    def _scratch(self) -> ScratchPaths:
        settings = [dict(a.settings) for a in make_analyses(self._config.analyses)]
        return self._paths.scratch(
            self.trial.epoch, content_key([sampling_key(self._config), settings], length=8)
        )

    @cached_property
    def _view(self) -> NetworkView:
        plan = self._plan
        sizes = plan.batch_size, plan.full_batch
        return NetworkView(self._checkpoint, self._network, plan.layers, *sizes)

    def _layer(self, index: int) -> Layer:
        return self._plan.layers[index]

    def _is_sealed(self, analysis: Analysis) -> bool:
        return is_sealed(measured_folder(self._config, self.trial, self._paths, analysis))

    # -- units

    def _measure_in_memory(self) -> None:
        plan = self._plan
        rows = self._network_rows()
        if self._layered:
            store = MemoryStore(plan.layers, plan.num_images)
            self._pass_through(plan.layers, (0, plan.num_images), store.write)
            for layer in plan.layers:
                rows += self._layer_rows(layer, store.points(layer))
            del store
        self._seal_analyses(rows, [count_all(each, self._view) for each in self._counting])

    def _network_rows(self) -> list[Measurement]:
        asked = [analysis for analysis in self._missing if analysis.network_quantities]
        return [row for analysis in asked for row in analysis.measure_network(self._view)]

    def _count(self, place: int, number: int, part: int) -> None:
        analysis = self._counting[place]
        folder = self._scratch.count(analysis.name, number, part)
        if is_sealed(folder):
            return
        before = self._counts(analysis, number)
        span = self._spans(analysis)[part]
        seal_counts(folder, analysis.count(self._view, number, span, before))

    def _counts(self, analysis: CountingAnalysis, num_passes: int) -> list[Counts]:
        """Counts of all images, of the first passes."""
        merged = self._merged.setdefault(analysis.name, [])
        for number in range(len(merged), num_passes):
            parts = range(len(self._spans(analysis)))
            folders = [self._scratch.count(analysis.name, number, part) for part in parts]
            merged.append(analysis.merge(number, [read_counts(folder) for folder in folders]))
        return merged[:num_passes]

    def _record(self, pass_number: int, part: int) -> None:
        folder = self._activations.part(pass_number, part)
        # Kept activations, or all rows of the pass from before a restart, need no new pass.
        indices = self._plan.passes[pass_number]
        if is_sealed(folder) or all(is_sealed(self._scratch.layer(index)) for index in indices):
            return
        if not self._layered:
            return
        layers = [self._layer(index) for index in indices]
        with write_part(folder, layers) as write:
            self._pass_through(
                layers, self._plan.parts[part], lambda layer, _, rows: write(layer, rows)
            )

    def _pass_through(self, layers: Sequence[Layer], span: tuple[int, int], keep: Keep) -> None:
        config = self._config.measure
        record_activations(
            self._network,
            layers,
            self._data.split(config.split),
            self._checkpoint.sample_rows[slice(*span)],
            self._plan.batch_size,
            keep,
            device=config.device,
            dtype=config.dtype,
        )

    def _stored(self, pass_number: int, layer: Layer) -> Points:
        parts = range(len(self._plan.parts))
        folders = [self._activations.part(pass_number, part) for part in parts]
        return ArrowStore(folders).points(layer)

    def _search_tile(self, pass_number: int, index: int, rows: int, columns: int) -> None:
        folder = self._scratch.tile(index, rows, columns)
        if is_sealed(folder) or is_sealed(self._scratch.layer(index)):
            return
        points = self._probe_points(MIX, self._stored(pass_number, self._layer(index)))
        spans = self._plan.spans
        search_tile(folder, points, self._num_neighbors, spans[rows], spans[columns])

    def _measure_layer(self, pass_number: int, index: int) -> None:
        folder = self._scratch.layer(index)
        if is_sealed(folder) or not self._layered:
            return
        layer = self._layer(index)
        points = self._stored(pass_number, layer)
        tiles = [
            self._scratch.tile(index, *pair)
            for pair in span_pairs(self._plan)
            if self._num_neighbors
        ]
        table = None
        if tiles:
            table = merge_tiles(tiles, self._probe_points(MIX, points))
        seal_rows(folder, self._layer_rows(layer, points, table))

    def _layer_rows(
        self, layer: Layer, points: Points, table: Neighbors | None = None
    ) -> list[Measurement]:
        """What all analyses say of a layer, on the mix and on each class."""
        rows: list[Measurement] = []
        for probe in self._checkpoint.probes:
            view = LayerView(
                checkpoint=self._checkpoint,
                layer=layer,
                points=self._probe_points(probe, points),
                sampling=self._checkpoint.sampling[probe],
                table=None if probe else table,
                device=self._config.measure.device,
            )
            for analysis in self._layered:
                progress()
                rows += name_probe(analysis.measure_layer(view), probe)
            view.require_finite()  # last: what the analyses read isn't read again
        return rows

    def _probe_points(self, probe: str, points: Points) -> Points:
        """The points of a probe set among those of all samples."""
        rows = self._checkpoint.probes[probe]
        if len(rows) == points.num_points:
            return points
        return points.take(np.searchsorted(self._checkpoint.sample_rows, rows))

    def _finish(self) -> None:
        rows = read_rows(self._scratch.network / ROWS)
        if self._layered:
            for layer in self._plan.layers:
                rows += read_rows(self._scratch.layer(layer.index) / ROWS)
        counted = [
            analysis.conclude(self._view, self._counts(analysis, analysis.num_passes))
            for analysis in self._counting
        ]
        self._seal_analyses(rows, counted)
        shutil.rmtree(self._scratch.folder, ignore_errors=True)
        if not self._config.measure.keep_activations:
            shutil.rmtree(self._activations.folder, ignore_errors=True)

    def _seal_analyses(self, rows: Sequence[Measurement], counted: Sequence[Findings]) -> None:
        classes = [probe for probe in self._checkpoint.probes if probe]
        rows = [*rows, *(row for findings in counted for row in findings.rows)]
        names = [analysis.name for analysis in self._counting]
        tables = {name: each.tables for name, each in zip(names, counted, strict=True)}
        for analysis in self._missing:
            own = analysis.finish([row for row in rows if row.analysis == analysis.name])
            own += mean_over_classes(own, classes)
            folder = measured_folder(self._config, self.trial, self._paths, analysis)
            facts = {"trial": self.trial.key, "analysis": analysis.name, "num_rows": len(own)}
            seal_rows(folder, own, tables.get(analysis.name, {}), durable=True, **facts)
