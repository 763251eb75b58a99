"""Normalised kernels of known templates in noise of known strength, and of noise alone."""

import numpy as np


def normalized(kernels):
    centered = kernels - kernels.mean(axis=(1, 2), keepdims=True)
    return centered / np.linalg.norm(centered, axis=(1, 2), keepdims=True)


def templates(size=7):
    """(7, k, k): On and Off DoG, derivatives in four directions, a cross."""
    place = np.arange(size) - (size - 1) / 2
    y, x = np.meshgrid(place, place, indexing="ij")
    square = x**2 + y**2
    dog = np.exp(-square / 2) - np.exp(-square / 8) / 4
    slope = np.exp(-square / 2 / 1.2**2)
    cross = (np.minimum(abs(x), abs(y)) < 0.6) * 1.0
    return normalized(np.array([dog, -dog, x * slope, y * slope, -x * slope, -y * slope, cross]))


def white_noise(count, size=7, seed=0):
    return normalized(np.random.default_rng(seed).standard_normal((count, size, size)))


def planted(count, ratio, size=7, seed=0, found=None):
    """Kernels and their template's number; ratio: the noise's norm over the template's, 1."""
    found = templates(size) if found is None else found
    truth = np.random.default_rng(seed).integers(0, len(found), count)
    return normalized(found[truth] + ratio * white_noise(count, size, seed + 1000)), truth
