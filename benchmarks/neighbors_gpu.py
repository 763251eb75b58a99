"""Exact neighbors on a GPU as a ratio to half a bare bfloat16 product; needs a GPU.

python benchmarks/neighbors_gpu.py
"""

import sys
import time

import torch
from activations import synthetic

from estimators import nearest_neighbors

SHAPES = [(50_000, 2048), (200_000, 512), (20_000, 1024)]


def best(function, repeats=3):
    function()
    times = []
    for _ in range(repeats):
        torch.cuda.synchronize()
        began = time.perf_counter()
        function()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return min(times)


def main():
    if not torch.cuda.is_available():
        sys.exit("no GPU here: nothing was measured")
    for num_points, num_units in SHAPES:
        points = synthetic(num_points, num_units, "cuda")
        low = points.to(torch.bfloat16)
        rows = low[: num_points // 2].split(8192)
        product = best(lambda r=rows, x=low: [part @ x.T for part in r])
        ours = best(lambda p=points: nearest_neighbors(p, 2))
        print(
            f"{torch.cuda.get_device_name()}: N={num_points} D={num_units} k=2: "
            f"{1000 * ours:.1f} ms, {ours / product:.1f} half products",
            flush=True,
        )


if __name__ == "__main__":
    main()
