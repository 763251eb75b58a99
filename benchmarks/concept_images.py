"""Seconds to draw images of each size, and their masks, on one core.

Prints wall and processor seconds for 1,000 images of 64 x 64 (at most 10 s on one core is
asked for), and milliseconds an image for other sizes, drawn and with masks; the best of
three runs.

    OMP_NUM_THREADS=1 python benchmarks/concept_images.py
"""

import platform
import time
from importlib.metadata import version

import numpy as np

from sweep.data.concepts import concept_masks, draw_images

RUNS = 3


def seconds(work):
    """Wall and processor time of the run that took the processor least."""
    found = []
    for _ in range(RUNS):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        found.append((time.process_time() - processor, time.perf_counter() - wall))
    processor, wall = min(found)
    return wall, processor


def main():
    print(f"{platform.machine()}; Python {platform.python_version()}, numpy {version('numpy')}")
    draw_images(0, np.arange(5), 32)
    wall, processor = seconds(lambda: draw_images(0, np.arange(1000), 64))
    print(f"1,000 images of 64 x 64: {wall:.2f} s, of the processor {processor:.2f} s")
    print("milliseconds of the processor an image")
    print("side  drawn  with masks")
    concept_masks(np.arange(1), 32)  # the table of color names
    for size in (32, 64, 128, 224):
        ids = np.arange(200)
        drawn = seconds(lambda size=size, ids=ids: draw_images(0, ids, size))[1]
        masks = seconds(lambda size=size, ids=ids: concept_masks(ids, size))[1]
        print(f"{size:4}  {5 * drawn:5.2f}  {5 * masks:10.2f}")


if __name__ == "__main__":
    main()
