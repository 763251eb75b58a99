"""Real activations to measure on: a small convolutional network on augmented digits.

Layers behind a ReLU with 25,088, 4,096, 512 and 128 units, for as many images as asked; and a
synthetic layer of any width.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

WIDTHS = (25_088, 4096, 512, 128)
STEPS = 60
BATCH = 64


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        convolutions = []
        for inputs, outputs, pool in ((1, 32, 2), (32, 64, 2), (64, 512, 1)):
            convolutions += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            convolutions += [nn.MaxPool2d(pool)] if pool > 1 else []
        self.convolutions = nn.Sequential(*convolutions, nn.Flatten())
        self.hidden = nn.ModuleDict(
            {
                "4096": nn.Linear(25_088, 4096),
                "512": nn.Linear(4096, 512),
                "128": nn.Linear(512, 128),
            }
        )
        self.classifier = nn.Linear(128, 10)

    def forward(self, images, units=None):
        values = self.convolutions(images)
        for layer in self.hidden.values():
            if units == values.shape[1]:
                return values
            values = torch.relu(layer(values))
        return values if units == values.shape[1] else self.classifier(values)


def images(num_images, rng):
    """Digits at 28 x 28, each shifted, scaled in brightness and noised, with labels."""
    digits = load_digits()
    chosen = rng.integers(len(digits.images), size=num_images)
    small = torch.from_numpy(digits.images[chosen, None] / 16).float()
    large = nn.functional.interpolate(small, size=24, mode="bilinear")
    canvas = torch.zeros(num_images, 1, 28, 28)
    for place, (down, right) in enumerate(rng.integers(0, 5, size=(num_images, 2))):
        canvas[place, :, down : down + 24, right : right + 24] = large[place]
    canvas *= torch.from_numpy(rng.uniform(0.5, 1, size=(num_images, 1, 1, 1))).float()
    canvas += 0.1 * torch.from_numpy(rng.standard_normal(canvas.shape, dtype=np.float32))
    return canvas, torch.from_numpy(digits.target[chosen])


def trained_network(seed=0):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(STEPS):
        batch, labels = images(BATCH, rng)
        loss = nn.functional.cross_entropy(network(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


@torch.inference_mode()
def activations(network, num_images, units, seed=1):
    """(N, units) float32 tensor."""
    rng = np.random.default_rng(seed)
    found = torch.empty(num_images, units)
    for start in range(0, num_images, 500):
        stop = min(start + 500, num_images)
        found[start:stop] = network(images(stop - start, rng)[0], units)
    return found


def synthetic(num_points, num_units, device="cpu"):
    """(N, units) ReLU of a 20-dimensional Gaussian mapped to the units, with noise."""
    torch.manual_seed(0)
    weights = torch.randn(20, num_units, device=device)
    points = torch.randn(num_points, 20, device=device) @ weights
    return points.add_(torch.randn_like(points), alpha=0.3).relu_()
