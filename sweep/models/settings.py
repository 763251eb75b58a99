"""What the section `model` may hold, told without torch: a sweep file is checked at once."""

from __future__ import annotations

SETTINGS = ("width", "depth", "kernel_size", "batch_norm")
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


def is_file_name(weights: str) -> bool:
    """Whether a setting names a file of weights, by its suffix."""
    return weights.endswith(SUFFIXES)
