"""Networks: the families that idsweep brings, and the layers of any network."""

from sweep.models.families import FAMILIES, Family

__all__ = ["FAMILIES", "Family"]
