"""The section `model`: the network of a trial."""

from __future__ import annotations

import os

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sweep.config.section import Section, known_name
from sweep.errors import UserError
from sweep.models.families import FAMILIES
from sweep.models.names import PATTERNS, check_name, check_no_library, check_settings, source_of


class ModelConfig(Section):
    """The network of a trial. Whatever is null is the network's usual."""

    name: str = Field(
        default="cnn",
        description="a family of ours, torchvision/NAME, timm/NAME, hf/NAME, or your own "
        "package.module:function; see `idsweep list models`",
    )
    weights: str | None = Field(
        default=None,
        description="null: drawn from the seed; a torchvision weight such as IMAGENET1K_V1 or "
        "DEFAULT; `pretrained` for timm and Hugging Face; or a file: .safetensors, .pt, .pth",
    )
    width: int | None = Field(
        default=None,
        ge=1,
        le=65536,
        description="units (mlp), units of a token (vit) or channels of the first stage; for "
        "our families and your own functions that take it, as depth, kernel_size, batch_norm",
    )
    depth: int | None = Field(
        default=None, ge=1, le=1000, description="hidden layers (mlp), or blocks (per stage)"
    )
    batch_norm: bool | None = Field(default=None, description="normalize after each convolution")
    kernel_size: int | None = Field(
        default=None, ge=1, le=31, description="side of the convolutions in pixels; odd"
    )
    image_size: int | None = Field(
        default=None,
        ge=1,
        le=4096,
        description="side in pixels of the square images that the network gets; null: as they "
        "are stored where the network takes that, else its own size",
    )

    @field_validator("kernel_size")
    @classmethod
    def _odd(cls, kernel_size: int | None) -> int | None:
        if kernel_size is not None and kernel_size % 2 == 0:
            raise PydanticCustomError("even", "must be odd, so that layers keep their size")
        return kernel_size

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            if source_of(name) == "family":
                check_no_library(name)
                return known_name("model", name, [*FAMILIES, *PATTERNS])
            check_name(name)
        except UserError as error:
            raise PydanticCustomError("no_model", "{reason}", {"reason": str(error)}) from error
        return name

    @model_validator(mode="after")
    def _settings_exist(self) -> ModelConfig:
        """What is set must exist; a section that leaves the name to an axis isn't whole yet."""
        if "name" in self.model_fields_set:
            try:
                check_settings(self)
            except UserError as error:
                message = {"reason": str(error)}
                raise PydanticCustomError("no_setting", "{reason}", message) from error
        return self

    def resolved(self) -> ModelConfig:
        """The same with the usual values filled in, so that naming them changes no trial.

        Raises UserError for a setting that the model doesn't have.
        """
        check_settings(self)
        values = self.model_dump()
        from sweep.models.settings import is_file_name

        if self.weights is not None and is_file_name(self.weights):
            # A local path is kept whole: workers and later runs may be in another folder.
            values["weights"] = os.path.abspath(os.path.expanduser(self.weights))
        if source_of(self.name) == "family":
            for setting, usual in FAMILIES[self.name].usual.items():
                values[setting] = usual if values[setting] is None else values[setting]
        elif source_of(self.name) == "torchvision" and self.weights == "DEFAULT":
            from sweep.models.torchvision_models import weights_name

            values["weights"] = weights_name(self.name.partition("/")[2], self.weights)
        return ModelConfig.model_validate(values)
