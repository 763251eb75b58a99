"""The processes that train one network together, on torch.distributed; alone is a team of one.

Every one of them holds the whole network, takes its share of each batch and averages
gradients with the others, so all hold the same weights after each step.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn


@dataclass(frozen=True)
class Team:
    """rank: which of `size` processes this is; rank 0 alone writes and reports."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Which of `count` rows are this process's: contiguous, equal to within one."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum over all processes, in each of them."""
        if self.size > 1:
            torch.distributed.all_reduce(tensor)
        return tensor

    def any(self, here: bool, device: str) -> bool:
        """Whether it holds in any of them; all get the same answer."""
        if self.size == 1:
            return here
        return bool(self.sum(torch.tensor(int(here), device=device)))

    def with_shared_statistics(self, network: nn.Module, device: str) -> nn.Module:
        """With batch norm over the whole batch; on CPUs, where torch has none, over each share."""
        if self.size > 1 and device == "cuda":
            convert = cast(
                Callable[[nn.Module], nn.Module], nn.SyncBatchNorm.convert_sync_batchnorm
            )
            return convert(network)
        return network

    def synchronized(self, network: nn.Module) -> nn.Module:
        """The network as training steps call it: gradients are averaged over the team."""
        if self.size == 1:
            return network
        return nn.parallel.DistributedDataParallel(network)

    def apart(self, network: nn.Module, last: bool) -> AbstractContextManager[object]:
        """Around a backward pass: leaves gradients unaveraged until the last piece of a step."""
        if self.size == 1 or last:
            return nullcontext()
        inner = getattr(network, "_orig_mod", network)  # beneath torch.compile
        return cast(nn.parallel.DistributedDataParallel, inner).no_sync()


ALONE = Team()
