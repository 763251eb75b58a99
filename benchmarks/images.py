"""Photographs of a sort, drawn: JPEG files of many sizes in class folders."""

import numpy as np
from PIL import Image

NUM_WAVES = 6


def write_photos(folder, num_images, num_classes=4, seed=0, sides=(256, 400)):
    """Sums of a few colored waves, another range of frequencies for each class."""
    rng = np.random.default_rng(seed)
    for number in range(num_images):
        label = number % num_classes
        height, width = rng.integers(*sides, 2)
        y, x = np.mgrid[0:height, 0:width] / 200
        picture = np.zeros((height, width, 3))
        for _ in range(NUM_WAVES):
            across, down = rng.uniform(1, 9, 2) * (1 + label / 2)
            wave = np.sin(across * x + down * y + rng.uniform(0, 6))
            picture += wave[..., None] * rng.normal(size=3)
        picture += 0.3 * rng.normal(size=picture.shape)
        pixels = (255 / (1 + np.exp(-picture))).astype(np.uint8)
        place = folder / f"class{label}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number:06d}.jpg", quality=90)
