"""Neighbors and spectrum of few points of very many units, memory-mapped: a ResNet-50's layers.

    OMP_NUM_THREADS=1 python benchmarks/wide_layers.py                       # 500 images
    OMP_NUM_THREADS=1 python benchmarks/wide_layers.py --num-points 2000 --units 802816
    OMP_NUM_THREADS=1 python benchmarks/wide_layers.py --tiles

Points are Arrow IPC partitions of some rows, ReLU of a 20-dimensional Gaussian mapped to the
units, with noise. One thread; seconds of wall clock and, on a busy machine the better figure, of
the processor.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from activations import synthetic
from neighbors import peak_memory

from estimators import Points, covariance_spectrum, nearest_neighbors, neighbors_between

# Input, maxpool, layer1 to layer4, avgpool, fc of a ResNet-50 at 224 x 224.
UNITS = (150_528, 200_704, 802_816, 401_408, 200_704, 100_352, 2048, 1000)
ROWS = 64


class Partitions(Sequence):
    """Arrow partitions of a folder, each mapped whenever it is asked for."""

    def __init__(self, folder):
        self.paths = sorted(Path(folder).glob("*.arrow"))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, number):
        with pa.memory_map(str(self.paths[number])) as source:
            column = pa.ipc.open_file(source).get_batch(0).column(0)
        return column.values.to_numpy().reshape(len(column), -1)


def write_partitions(folder, num_points, num_units):
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((20, num_units), dtype=np.float32)
    for start in range(0, num_points, ROWS):
        height = min(ROWS, num_points - start)
        rows = rng.standard_normal((height, 20), dtype=np.float32) @ weights
        rows += 0.3 * rng.standard_normal(rows.shape, dtype=np.float32)
        values = pa.array(np.maximum(rows, 0, out=rows).ravel())
        batch = pa.record_batch(
            [pa.FixedSizeListArray.from_arrays(values, num_units)], names=["activation"]
        )
        with pa.ipc.new_file(str(Path(folder) / f"{start:06d}.arrow"), batch.schema) as writer:
            writer.write(batch)


def timed(function):
    wall, processor = time.perf_counter(), time.process_time()
    value = function()
    return value, time.perf_counter() - wall, time.process_time() - processor


def product_seconds(num_points, num_units):
    """Processor seconds of one bare float32 product of this shape, from a part of the units."""
    width = min(num_units, 8192)
    part = torch.rand(num_points, width)
    return min(timed(lambda: part @ part.T)[2] for _ in range(3)) * num_units / width


def measure_layer(num_points, num_units, folder):
    write_partitions(folder, num_points, num_units)
    points = Points(Partitions(folder))

    def everything():
        spectrum = timed(lambda: covariance_spectrum(points, uncentered=True))[1:]
        return spectrum, timed(lambda: nearest_neighbors(points, 2))

    for block in Partitions(folder):  # from disk once, as after writing activations
        block.max()
    (spectrum, (table, *neighbors)), memory = peak_memory(everything)
    bare = product_seconds(num_points, num_units)
    total = spectrum[1] + neighbors[1]
    print(
        f"{num_points} x {num_units}: spectrum {spectrum[0]:.2f} s ({spectrum[1]:.2f}), neighbors "
        f"{neighbors[0]:.2f} s ({neighbors[1]:.2f}) by {table.precision}, memory "
        f"{memory / 1e9:.2f} GB, bare float32 product ({bare:.2f}): {total / bare:.2f} of it",
        flush=True,
    )
    return total


def measure_tiles(num_points, num_units):
    """The sum of tiles against one search, processor seconds of one thread."""
    points = Points(synthetic(num_points, num_units).split(512))
    nearest_neighbors(points, 2)
    whole, _, seconds = timed(lambda: nearest_neighbors(points, 2))
    print(f"tiles of {num_points} x {num_units}, k=2: one search {seconds:.2f} s")
    for number in (2, 3, 4):
        bounds = [num_points * span // number for span in range(number + 1)]
        spans = itertools.combinations_with_replacement(itertools.pairwise(bounds), 2)
        tiles = [timed(lambda pair=pair: neighbors_between(points, 2, *pair)) for pair in spans]
        rest = [tile[0] for tile in tiles]

        def merged(rest=rest):
            found = rest[0]
            for tile in rest[1:]:
                found = found.merge(tile)
            return found.compute(points)

        table, _, merging = timed(merged)
        assert (table.distances == whole.distances).all()
        assert (table.indices == whole.indices).all()
        each = [tile[2] for tile in tiles]
        print(
            f"  {number} spans: tiles {sum(each):.2f} s, {sum(each) / seconds:.2f} of one search "
            f"(longest {max(each):.2f}), merging {merging:.3f} s",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-points", type=int, default=500)
    parser.add_argument("--units", type=int, nargs="*", default=UNITS)
    parser.add_argument("--tiles", action="store_true", help="30,000 x 1,024 in tiles instead")
    parser.add_argument("--folder", help="where the partitions may be, for a while")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.tiles:
        measure_tiles(30_000, 1024)
        return
    nearest_neighbors(synthetic(300, 2000), 2)  # libraries set up
    covariance_spectrum(synthetic(300, 2000))
    total = 0.0
    for num_units in options.units:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            total += measure_layer(options.num_points, num_units, folder)
    print(f"all layers: {total:.2f} s of one thread's processor time")


if __name__ == "__main__":
    main()
