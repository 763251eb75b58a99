"""Colors that go together: of the hour, of the land, of what people paint.

All are sRGB in [0, 1]. A picture's colors are those of its land under the light of its hour,
and far things fade into the haze of its sky: that is what makes them agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Color = NDArray[np.floating[Any]]  # (3,), or (h, w, 3) for a patch of pixels


def rgb(code: str) -> Color:
    """A color from its hexadecimal code.

    >>> rgb("ff0080").round(2).tolist()
    [1.0, 0.0, 0.5]
    """
    found = np.frombuffer(bytes.fromhex(code), np.uint8).astype(np.float32) / 255
    found.flags.writeable = False
    return found


def mix(first: Color, second: Color, share: float) -> Color:
    """The first color with a share of the second."""
    return first + np.float32(share) * (second - first)


@dataclass(frozen=True)
class Hour:
    """The sky at the zenith and above the horizon, each at warmth 0 and 1; the light."""

    zenith: tuple[Color, Color]
    horizon: tuple[Color, Color]
    light: Color
    cloud: Color
    dark: bool = False


@dataclass(frozen=True)
class Land:
    """What the ground is and how it looks, near and far, each at hue 0 and 1.

    foliage: of trees at hue 0 and 1. dark_foliage: of pines or cacti. cap: of mountains.
    """

    ground: str
    material: str
    near: tuple[Color, Color]
    far: tuple[Color, Color]
    foliage: tuple[Color, Color]
    dark_foliage: tuple[Color, Color]
    mountain: Color
    snow_cap: bool = False
    cacti: bool = False
    blossoms: tuple[str, ...] = ()


def _pair(first: str, second: str) -> tuple[Color, Color]:
    return rgb(first), rgb(second)


# In the order of the discrete factor "hour": day, morning, evening, night.
HOURS = (
    Hour(_pair("4f9bd9", "6fb1dd"), _pair("cfe9f7", "f3ecd2"), rgb("ffffff"), rgb("ffffff")),
    Hour(_pair("9cc4e4", "c3b7dd"), _pair("fde3c8", "fbc9c0"), rgb("fff1e2"), rgb("fff6ee")),
    Hour(_pair("5a4a8c", "8b4f86"), _pair("ffb47c", "ff8f77"), rgb("ffd2b4"), rgb("f7a9a0")),
    Hour(_pair("0c1430", "1b1740"), _pair("33477a", "5a4a86"), rgb("7583b8"), rgb("4c5a8c"), True),
)

# In the order of the concepts of "scene".
LANDS = (
    Land(
        "meadow", "grass", _pair("5fa04b", "86ad3f"), _pair("a3cf7d", "c2d37a"),
        _pair("3f8f4e", "7fae3c"), _pair("1f5f4d", "2c6b44"), rgb("8aa4b8"),
        blossoms=("f4d35e", "e85d75", "f7f3ea", "b487d6"),
    ),
    Land(
        "stubble", "straw", _pair("c98f3d", "b5793a"), _pair("ecca72", "e3b566"),
        _pair("d9662b", "c93a2f"), _pair("4d5d34", "66653a"), rgb("9c8c98"),
        blossoms=("b8382e", "f0c44c", "8a4f2d", "f3e3bd"),
    ),
    Land(
        "dune", "sand", _pair("dba566", "e2a077"), _pair("f3dba2", "f4cfa6"),
        _pair("7f9a4a", "a3a24c"), _pair("3f7f58", "5b8a4e"), rgb("c27a5c"),
        cacti=True, blossoms=("d94f70", "f2e2c4", "b9764d", "f0a04b"),
    ),
    Land(
        "snowfield", "snow", _pair("d3e0ec", "dcd9ea"), _pair("f5f9fd", "f8f4fa"),
        _pair("8fb3c4", "b7b3cf"), _pair("2f5f66", "44705c"), rgb("93a8c2"),
        snow_cap=True, blossoms=("b8ccdd", "ffffff", "a9b9d0", "ffffff"),
    ),
    Land(
        "lake", "water", _pair("74a85c", "96b05e"), _pair("8fbf78", "b3c87e"),
        _pair("2f8a6a", "6a9c3f"), _pair("1d5562", "2a6152"), rgb("7b94b0"),
        snow_cap=True, blossoms=("f7f3ea", "e88fb0", "f4d35e", "8f9fe0"),
    ),
)  # fmt: skip

WATER = _pair("5fb4cf", "58a7b8")
TRUNK, DOOR, WOOD = rgb("7a5238"), rgb("6d4330"), rgb("b07f55")
PANE, LIT_PANE = rgb("bfe0ea"), rgb("ffd86b")
SNOW, STONE = rgb("f6fafd"), rgb("8b8680")
SUN, MOON, STAR = rgb("ffe07a"), rgb("f2efdc"), rgb("f4f1d0")
SHADOW = rgb("1c2440")

# Along each a hue factor runs; neighbors are close, so that what lies between pleases too.
PLASTERS = tuple(map(rgb, ("f6efe2", "f3dcb5", "efc0a8", "e6a9b3", "c9b6d6", "b3cbdc")))
BRICKS = tuple(map(rgb, ("b5533c", "c4694a", "a84a48", "8f4b42")))
PLANKS = tuple(map(rgb, ("a8764c", "c09064", "8f6248", "a05040")))
ROOFS = tuple(map(rgb, ("8c3b32", "b8513c", "7d4a5c", "5b5a7a", "44596b", "37645f")))
CLOTHS = tuple(map(rgb, ("d8342f", "ee7d2f", "f3c13f", "3f9f8f", "3474c0", "7b4fae", "e37fa8")))
PALE_CLOTHS = tuple(
    map(rgb, ("fbeed6", "fff3dc", "d8453f", "f7ecd0", "f6efe6", "f7d9a0", "fff5ee"))
)


def along(colors: tuple[Color, ...], place: float) -> Color:
    """The color at a place in [0, 1] of a row of colors, between its neighbors."""
    where = place * (len(colors) - 1)
    first = min(int(where), len(colors) - 2)
    return mix(colors[first], colors[first + 1], where - first)
