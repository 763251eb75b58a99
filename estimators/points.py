"""Points as row blocks: in memory, memory-mapped, or read one block at a time.

Legend: N points, D units, R rows asked for.
"""

from __future__ import annotations

import bisect
import copy
import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from estimators.errors import EstimationError

if TYPE_CHECKING:
    from estimators.gram import Gram

Block = ArrayLike | torch.Tensor
# Numbers of one chunk while streaming: some megabytes.
CHUNK_NUMBERS = 1 << 19
# Distances of values up to this, over the root of their number, stay within float64.
LARGEST = 2.0**1020


class Points:
    """(N, D) points, read as float32 or float64 tensors, never as a whole unless asked.

    points: a real array or tensor, memory-mapped or not, more axes flattened into D; or a
        sequence of such row blocks, which may be read from disk whenever it is indexed, so
        that only the blocks in use are in memory.
    device: where the rows are wanted; default: where they are.

    dtype: float32 for floats of 16 or 32 bits, float64 for all else.
    Raises EstimationError if these aren't real numbers in rows of one width, or if there is
    no such device.

    >>> points = Points([np.zeros((2, 3)), np.ones((4, 3))])
    >>> points.num_points, points.num_units, points.rows(1, 3).tolist()
    (6, 3, [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    """

    def __init__(
        self, points: Block | Sequence[Block], device: torch.device | str | None = None
    ) -> None:
        whole: Any = points
        self._blocks: Sequence[Any] = whole if _is_blocks(whole) else [_as_tensor(whole)]
        heights, widths, dtypes = [], set(), set()
        for number in range(len(self._blocks)):  # one at a time: each may be read from disk
            block = _as_tensor(self._blocks[number])
            heights.append(len(block))
            widths.add(block.shape[1:].numel())
            dtypes.add(block.dtype)
            place = block.device
        if len(widths) != 1:
            raise EstimationError(
                f"all row blocks must have the same units, but got widths {sorted(widths)}"
            )
        self.num_units: int = widths.pop()
        self._starts = [0, *itertools.accumulate(heights)]
        self.num_points: int = self._starts[-1]
        narrow = dtypes <= {torch.float16, torch.bfloat16, torch.float32}
        self.dtype = torch.float32 if narrow else torch.float64
        self.device = _checked_device(device if device is not None else place)
        self._chosen: torch.Tensor | None = None
        self._statistics: tuple[torch.Tensor, float] | None = None
        # What one pass over all units gave, for whoever asks next (`gram`).
        self.gram: Gram | None = None

    def to(self, device: torch.device | str) -> Points:
        """The same points, their rows wanted on this device."""
        other = copy.copy(self)
        other.device = _checked_device(device)
        other._statistics = other.gram = None
        return other

    def take(self, indices: NDArray[np.int64] | torch.Tensor) -> Points:
        """The points with these (M,) indices, in this order; nothing is copied."""
        other = copy.copy(self)
        wanted = torch.as_tensor(indices, dtype=torch.int64)
        other._chosen = wanted if self._chosen is None else self._chosen[wanted]
        other.num_points = len(wanted)
        other._statistics = other.gram = None
        return other

    def rows(self, start: int, stop: int) -> torch.Tensor:
        """(R, D) tensor of the points from `start` up to `stop`; a view where that is possible."""
        if self._chosen is not None:
            return self.gather(torch.arange(start, stop))
        first = bisect.bisect_right(self._starts, start) - 1
        parts = []
        for number in range(first, len(self._blocks)):
            low = self._starts[number]
            if low >= stop:
                break
            block = self._block(number)
            parts.append(self._convert(block[max(0, start - low) : stop - low]))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def gather(self, indices: NDArray[np.int64] | torch.Tensor) -> torch.Tensor:
        """(..., D) tensor of the points with these indices, of any shape."""
        wanted = torch.as_tensor(indices, dtype=torch.int64)
        found = self._gather(self._sources(wanted.reshape(-1)), slice(None))
        return found.reshape(*wanted.shape, self.num_units)

    def each(self, indices: torch.Tensor) -> Iterator[torch.Tensor]:
        """(D,) tensors of the points with these (M,) indices, views where that is possible.

        A block is opened anew only when it changes: best in the order of `owners`.
        """
        places, owners = self._sources(indices), self.owners(indices).tolist()
        opened, block = -1, torch.empty(0)
        for place, number in zip(places.tolist(), owners, strict=True):
            if number != opened:
                opened, block = number, self._block(number)
            yield self._convert(block[place - self._starts[number]])

    def owners(self, indices: torch.Tensor) -> torch.Tensor:
        """(M,) which blocks hold the points with these (M,) indices."""
        return self._owners(self._sources(indices))

    def columns(self, start: int, stop: int, out: torch.Tensor | None = None) -> torch.Tensor:
        """(N, stop - start) tensor, a copy: some units of every point.

        out: where to, (N, at least as many) and reused by whoever reads one part after another.
        """
        units = slice(start, stop)
        if self._chosen is not None:
            return self._gather(self._chosen, units)
        if out is None:
            shape = self.num_points, stop - start
            out = torch.empty(shape, dtype=self.dtype, device=self.device)
        found = out[:, : stop - start]
        for number, low in enumerate(self._starts[:-1]):
            block = self._block(number)
            found[low : low + len(block)] = block[:, units]
        return found

    def chunks(self, rows: int | None = None) -> Iterator[tuple[slice, torch.Tensor]]:
        """The points in order, `rows` at a time; default: some megabytes at a time."""
        step = rows or max(1, CHUNK_NUMBERS // max(1, self.num_units))
        for start in range(0, self.num_points, step):
            stop = min(start + step, self.num_points)
            yield slice(start, stop), self.rows(start, stop)

    def center_and_reach(self) -> tuple[torch.Tensor, float]:
        """(D,) mean of the points, to rounding, and the largest absolute value.

        Computed once. Raises EstimationError, with counts, if any value is NaN or infinite.
        """
        if self._statistics is not None:
            return self._statistics
        if self.gram is not None:
            self._statistics = self.gram.mean.to(self.dtype), self.gram.reach
            return self._statistics
        total = torch.zeros(self.num_units, dtype=self.dtype, device=self.device)
        reach = 0.0
        for _, chunk in self.chunks():
            low, high = (float(end) for end in chunk.aminmax())
            if not (math.isfinite(low) and math.isfinite(high)):
                self._raise_for_what_is_not_finite()
            # Divided first: a sum of finite values must not overflow.
            total += (chunk / self.num_points).sum(dim=0)
            reach = max(reach, -low, high)
        if not bool(torch.isfinite(total).all()):
            total.zero_()  # rounded up beyond the largest number; any center will do
        if reach > LARGEST / math.sqrt(self.num_units):
            raise EstimationError(
                f"values up to {reach:.3g} in {self.num_units} units have distances beyond "
                "float64: scale the points down"
            )
        self._statistics = total, reach
        return self._statistics

    def _raise_for_what_is_not_finite(self) -> NoReturn:
        bad_values = bad_points = 0
        for _, chunk in self.chunks():
            bad = ~torch.isfinite(chunk)
            bad_values += int(bad.sum())
            bad_points += int(bad.any(dim=1).sum())
        raise EstimationError(
            f"points must be finite, but {bad_values} values in {bad_points} of "
            f"{self.num_points} points are NaN or infinite: drop or mend them"
        )

    def _sources(self, flat: torch.Tensor) -> torch.Tensor:
        """(M,) places in the blocks of the points with these (M,) indices."""
        return flat if self._chosen is None else self._chosen[flat.to(self._chosen.device)]

    def _gather(self, flat: torch.Tensor, units: slice) -> torch.Tensor:
        """(M, units) tensor of what lies at these (M,) places in the blocks."""
        if len(self._blocks) == 1:
            block = self._block(0)[:, units]
            return self._convert(block.index_select(0, flat.to(block.device)))
        width = len(range(*units.indices(self.num_units)))
        found = torch.empty((len(flat), width), dtype=self.dtype, device=self.device)
        owner = self._owners(flat)
        for number in sorted(set(owner.tolist())):
            here = (owner == number).nonzero()[:, 0]
            block = self._block(number)[:, units]
            local = (flat[here] - self._starts[number]).to(block.device)
            found[here.to(found.device)] = self._convert(block.index_select(0, local))
        return found

    def _owners(self, flat: torch.Tensor) -> torch.Tensor:
        """(M,) which blocks hold these (M,) places."""
        return torch.bucketize(flat, torch.tensor(self._starts[1:], device=flat.device), right=True)

    def _block(self, number: int) -> torch.Tensor:
        block = _as_tensor(self._blocks[number])
        return block.reshape(len(block), self.num_units)

    def _convert(self, rows: torch.Tensor) -> torch.Tensor:
        return rows.to(dtype=self.dtype, device=self.device)


def _is_blocks(points: Any) -> bool:
    """Whether this is a sequence of row blocks rather than one array, or lists of numbers."""
    if isinstance(points, np.ndarray | torch.Tensor) or not isinstance(points, Sequence):
        return False
    return len(points) > 0 and getattr(points[0], "ndim", 0) >= 2


def _checked_device(device: torch.device | str) -> torch.device:
    try:
        found = torch.device(device)
        if found.type not in ("cpu", "cuda"):
            raise EstimationError(f"device must be cpu or cuda, but got {device}")
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise EstimationError(f"device {device} can't be used here: {reason}") from None
    return found


def _as_tensor(block: Any) -> torch.Tensor:
    if isinstance(block, torch.Tensor):
        tensor = block.detach()
        if tensor.layout != torch.strided:
            raise EstimationError(f"points must be dense, but got {tensor.layout}: use to_dense()")
    else:
        try:
            array = np.asarray(block)
        except (ValueError, TypeError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise EstimationError(f"points must be rows of one width: {reason}") from None
        if array.dtype.kind not in "biuf":
            raise EstimationError(f"points must be real numbers, but got {array.dtype}")
        array = array.astype(np.float64) if array.dtype.itemsize > 8 else array
        if any(step < 0 or step % array.itemsize for step in array.strides):
            array = np.ascontiguousarray(array)
        native = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
        with warnings.catch_warnings():
            # Memory-mapped and Arrow arrays are read-only; nothing here writes to them.
            warnings.simplefilter("ignore", UserWarning)
            tensor = torch.as_tensor(native)
    if tensor.is_complex():
        raise EstimationError(f"points must be real numbers, but got {tensor.dtype}")
    return tensor if tensor.ndim else tensor.reshape(1)
