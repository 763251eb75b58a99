"""The profile of a ResNet-50 against the bare forward pass and the original procedure.

    python benchmarks/profile_resnet50.py

An untrained network, 500 drawn photographs, the paper's eight checkpoints, the default
analyses. Two threads each, each in a process of its own, one run.
"""

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from images import write_photos
from neighbors import anonymous_bytes, peak_memory
from scipy.spatial.distance import pdist, squareform

from sweep.data.partitions import prepare_data
from sweep.models.catalog import build_network
from sweep.models.survey import named_model
from sweep.paths import claim_storage, open_storage
from sweep.profiling import profile_config, profile_network
from sweep.progress import SilentProgress

NUM_IMAGES = 500
BATCH = 32
TUNED_BATCH = 8  # with channels last the fastest for plain torch too, and what a profile takes
THREADS = 2
# Of Ansuini et al.: input, max-pool, the four stages, average pool, classifier.
CHECKPOINTS = ("maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc")


@torch.no_grad()
def bare_forward(network, pixels, batch_size=BATCH):
    """Seconds of the forward pass of all images in plain torch."""
    network(pixels[:batch_size])
    began = time.perf_counter()
    for batch in pixels.split(batch_size):
        network(batch)
    return time.perf_counter() - began


def twonn_linear(distances):
    """TwoNN as in the original code: a line through the first 90% of sorted ratios."""
    nearest = np.sort(distances, axis=1)
    keep = (nearest[:, 1] > 0) & (nearest[:, 1] != nearest[:, 2])
    ratios = np.sort(nearest[keep, 2] / nearest[keep, 1])
    part = int(0.9 * len(ratios))
    x = np.log(ratios[:part])
    y = -np.log(1 - np.arange(1, part + 1) / len(ratios))
    return float((x @ y) / (x @ x))


@torch.no_grad()
def original_layer(network, name, pixels):
    """The original procedure for one layer: dimension, seconds of the pass and of the rest.

    A full forward pass with a hook, activations in float64, all pairwise distances, sorted.
    """
    kept = []
    began = time.perf_counter()
    if name == "input":
        kept.append(pixels.flatten(1).numpy().astype(np.float64))
    else:
        module = dict(network.named_modules())[name]
        hook = module.register_forward_hook(
            lambda _, __, output: kept.append(output.flatten(1).numpy().astype(np.float64))
        )
        for batch in pixels.split(BATCH):
            network(batch)
        hook.remove()
    points = np.concatenate(kept)
    kept.clear()
    forward = time.perf_counter() - began
    began = time.perf_counter()
    dimension = twonn_linear(squareform(pdist(points)))
    return dimension, forward, time.perf_counter() - began


def original_procedure(network, pixels, num_images):
    """Seconds for all layers, measured on the first images and scaled to all of them.

    Scaled because 500 images of layer1 take 6.4 GB in float64, where it needs them thrice: the
    pass as the number of images, the distances as that of their pairs.
    """
    share = len(pixels) / num_images
    total = 0.0
    for name in ("input", *CHECKPOINTS):
        dimension, forward, rest = original_layer(network, name, pixels[:num_images])
        total += forward * share + rest * share**2
        print(
            f"  original, {name}, {num_images} images: pass {forward:.2f} s, distances and fit "
            f"{rest:.2f} s, TwoNN {dimension:.1f}",
            flush=True,
        )
    return total


def our_profile(photos, folder, num_images, queue):
    """Seconds, own memory at the peak and IDs of the profile, weights drawn and sealed included."""
    config = profile_config(named_model("torchvision/resnet50"), settings(photos, num_images))
    storage = open_storage(folder, create=True)
    base = anonymous_bytes()
    found, memory = peak_memory(lambda: profile_network(config, storage, SilentProgress()))
    ids = {row.layer: row.value for row in found.rows if row.quantity == "id/twonn_linear"}
    queue.put((found.seconds["measure"], base + memory, ids))


def baselines(folder, photos, num_images, num_original, queue):
    """Seconds of the bare forward pass of the same images, plain and tuned, and of the original."""
    torch.set_num_threads(THREADS)
    config = profile_config(named_model("torchvision/resnet50"), settings(photos, num_images))
    data = prepare_data(config.data, open_storage(folder, create=True))
    network = build_network(config.model, data, seed=0).eval()
    split = data.split("train")
    stored = split.stored(np.arange(min(num_images, len(split))))
    with torch.no_grad():
        pixels = network.input(network.preprocessing.pixels(stored))
    bare = bare_forward(network.network, pixels)
    tuned = bare_forward(
        network.network.to(memory_format=torch.channels_last),
        pixels.contiguous(memory_format=torch.channels_last),
        TUNED_BATCH,
    )
    network.network.to(memory_format=torch.contiguous_format)
    original = 0.0
    if num_original:
        original = original_procedure(network.network, pixels, num_original)
    queue.put((bare, tuned, original))


def settings(photos, num_images):
    return [
        "data.name=image_folder",
        f"data.path={photos}",
        f"measure.num_samples={num_images}",
        f"measure.threads={THREADS}",
    ]


def in_process(function, *arguments):
    """What a function puts into its queue, run in a process of its own."""
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    process = context.Process(target=function, args=(*arguments, queue))
    process.start()
    found = queue.get()
    process.join()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-images", type=int, default=NUM_IMAGES)
    parser.add_argument("--original-images", type=int, default=100, help="then scaled; 0: not run")
    options = parser.parse_args()
    count = options.num_images
    with tempfile.TemporaryDirectory() as place:
        photos, folder = Path(place) / "photos", Path(place) / "storage"
        write_photos(photos, count)
        storage = open_storage(folder, create=True)
        claim_storage(storage)
        config = profile_config(named_model("torchvision/resnet50"), settings(photos, count))
        prepare_data(config.data, storage)
        before, tuned, original = in_process(
            baselines, folder, photos, count, options.original_images
        )
        print(
            f"bare forward pass of {count}: {before:.1f} s, {1000 * before / count:.0f} ms an image"
        )
        ours, memory, ids = in_process(our_profile, photos, folder, count)
        print(f"profile, decoding included: {ours:.1f} s, {1000 * ours / count:.0f} ms an image, ")
        print(f"  own memory at the peak {memory / 1e9:.2f} GB")
        print("  TwoNN " + ", ".join(f"{name} {value:.1f}" for name, value in ids.items()))
        after, tuned_after, _ = in_process(baselines, folder, photos, count, 0)
        print(f"bare forward pass again: {after:.1f} s")
    bare = (before + after) / 2
    tuned = (tuned + tuned_after) / 2
    print(f"profile / bare forward pass: {ours / bare:.2f}")
    print(
        f"the same with channels last and batches of {TUNED_BATCH}: {tuned:.1f} s; "
        f"profile / that: {ours / tuned:.2f}"
    )
    if original:
        print(
            f"original procedure, scaled from {options.original_images} images: {original:.1f} s; "
            f"profile / original: 1/{original / ours:.1f}"
        )


if __name__ == "__main__":
    main()
