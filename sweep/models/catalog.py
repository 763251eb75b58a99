"""A trial's network, whatever it is made from, with its preprocessing inside.

Legend: N images, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from sweep.errors import TrialFailure, UserError
from sweep.models import family_models, hf_models, own_models, timm_models, torchvision_models
from sweep.models.geometry import for_encoded, for_tensors, with_statistics
from sweep.models.names import check_settings, source_of
from sweep.models.preprocessing import Normalize, Preprocessing
from sweep.models.settings import is_file_name
from sweep.models.weights import read_state, with_weights

if TYPE_CHECKING:
    from sweep.config import ModelConfig
    from sweep.data.partitions import ImageData

Shape = tuple[int, int, int]


LIBRARIES: dict[str, ModuleType] = {
    "torchvision": torchvision_models,
    "timm": timm_models,
    "hf": hf_models,
}
BUILDERS: dict[str, Callable[[ModelConfig, int, Shape], nn.Module]] = {
    "family": family_models.build,
    "own": own_models.build,
    "torchvision": torchvision_models.build,
    "timm": timm_models.build,
    "hf": hf_models.build,
}


class ImageNetwork(nn.Module):
    """A network with its preprocessing: children `input` (Normalize) and `network`.

    Takes (N, C, H, W) uint8 and gives (N, num_outputs) logits, whatever structure the
    inner network returns.
    """

    def __init__(self, network: nn.Module, preprocessing: Preprocessing, num_outputs: int) -> None:
        super().__init__()
        self.prepare_with(preprocessing)  # first: the order of children tells the wrapper
        self.network = network
        self.num_outputs = num_outputs
        self.memory_format = torch.contiguous_format

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        images = images.contiguous(memory_format=self.memory_format)
        return logits_of(self.network(self.input(images)))

    def prepare_with(self, preprocessing: Preprocessing) -> None:
        """Take images prepared so from now on."""
        self.input = Normalize(preprocessing.mean, preprocessing.std)
        self.preprocessing = preprocessing

    def set_memory_format(self, memory_format: torch.memory_format) -> None:
        """Lay what convolves images and, from now on, images in memory so: no number changes."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=memory_format)
        self.memory_format = memory_format


def logits_of(output: Any) -> torch.Tensor:
    """The logits in what a network returns: a tensor, or what is named so, or comes first.

    Raises TrialFailure if there is no tensor.
    """
    if isinstance(output, torch.Tensor):
        return output
    named = output.get("logits") if isinstance(output, dict) else getattr(output, "logits", None)
    if isinstance(named, torch.Tensor):
        return named
    values = output.values() if isinstance(output, dict) else output
    if isinstance(output, dict | list | tuple):
        for value in values:
            if isinstance(value, torch.Tensor):
                return value
    raise TrialFailure(f"the network returns a {type(output).__name__} without logits")


def build_network(
    config: ModelConfig, data: ImageData, seed: int, keep_head: bool = True
) -> ImageNetwork:
    """The network of a trial before training: the same for the same arguments.

    keep_head: a network with weights keeps its head and its own number of classes; False
        gives it a head for the data's classes, as fine-tuning needs.

    The global random state is left as it was. Raises UserError in one line for what can't
    be built, fetched or loaded.
    """
    check_settings(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        preprocessing, shape = _input(config, data)
        network, outputs = _built(config, data.num_classes, shape, keep_head)
        if source_of(config.name) == "own":
            outputs = _num_outputs(network, shape, config.name)
    return ImageNetwork(network, preprocessing, outputs)


def _built(
    config: ModelConfig, num_classes: int, shape: Shape, keep_head: bool
) -> tuple[nn.Module, int]:
    """The bare network and how many logits it gives."""
    source = source_of(config.name)
    if config.weights is None:
        return BUILDERS[source](config, num_classes, shape), num_classes
    if not is_file_name(config.weights):
        loaded: tuple[nn.Module, int] = LIBRARIES[source].load(
            config, config.weights, num_classes, shape, keep_head
        )
        return loaded
    state = read_state(Path(config.weights))
    if source == "torchvision":
        state = torchvision_models.renamed(config.name.partition("/")[2], state)
    return with_weights(
        lambda number: BUILDERS[source](config, number, shape),
        state,
        num_classes,
        keep_head,
        config.weights,
    )


def _input(config: ModelConfig, data: ImageData) -> tuple[Preprocessing, Shape]:
    """How images are prepared for the network, and the (C, H, W) that it then gets."""
    library = LIBRARIES.get(source_of(config.name))
    own: Preprocessing | None = library.preprocessing(config) if library is not None else None
    if own is not None and len(data.mean) not in (1, own.channels):
        raise UserError(
            f"{config.name} takes images of 1 or {own.channels} channels, but those of "
            f"{data.name} have {len(data.mean)}"
        )
    if data.image_shape is None:
        geometry = for_encoded(config.name, own, config.image_size, len(data.mean))
    else:
        as_stored = own is None
        if own is not None and config.image_size is None and config.weights is None:
            as_stored = _takes(config, data.image_shape, own)
        geometry = for_tensors(data.image_shape, own, config.image_size, as_stored)
    mean, std = (own.mean, own.std) if own and config.weights else (data.mean, data.std)
    geometry = with_statistics(geometry, mean, std)
    sides = geometry.size or (data.image_shape or (0, 0, 0))[1:]
    return geometry, (geometry.channels, sides[0], sides[1])


def _takes(config: ModelConfig, stored: Shape, own: Preprocessing) -> bool:
    """Whether a library's network takes images as small or large as they are stored."""
    if own.size is None or stored[1:] == own.size:
        return True
    if LIBRARIES[source_of(config.name)].has_fixed_size(config):
        return False
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        network = BUILDERS[source_of(config.name)](config, 2, (3, *own.size)).eval()
        try:
            logits_of(network(torch.zeros(1, 3, *stored[1:])))
        except Exception:
            # Whatever a network of another's says to a size that isn't its own.
            return False
    return True


def _num_outputs(network: nn.Module, shape: Shape, name: str) -> int:
    """How many logits a network gives; raises UserError if it gives none for such images."""
    training = network.training
    try:
        with torch.no_grad():
            logits = logits_of(network.eval()(torch.zeros(2, *shape)))
    except Exception as error:
        raise UserError(
            f"{name}: the network fails for images of {shape} "
            f"({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        ) from error
    finally:
        network.train(training)
    if logits.ndim != 2 or len(logits) != 2:
        raise UserError(
            f"{name}: the network must return (N, classes) logits, but for 2 images "
            f"of {shape} it returns {tuple(logits.shape)}"
        )
    return logits.shape[1]
