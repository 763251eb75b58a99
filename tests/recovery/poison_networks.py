"""Networks that go wrong, each in its way, for sweeps that must live with them."""

import os
import signal
import time

import torch
from torch import nn

HOARD = 1 << 43  # bytes: a network that wants more than there is


class Poisoned(nn.Sequential):
    """A perceptron that does something before each pass forward, after the first few."""

    def __init__(self, num_classes, image_shape, harm, when=lambda module: module.training):
        pixels = image_shape[0] * image_shape[1] * image_shape[2]
        super().__init__(nn.Flatten(), nn.Linear(pixels, 8), nn.ReLU(), nn.Linear(8, num_classes))
        self._harm, self._when, self._passes = harm, when, 0

    def forward(self, images):
        self._passes += 1
        if self._passes > 2 and self._when(self):
            self._harm()
        return super().forward(images)


def _stand_still():
    time.sleep(10_000)


def _raise():
    raise KeyError("a bug of the user's")


def _hoard():
    torch.zeros(HOARD, dtype=torch.uint8)


def _die():
    os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does to who takes too much memory


def hangs(num_classes, image_shape):
    return Poisoned(num_classes, image_shape, _stand_still)


def raises(num_classes, image_shape):
    return Poisoned(num_classes, image_shape, _raise)


def hoards(num_classes, image_shape):
    return Poisoned(num_classes, image_shape, _hoard)


def dies(num_classes, image_shape):
    return Poisoned(num_classes, image_shape, _die)


def hangs_when_measured(num_classes, image_shape):
    return Poisoned(num_classes, image_shape, _stand_still, lambda module: _is_measured())


def dies_when_measured(num_classes, image_shape):
    return Poisoned(num_classes, image_shape, _die, lambda module: _is_measured())


def _is_measured():
    return any("MeasuringActor" in word for word in open("/proc/self/cmdline").read().split("\0"))
