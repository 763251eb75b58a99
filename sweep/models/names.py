"""The one way to name a model, and which settings a named model has.

`cnn` is a family of ours, `torchvision/resnet50`, `timm/convnext_tiny` and `hf/vit` are
networks of those libraries, `package.module:function` is the user's own. A library is
imported only where one of its names is used.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sweep.errors import UserError
from sweep.models.families import FAMILIES
from sweep.models.settings import SETTINGS, is_file_name

if TYPE_CHECKING:
    from sweep.config import ModelConfig

Source = Literal["family", "torchvision", "timm", "hf", "own"]
LIBRARIES = ("torchvision", "timm", "hf")
PATTERNS = ("torchvision/NAME", "timm/NAME", "hf/NAME", "package.module:function")


def source_of(name: str) -> Source:
    """Where a model of this name comes from."""
    library = name.partition("/")[0]
    if library in LIBRARIES and "/" in name:
        return library  # type: ignore[return-value]
    return "own" if ":" in name else "family"


def check_name(name: str) -> None:
    """Raises UserError with the nearest names unless there is such a model."""
    source, inner = source_of(name), name.partition("/")[2]
    if source == "own":
        from sweep.models.own_models import imported

        imported(name)
    elif source == "hf":
        from sweep.models import hf_models

        hf_models.check_name(inner)
    elif source == "torchvision":
        from sweep.models import torchvision_models

        _check_listed(inner, torchvision_models.names(), "torchvision")
    elif source == "timm":
        from sweep.models import timm_models

        _check_listed(inner, timm_models.names(), "timm")
    elif name not in FAMILIES:
        raise UserError(f"unknown model {name!r}")


def check_no_library(name: str) -> None:
    """Raises UserError with the whole name for one that is a library's, such as resnet50."""
    if name in FAMILIES or not name:
        return
    from sweep.models import torchvision_models

    library = "torchvision"
    if name not in torchvision_models.names():
        from sweep.models import timm_models

        library = "timm"
        if name not in timm_models.names():
            return
    raise UserError(f"unknown model {name!r}; did you mean {library}/{name}?")


def check_settings(config: ModelConfig) -> None:
    """Raises UserError for a setting that is set and that the named model doesn't have."""
    own = settings_of(config.name)
    for setting in SETTINGS:
        if getattr(config, setting) is not None and setting not in own:
            has = f"it has {', '.join(own)}" if own else "its layers are as published"
            raise UserError(f"{config.name} has no {setting} ({has}): leave model.{setting} out")
    if config.weights is None:
        return
    source, inner = source_of(config.name), config.name.partition("/")[2]
    if source == "torchvision":
        from sweep.models import torchvision_models

        torchvision_models.check_weights(inner, config.weights)
    elif source == "timm":
        from sweep.models import timm_models

        timm_models.check_weights(inner, config.weights)
    elif source == "hf":
        from sweep.models import hf_models

        hf_models.check_weights(inner, config.weights)
    elif not is_file_name(config.weights):
        raise UserError(
            f"{config.name} takes weights from a file alone (.safetensors, .pt, .pth), "
            f"but got {config.weights!r}"
        )


def settings_of(name: str) -> tuple[str, ...]:
    """Those of width, depth, kernel_size and batch_norm that a model has."""
    source = source_of(name)
    if source == "own":
        from sweep.models.own_models import settings

        return settings(name)
    return tuple(FAMILIES[name].usual) if source == "family" else ()


def model_label(config: ModelConfig) -> str:
    """A short name for trials, such as "cnn-w16-d2" or "resnet50-IMAGENET1K_V1".

    The same for what is left out and for the family's usual value. Two configurations
    share a label only where weights files of one name lie in different folders.
    """
    source = source_of(config.name)
    parts = [config.name]
    if source == "torchvision":
        parts = [config.name.partition("/")[2]]
    elif source == "own":
        parts = [config.name.replace(":", ".")]
    usual = FAMILIES[config.name].usual if source == "family" else {}
    for setting, short in (("width", "w"), ("depth", "d"), ("kernel_size", "k")):
        value = getattr(config, setting)
        value = usual.get(setting) if value is None else value
        if value is not None and (setting != "kernel_size" or value != usual.get(setting)):
            parts.append(f"{short}{value}")
    batch_norm = usual.get("batch_norm") if config.batch_norm is None else config.batch_norm
    if batch_norm is False:
        parts.append("plain")
    if config.image_size is not None:
        parts.append(f"{config.image_size}px")
    if config.weights is not None:
        is_file = is_file_name(config.weights)
        parts.append(Path(config.weights).stem if is_file else config.weights)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(parts))


def models_catalog() -> list[tuple[str, str]]:
    """(name or pattern, summary) of all that `model.name` may be."""
    return [
        *((name, family.summary) for name, family in FAMILIES.items()),
        ("torchvision/NAME", "every classifier of torchvision.models: torchvision/resnet50"),
        ("timm/NAME", "every model of timm: timm/convnext_tiny, timm/resnet50.a1_in1k"),
        (
            "hf/NAME",
            "image classifiers of Hugging Face: a hub id (hf/microsoft/resnet-50), a local "
            "folder, or a type for an untrained one (hf/vit)",
        ),
        (
            "package.module:function",
            "your own: a function, in the current folder or installed, that returns an nn.Module",
        ),
    ]


def _check_listed(name: str, known: Sequence[str], library: str) -> None:
    if name in known:
        return
    # Of hundreds, the nearest say more than all; behind a known name, only tags can be meant.
    base = name.partition(".")[0]
    tagged = [other for other in known if base in known and other.startswith(f"{base}.")]
    close = difflib.get_close_matches(name, tagged or known, 3, cutoff=0.3 if tagged else 0.5)
    hint = ", ".join(f"{library}/{match}" for match in close)
    raise UserError(
        f"{library} has no classifier {name!r} among its {len(known)}"
        + (f"; did you mean {hint}?" if hint else "")
    )
