"""Networks of Hugging Face: image classifiers that transformers knows, without remote code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from sweep.errors import UserError
from sweep.models.fetching import SAFETENSORS, TORCH_BIN, hub_file, logger, optional_hub_file
from sweep.models.hf_processors import check_translation, translated
from sweep.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from sweep.models.settings import is_file_name

if TYPE_CHECKING:
    from sweep.config import ModelConfig

PRETRAINED = "pretrained"
CONFIG = "config.json"
PROCESSOR = "preprocessor_config.json"
INDEX = "model.safetensors.index.json"
# Called image classifiers, but fed with color codes, text, or patches and their places.
OTHER_INPUT = frozenset({"imagegpt", "shieldgemma2", "siglip2"})


def names() -> list[str]:
    """Model types with an image classifier, for untrained networks of default size."""
    _require()
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
    )

    return sorted({*MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES} - OTHER_INPUT)


def check_name(name: str) -> None:
    """Raises UserError unless `name` is a model type, a local folder, or like a hub id."""
    types = names()
    if name not in types and "/" not in name and not (Path(name) / CONFIG).is_file():
        from difflib import get_close_matches

        close = ", ".join(f"hf/{match}" for match in get_close_matches(name, types, 3))
        raise UserError(
            f"hf/{name} is no model type with an image classifier"
            + (f" (close: {close})" if close else "")
            + f", no folder with {CONFIG}, and no hub id such as hf/microsoft/resnet-50"
        )


def check_weights(name: str, weights: str) -> None:
    """Raises UserError unless `weights` is a file, or "pretrained" of a hub id or folder."""
    if is_file_name(weights):
        return
    if weights != PRETRAINED:
        raise UserError(f"hf/{name} takes the weights `pretrained` or a file, but got {weights!r}")
    if _is_type(name):
        raise UserError(
            f"hf/{name} is a model type, which has no weights: name a hub id or a folder instead"
        )


def preprocessing(config: ModelConfig) -> Preprocessing:
    """That of the image processor: of the hub id or folder, else the type's own default."""
    _require()
    from transformers import AutoImageProcessor
    from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING

    own, folder = _config(config), _processor_folder(config)
    with _quiet():
        try:
            if folder is None:
                processor: Any = _usual_processor(IMAGE_PROCESSOR_MAPPING, own)
            else:
                processor = AutoImageProcessor.from_pretrained(folder, trust_remote_code=False)
            if processor is not None:
                check_translation(processor, config.name)
                return translated(processor)
        except Exception as error:
            raise _unusable(config, error) from error
    side = getattr(own, "image_size", 224)
    size = tuple(side) if isinstance(side, list | tuple) else (side, side)
    return Preprocessing(size, size[0], "bilinear", 3, IMAGENET_MEAN, IMAGENET_STD)


def has_fixed_size(config: ModelConfig) -> bool:  # noqa: ARG001 - one interface for all
    """Whether the network is known to be built for images of one size: not known here."""
    return False


def build(config: ModelConfig, num_classes: int, image_shape: tuple[int, int, int]) -> nn.Module:
    """The network at initialization, for images of (C, H, W)."""
    _require()
    from transformers import AutoModelForImageClassification

    own = _config(config)
    own.num_labels = num_classes
    _set_size(own, image_shape)
    try:
        with _quiet():
            network: nn.Module = AutoModelForImageClassification.from_config(
                own, trust_remote_code=False
            )
    except Exception as error:
        raise _unusable(config, error) from error
    return network


def load(
    config: ModelConfig,
    weights: str,
    num_classes: int,
    image_shape: tuple[int, int, int],
    keep_head: bool,
) -> tuple[nn.Module, int]:
    """The network with its published weights, and its number of classes."""
    _require()
    from transformers import AutoModelForImageClassification

    folder, own = _weights_folder(config), _config(config)
    if not keep_head:
        own.num_labels = num_classes
    _set_size(own, image_shape)
    try:
        with _quiet():
            network, report = AutoModelForImageClassification.from_pretrained(
                folder,
                config=own,
                local_files_only=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
    except Exception as error:
        raise _unusable(config, error) from error
    drawn = {*report["missing_keys"], *(entry[0] for entry in report["mismatched_keys"])}
    if not drawn:
        return network, int(own.num_labels)
    # Whatever the weights lack, transformers draws anew: right for a head alone.
    other = sorted(drawn - _head_names(own))
    if other:
        raise UserError(
            f"{config.name}: its weights lack {len(other)} tensors of the network for images of "
            f"{image_shape}, or have them in another shape ({', '.join(other[:2])}); "
            "leave model.image_size out, or take other weights"
        )
    if keep_head:
        logger.warning("%s is published without a head: one is drawn from the seed", config.name)
        return load(config, weights, num_classes, image_shape, keep_head=False)
    return network, num_classes


def _head_names(own: Any) -> set[str]:
    """The parameters whose shape depends on the number of classes."""
    import copy

    import torch
    from transformers import AutoModelForImageClassification

    shapes = []
    for more in (1, 2):
        twin = copy.deepcopy(own)
        twin.num_labels = own.num_labels + more
        with _quiet(), torch.device("meta"):
            network = AutoModelForImageClassification.from_config(twin, trust_remote_code=False)
        shapes.append({name: tensor.shape for name, tensor in network.state_dict().items()})
    return {name for name, shape in shapes[0].items() if shapes[1].get(name) != shape}


def _usual_processor(mapping: Any, own: Any) -> Any:
    """A model type's own image processor with its own defaults; None if it has none."""
    try:
        kinds = mapping[type(own)]
        kind: Any = kinds.get("torchvision") if isinstance(kinds, dict) else kinds[-1]
        return kind()
    except (KeyError, ImportError, TypeError):
        return None


def _config(config: ModelConfig) -> Any:
    _require()
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
    )

    name = _name(config)
    try:
        if _is_type(name):
            own = AutoConfig.for_model(name)
        else:
            folder = _folder(config)
            own = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        if isinstance(error, UserError):
            raise
        raise _unusable(config, error) from error
    if own.model_type in OTHER_INPUT:
        raise UserError(f"{config.name}: networks of type {own.model_type} take no plain images")
    classes = MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES.get(own.model_type)
    if isinstance(classes, tuple) and own.architectures is None:
        own.architectures = [classes[0]]  # of several, the plain one
    return own


def _folder(config: ModelConfig) -> Path:
    """The local folder, or the hub id's snapshot in the cache; its config fetched if need be."""
    name = _name(config)
    if (Path(name) / CONFIG).is_file():
        return Path(name)
    return hub_file(name, [CONFIG], config.name).parent


def _processor_folder(config: ModelConfig) -> Path | None:
    """Where the image processor's settings lie; None if there are none, as for a type.

    A hub id whose settings aren't cached is asked for them: the type's own would be
    silently wrong for many.
    """
    name = _name(config)
    if _is_type(name):
        return None
    if (Path(name) / CONFIG).is_file():
        return Path(name) if (Path(name) / PROCESSOR).is_file() else None
    found = optional_hub_file(name, [PROCESSOR], config.name)
    return None if found is None else found.parent


def _weights_folder(config: ModelConfig) -> Path:
    """The same, with the weights in it."""
    folder = _folder(config)
    files = (SAFETENSORS, INDEX, TORCH_BIN)
    if any((folder / name).is_file() for name in files):
        return folder
    name = _name(config)
    if (Path(name) / CONFIG).is_file():
        raise UserError(f"{config.name}: the folder holds none of {', '.join(files)}")
    found = hub_file(name, files, config.name)
    if found.name == INDEX:
        import json

        for part in sorted(set(json.loads(found.read_text())["weight_map"].values())):
            hub_file(name, [part], config.name)
    return found.parent


def _set_size(own: Any, image_shape: tuple[int, int, int]) -> None:
    """Networks built for images of one size say it in their configuration."""
    if hasattr(own, "image_size"):
        _, height, width = image_shape
        pair = isinstance(own.image_size, list | tuple) or height != width
        own.image_size = [height, width] if pair else height


def _is_type(name: str) -> bool:
    return not (Path(name) / CONFIG).is_file() and name in names()


def _name(config: ModelConfig) -> str:
    return config.name.partition("/")[2]


def _unusable(config: ModelConfig, error: BaseException) -> UserError:
    reason = " ".join(str(error).split())[:200]
    return UserError(f"{config.name} can't be used as an image classifier: {reason}")


def _require() -> None:
    try:
        import transformers  # noqa: F401
    except ImportError as error:
        raise UserError(
            "model.name hf/... needs transformers, which isn't installed: pip install 'idsweep[hf]'"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the reports and progress bars that transformers writes while loading."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
