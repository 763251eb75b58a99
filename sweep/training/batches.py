"""How an epoch's images are split: into batches, over a team, and into pieces of a step."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch

from sweep.training.team import Team


def split_epoch(order: torch.Tensor, size: int) -> list[torch.Tensor]:
    """The order in batches; a lone last image, too few for batch norm, joins the one before."""
    batches = list(torch.split(order, size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


@dataclass(frozen=True)
class Piece:
    """Images that go through the network at once.

    rows: of the process's own share. weight: of the piece's mean gradient in the sum that
    a process hands in; those are averaged over the team, so all weights sum to its size.
    """

    rows: slice
    weight: float


def split_step(count: int, team: Team, accumulate: int) -> tuple[slice, list[Piece]]:
    """This process's share of a batch of `count` images, and the pieces of that share.

    A piece has at least two images where the share has, as batch norm needs. A process
    without a share, in a batch smaller than the team, goes along with an image of weight 0.
    """
    share = team.share(count)
    own = share.stop - share.start
    if not own:
        return slice(0, 1), [Piece(slice(0, 1), 0.0)]
    number = max(1, min(accumulate, own // 2))
    edges = [own * piece // number for piece in range(number + 1)]
    return share, [
        Piece(slice(low, high), (high - low) * team.size / count) for low, high in pairwise(edges)
    ]
