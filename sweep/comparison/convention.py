"""Whether numbers were measured alike, and what is said where they weren't."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.comparison.groups import Group, overlap
from sweep.comparison.networks import shared_settings
from sweep.comparison.pairing import num_configurations

IMAGES = ("data", "data_digest", "samples_digest", "split", "sampling_seed")
# What is found while measuring, and fixed by nobody.
FOUND = {"duplicates_dropped", "ties_dropped", "scale", "outlier", "limited_by_samples", "error"}


@dataclass(frozen=True)
class Convention:
    """How one side was measured. Each is a tuple of all that occur on that side.

    data: names. digests: of the data. samples: of the images chosen among them. splits.
    counts: how many images. settings: the rest that all rows of a quantity agree in.
    """

    data: tuple[str, ...]
    digests: tuple[str, ...]
    samples: tuple[str, ...]
    splits: tuple[str, ...]
    counts: tuple[int, ...]
    settings: Mapping[str, Any]

    @property
    def images(self) -> str:
        """In words, such as "1000 images of digits (train)"."""
        counts = " or ".join(map(str, self.counts)) or "?"
        splits = ", ".join(self.splits)
        of = f" of {' or '.join(self.data)}" if self.data else ""
        return f"{counts} images{of}" + f" ({splits})" * bool(splits)

    def is_on_same_images(self, other: Convention) -> bool:
        """Whether both sides saw the same images and no others."""
        same = self.samples == other.samples and self.digests == other.digests
        return same and self.counts == other.counts and len(self.samples) <= 1


def convention_of(group: Group, quantity: str) -> Convention:
    """Read off the rows of a layer quantity."""
    rows = [row for network in group.networks for row in network.layer_rows.get(quantity, [])]

    def seen(key: str) -> tuple[str, ...]:
        return tuple(sorted({str(row.settings[key]) for row in rows if key in row.settings}))

    counts = sorted({row.num_samples for row in rows if row.num_samples is not None})
    settings = {
        key: value
        for key, value in shared_settings(rows).items()
        if key not in FOUND and key not in IMAGES
    }
    return Convention(
        seen("data"), seen("data_digest"), seen("samples_digest"), seen("split"), tuple(counts),
        settings,
    )  # fmt: skip


def find_warnings(groups: Sequence[Group], conventions: Sequence[Convention]) -> list[str]:
    """Why a difference may not be the networks': each a sentence with the values."""
    found = [*_within(groups, conventions)]
    first, one = groups[0], conventions[0]
    for group, other in zip(groups[1:], conventions[1:], strict=True):
        names = f"{first.label} and {group.label}"
        if one.digests != other.digests:
            found.append(
                f"{names} were measured on other data: {_data(one)} against {_data(other)}. "
                "Dimensions depend on the images, so a difference may be theirs alone"
            )
        elif one.splits != other.splits:
            found.append(
                f"{names} were measured on other images: {one.images} against {other.images}"
            )
        if one.counts != other.counts:
            found.append(
                f"{names} were measured on other numbers of images: {_counts(one)} against "
                f"{_counts(other)}. A dimension depends on their number, so these do not compare"
            )
        elif one.samples != other.samples and one.digests == other.digests:
            found.append(
                f"{names} were measured on other images of the same data "
                f"({', '.join(one.samples)} against {', '.join(other.samples)})"
            )
        for key in sorted(one.settings.keys() & other.settings.keys()):
            mine, theirs = one.settings[key], other.settings[key]
            if mine != theirs:
                found.append(f"{names} were measured with another {key}: {mine} against {theirs}")
    for place, group in enumerate(groups):
        for earlier in groups[:place]:
            if both := overlap(earlier, group):
                found.append(
                    f"{both} network{'s stand' if both > 1 else ' stands'} in {earlier.label} and "
                    f"in {group.label}, so these are not independent"
                )
    return list(dict.fromkeys(found))


def _within(groups: Sequence[Group], conventions: Sequence[Convention]) -> list[str]:
    """Sides that are not measured alike in themselves."""
    found = []
    for group, one in zip(groups, conventions, strict=True):
        for what, values in (("data", one.digests), ("numbers of images", one.counts)):
            if len(values) > 1:
                said = ", ".join(map(str, values))
                found.append(f"{group.label} itself was measured on different {what}: {said}")
    return found


def describe(group: Group, convention: Convention) -> dict[str, Any]:
    """What stands of a side in the heading."""
    epochs = sorted({network.trial.epoch for network in group.networks})
    roles = sorted({network.trial.role for network in group.networks})
    return {
        "label": group.label,
        "asked": group.named.text,
        "networks": len(group.networks),
        "configurations": num_configurations(group.networks),
        "roles": roles,
        "epochs": epochs,
        "data": convention.data,
        "data_digests": convention.digests,
        "images": convention.images,
        "num_samples": convention.counts,
    }


def _data(one: Convention) -> str:
    return f"{' or '.join(one.data)} (digest {', '.join(one.digests)})"


def _counts(one: Convention) -> str:
    return " or ".join(map(str, one.counts)) or "unknown"
