"""Every torchvision classifier and every timm model, traced without numbers: what goes wrong?

For each: does the trace work, is the last hidden layer what enters the library's own
classifier, and does `auto` take between 5 and 40 layers? Networks are built on the device
meta, so nothing is loaded and little memory is needed.

    python benchmarks/layers_of_registries.py [torchvision|timm] [first] [step]
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator

import torch
from torch import nn

from sweep.models.layers import layers_of
from sweep.models.trace import CONVOLUTIONS, LINEAR, trace_network

FEWEST, MOST = 5, 40
CLASSES = 1000


def torchvision_networks() -> Iterator[tuple[str, nn.Module, list[nn.Module], int]]:
    """Name, network, the modules that may be its classifier, image size."""
    from torchvision import models

    for name in models.list_models(module=models):
        options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        network = on_meta(models.get_model, name, **options)
        heads = [getattr(network, n, None) for n in ("fc", "classifier", "head", "heads")]
        yield name, network, [head for head in heads if head is not None], image_size(name)


def image_size(name: str) -> int:
    """Side of the images that a torchvision network takes: Inception's is larger."""
    return 299 if name == "inception_v3" else 224


def timm_networks(first: int, step: int) -> Iterator[tuple[str, nn.Module, list[nn.Module], int]]:
    """The same for every `step`-th of timm's."""
    import timm

    for name in timm.list_models()[first::step]:
        network = on_meta(timm.create_model, name, num_classes=CLASSES)
        found = getattr(network, "get_classifier", lambda: ())()
        heads = list(found) if isinstance(found, tuple | list | nn.ModuleList) else [found]
        yield name, network, heads, network.pretrained_cfg["input_size"][-1]


def on_meta(build, name: str, **options) -> nn.Module:  # type: ignore[no-untyped-def]
    """Built on the device meta, or where that needs numbers, really, and then taken there."""
    try:
        with torch.device("meta"):
            return build(name, **options).to("meta")
    except (NotImplementedError, RuntimeError):
        return build(name, **options).to("meta")


def verdict(network: nn.Module, heads: list[nn.Module], size: int) -> tuple[str, int]:
    """In a word or a sentence how it went, and how many layers auto takes."""
    trace = trace_network(network, torch.empty(5, 3, size, size, device="meta"))
    layers = layers_of(network, trace)
    classifier = dict(network.named_modules())[trace.classifier.module]
    if not heads:
        return "has no classifier by its own account", len(layers)
    final = [m for head in heads for m in head.modules() if isinstance(m, LINEAR + CONVOLUTIONS)]
    if not any(classifier is module for module in final):
        return f"last hidden enters {trace.classifier.module}, not the classifier", len(layers)
    if sum(layer.last_hidden for layer in layers) != 1:
        return "last hidden isn't one of auto's layers", len(layers)
    if not FEWEST <= len(layers) <= MOST:
        return f"auto takes {len(layers)} layers", len(layers)
    return "ok", len(layers)


def main() -> None:
    """Print a line for each network that isn't ok, and the counts."""
    library = sys.argv[1] if len(sys.argv) > 1 else "torchvision"
    first, step = (int(text) for text in (sys.argv[2:4] or ("0", "1")))
    networks = torchvision_networks() if library == "torchvision" else timm_networks(first, step)
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    counts: Counter[str] = Counter()
    lengths = []
    for name, network, heads, size in networks:
        try:
            word, length = verdict(network, heads, size)
        except Exception as error:  # whatever it is, it belongs in the list
            word, length = f"{type(error).__name__}: {' '.join(str(error).split())[:150]}", 0
        counts["ok" if word == "ok" else "not ok"] += 1
        lengths.append(length)
        if word != "ok":
            print(f"{name}: {word}", flush=True)
    middle = sorted(lengths)[len(lengths) // 2]
    print(
        f"{library}: {dict(counts)}; auto takes {min(lengths)} to {max(lengths)} layers, "
        f"half of them {middle} or fewer; {time.perf_counter() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
