"""Networks: the families that idsweep brings, those of libraries, and the layers of any."""

from sweep.models.families import FAMILIES, Family
from sweep.models.names import model_label, models_catalog

__all__ = ["FAMILIES", "Family", "model_label", "models_catalog"]
