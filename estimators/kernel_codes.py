"""An autoencoder of kernels with a code of one dimension.

Legend: K kernels of k by k pixels, D = k^2, R restarts.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from estimators.kernel_rows import drawn_rows, kernel_rows, own_order

LAYERS = (64, 32)  # of the encoder; the decoder has them the other way round
BATCH = 256
RATE = 5e-3  # of Adam; lower ones leave templates that share a code
WARM_UP = 50
CURVE = 4096  # points on the decoder's curve, to measure its length
CHUNK = 65_536


@dataclass(frozen=True)
class KernelCodes:
    """Each kernel's place on a curve through all kernels.

    codes: (K,) the length of the curve of reconstructions from its start to the kernel's own.
        Which number the network itself gives is arbitrary, any monotone function of it serves
        as well; along the curve two kernels are at least as far apart as they differ.
    reconstructions: (K, k, k) of unit norm.
    cosines: (K,) of kernel and reconstruction.
    length: of the whole curve, in units of the kernels' norm.
    """

    codes: NDArray[np.float64]
    reconstructions: NDArray[np.float32]
    cosines: NDArray[np.float64]
    length: float

    @property
    def mean_cosine(self) -> float:
        return float(self.cosines.mean())

    @property
    def loss(self) -> float:
        """What is minimised: 1 - mean cosine."""
        return 1.0 - self.mean_cosine


def encode_kernels(
    kernels: NDArray[np.floating],
    num_steps: int = 1000,
    num_restarts: int = 4,
    max_kernels: int = 10_000,
    seed: int = 0,
) -> KernelCodes:
    """Train the autoencoder on normalised kernels, and encode them all.

    After Babaiee, Kiasari, Rus, Grosu, "Unveiling the Unseen: Identifiable Clusters in Trained
    Depthwise Convolutional Kernels", ICLR 2024, arXiv:2401.14469, who take the loss

        1 - <f, g> / (|f| |g|)

    of a kernel f and its reconstruction g, and a code of one dimension. Their code and layer
    sizes are not published: the sizes here (fully connected, D-64-32-1-32-64-D, GELU, Adam),
    the restarts and the code's unit, length along the curve, are ours.

    kernels: (K, k, k) float array, each of mean 0 and norm 1.
    num_steps: of Adam, each on 256 kernels.
    num_restarts: networks trained at once, of which the one of least loss is kept: on a line,
        templates have to queue, and a network that queued them badly stays so.
    max_kernels: how many are trained on, drawn with the seed; all are encoded.
    seed: of weights and batches; neither reads or moves the global random state.

    The order of the kernels does not matter. The same seed gives the same bits on the same
    machine. Known bias: a curve always runs somewhere, through white noise
    too, where it reconstructs a little of what it saw; ask `find_structure` before reading
    clusters into codes.

    >>> import numpy as np
    >>> ramp = np.array([[-1.0, 0, 1]] * 3) / 6**0.5
    >>> found = encode_kernels(np.array([ramp, -ramp, ramp.T, -ramp.T] * 5), num_steps=200)
    >>> bool(found.mean_cosine > 0.95)
    True
    """
    rows = kernel_rows(kernels)
    order = own_order(rows)
    codes, found, cosines, length = encode_rows(
        rows[order], num_steps, num_restarts, max_kernels, seed
    )
    back = np.argsort(order)
    return KernelCodes(codes[back], found[back].reshape(kernels.shape), cosines[back], length)


def encode_rows(
    rows: NDArray[np.float32], num_steps: int, num_restarts: int, max_kernels: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float64], float]:
    """Codes, reconstructions and cosines of rows in their own order, and the curve's length."""
    for name, value in {
        "num_steps": num_steps,
        "num_restarts": num_restarts,
        "max_kernels": max_kernels,
    }.items():
        if not value >= 1:
            raise ValueError(f"`{name} >= 1` must hold, but got {name}={value}")
    seen = torch.from_numpy(rows[drawn_rows(len(rows), max_kernels, np.random.default_rng(seed))])
    with _one_thread():
        # A caller may be in any of torch's modes.
        with torch.inference_mode(False), torch.enable_grad():
            random = torch.Generator("cpu").manual_seed(seed)
            networks = _Networks.drawn(rows.shape[1], num_restarts, random)
            networks.train(seen, num_steps, random)
        with torch.no_grad():
            best = int(networks.cosines(seen).mean(dim=1).argmax())
            return _along_curve(networks, best, torch.from_numpy(rows))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Steps are too small to share: threads that wait for each other took 50 times as long.

    It also leaves the bits to the seed alone, however many threads the process has.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Networks:
    """R autoencoders trained side by side; their weights are independent."""

    def __init__(self, weights: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> None:
        self.weights = weights

    @classmethod
    def drawn(cls, size: int, num_restarts: int, random: torch.Generator) -> _Networks:
        sizes = [size, *LAYERS, 1, *LAYERS[::-1], size]
        weights = []
        for inner, outer in itertools.pairwise(sizes):
            bound = (3 / inner) ** 0.5
            both = [
                torch.rand(
                    (num_restarts, rows, outer), generator=random, dtype=torch.float32, device="cpu"
                )
                .mul(2 * bound)
                .sub(bound)
                .requires_grad_()
                for rows in (inner, 1)
            ]
            weights.append((both[0], both[1]))
        return cls(weights)

    def only(self, number: int) -> _Networks:
        """The one network of that number."""
        return _Networks([(w[number, None], b[number, None]) for w, b in self.weights])

    def encode(self, rows: torch.Tensor) -> torch.Tensor:
        """(R, N, 1) codes of (N, D) rows."""
        return self._pass(rows.expand(len(self.weights[0][0]), -1, -1), 0, len(LAYERS) + 1)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """(R, N, D) rows of unit norm."""
        found = self._pass(codes, len(LAYERS) + 1, len(self.weights))
        return torch.nn.functional.normalize(found, dim=-1)

    def cosines(self, rows: torch.Tensor) -> torch.Tensor:
        """(R, N) of rows and their reconstructions."""
        return (self.decode(self.encode(rows)) * rows).sum(dim=-1)

    def _pass(self, values: torch.Tensor, first: int, end: int) -> torch.Tensor:
        for layer in range(first, end):
            weight, bias = self.weights[layer]
            values = torch.baddbmm(bias, values, weight)
            if layer < end - 1:
                values = torch.nn.functional.gelu(values)
        return values

    def train(self, rows: torch.Tensor, num_steps: int, random: torch.Generator) -> None:
        """Adam with a short warm-up, its rate then lowered along a cosine."""
        everything = [tensor for layer in self.weights for tensor in layer]
        optimizer = torch.optim.Adam(everything, lr=RATE, fused=True)  # half the time of a step
        for step in range(num_steps):
            left = (1 + math.cos(math.pi * step / num_steps)) / 2
            optimizer.param_groups[0]["lr"] = RATE * min(1.0, (step + 1) / WARM_UP) * left
            batch = torch.randint(len(rows), (BATCH,), generator=random, device="cpu")
            loss = (1 - self.cosines(rows[batch])).mean(dim=1).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()


def _along_curve(
    networks: _Networks, best: int, rows: torch.Tensor
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float64], float]:
    kept = networks.only(best)
    raw, found, cosines = [], [], []
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        codes = kept.encode(part)
        again = kept.decode(codes)
        raw.append(codes[0, :, 0])
        found.append(again[0])
        cosines.append((again[0].double() * part).sum(dim=1))
    code = torch.cat(raw).double().numpy()
    places = np.linspace(code.min(), code.max(), CURVE)
    curve = kept.decode(torch.from_numpy(places.astype(np.float32))[None, :, None])[0].double()
    steps = (curve[1:] - curve[:-1]).norm(dim=1).numpy()
    run = np.concatenate([[0.0], np.cumsum(steps)])
    return (
        np.interp(code, places, run),
        torch.cat(found).numpy(),
        torch.cat(cosines).numpy(),
        float(run[-1]),
    )
