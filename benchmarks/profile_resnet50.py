"""The profile of a ResNet-50 against the bare forward pass and the original procedure.

    python benchmarks/profile_resnet50.py

An untrained network, 500 images of 224 x 224, the paper's eight checkpoints. Two threads.
"""

import argparse
import time

import numpy as np
import torch
from scipy.spatial.distance import pdist, squareform

NUM_IMAGES = 500
BATCH = 32
THREADS = 2
# Of Ansuini et al.: input, max-pool, the four stages, average pool, classifier.
CHECKPOINTS = ("maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc")


def resnet50():
    from torchvision.models import resnet50 as build

    torch.manual_seed(0)
    return build(weights=None).eval()


def images(num_images, seed=0):
    """(N, 3, 224, 224) float32: smooth colored patterns with noise, normalized."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(num_images, 3, 14, 14, generator=generator)
    found = torch.nn.functional.interpolate(coarse, size=224, mode="bilinear")
    return found.add_(torch.randn(found.shape, generator=generator), alpha=0.2)


@torch.no_grad()
def bare_forward(network, pixels):
    """Seconds of the forward pass of all images in plain torch."""
    network(pixels[:BATCH])
    began = time.perf_counter()
    for batch in pixels.split(BATCH):
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-images", type=int, default=NUM_IMAGES)
    parser.add_argument("--original-images", type=int, default=100, help="then scaled")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    network, pixels = resnet50(), images(options.num_images)
    bare = bare_forward(network, pixels)
    per_image = 1000 * bare / options.num_images
    print(f"bare forward pass of {options.num_images}: {bare:.1f} s, {per_image:.0f} ms an image")
    original = original_procedure(network, pixels, options.original_images)
    print(
        f"original procedure, scaled from {options.original_images} to {options.num_images} "
        f"images: {original:.1f} s, {original / bare:.1f} bare forward passes"
    )


if __name__ == "__main__":
    main()
