"""Neighbors of one layer of 30,000 x 1,024, tile by tile on Ray actors of one core each.

One actor against two, the same tiles, merge included; beside it the search in one piece on one
thread. Tables must be equal to the bit.

    python benchmarks/tiles_on_actors.py
"""

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import ray
import torch
from activations import synthetic

from estimators import nearest_neighbors
from sweep.measuring.store import ArrowStore, write_part
from sweep.measuring.tiles import merge_tiles, search_tile
from sweep.models.layers import Layer

ROWS = 256
TURNS = 5


@ray.remote(num_cpus=1)
class Actor:
    def __init__(self, folders, layer):
        torch.set_num_threads(1)
        self.store, self.layer = ArrowStore(folders), layer
        self.points = self.store.points(layer)

    def search(self, folder, k, rows, columns):
        search_tile(folder, self.points, k, rows, columns)

    def merge(self, folders):
        began = time.perf_counter()
        table = merge_tiles(folders, self.points)
        return time.perf_counter() - began, table.indices, table.distances

    def whole(self, k):
        began = time.perf_counter()
        table = nearest_neighbors(self.points, k)
        return time.perf_counter() - began, table.indices, table.distances

    def warm_up(self):
        nearest_neighbors(self.points.take(np.arange(400)), 2)


def by_tiles(actors, place, spans, k):
    """Seconds of all tiles and their merge on these actors; the table."""
    pairs = [(i, j) for i in range(len(spans)) for j in range(i, len(spans))]
    pairs.sort(key=lambda pair: pair[0] == pair[1])
    folders = [place / f"tile-{i}-{j}" for i, j in pairs]
    began = time.perf_counter()
    idle, running = list(actors), {}
    for (i, j), folder in zip(pairs, folders, strict=True):
        if not idle:
            (done,), _ = ray.wait(list(running))
            idle.append(running.pop(done))
        actor = idle.pop()
        running[actor.search.remote(folder, k, spans[i], spans[j])] = actor
    ray.get(list(running))
    seconds, indices, distances = ray.get(actors[0].merge.remote(folders))
    return time.perf_counter() - began, seconds, indices, distances


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-points", type=int, default=30_000)
    parser.add_argument("--num-units", type=int, default=1024)
    parser.add_argument("--k", type=int, default=2)
    parser.add_argument("--spans", type=int, default=2, help="as many as actors")
    options = parser.parse_args()
    count, units = options.num_points, options.num_units
    layer = Layer(0, "layer", "layer", 1, "output", (units,), "flattened", 0.5, False)
    number = options.spans
    bounds = [count * part // number for part in range(number + 1)]
    spans = list(itertools.pairwise(bounds))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        points = synthetic(count, units)
        parts = []
        for start in range(0, count, 16 * ROWS):
            parts.append(place / f"part-{len(parts):04d}")
            with write_part(parts[-1], [layer]) as write:
                for batch in points[start : start + 16 * ROWS].split(ROWS):
                    write(layer, batch)
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        actors = [Actor.remote(parts, layer) for _ in range(2)]
        ray.get([actor.warm_up.remote() for actor in actors])
        runs, wholes = {}, []
        for turn in range(TURNS + 1):
            for team in (actors[:1], actors):
                home = place / f"{len(team)}-{turn}"
                home.mkdir()
                found = by_tiles(team, home, spans, options.k)
                if turn:  # the first warms up
                    runs.setdefault(len(team), []).append(found[0])
                print(f"{len(team)} actors: {found[0]:.2f} s, of it merging {found[1]:.2f} s")
            whole = ray.get(actors[0].whole.remote(options.k))
            wholes.append(whole[0])
            print(f"in one piece on one thread: {whole[0]:.2f} s; {len(spans)} spans")
        assert np.array_equal(whole[1], found[2])
        assert np.array_equal(whole[2], found[3])
        one, two, whole = map(statistics.median, (runs[1], runs[2], wholes))
        print(f"two actors: {one / two:.2f} times as fast as one, {whole / two:.2f} as one piece")
        ray.shutdown()


if __name__ == "__main__":
    main()
