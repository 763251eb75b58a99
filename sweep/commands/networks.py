"""Commands on one network."""

from __future__ import annotations

from typing import Annotated

import typer

from sweep.commands.options import console

ModelArgument = Annotated[
    str,
    typer.Argument(help="A model: cnn, torchvision/resnet50, timm/NAME, hf/NAME, module:function."),
]


def layers(
    model: ModelArgument,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            "--layers",
            help="auto, all, last_hidden, a name, or a pattern such as layer*.0. Repeatable.",
        ),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="The same as --layers all.")] = False,
    tokens: Annotated[
        str, typer.Option(help="What is kept of tokens: flattened, mean or class.")
    ] = "flattened",
    weights: Annotated[
        str | None, typer.Option(help="Weights, where the network depends on them (its classes).")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Side of the images in pixels; default: the network's own.")
    ] = None,
    classes: Annotated[
        int | None, typer.Option(min=1, help="Classes; default: 10 for our families, else 1000.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Print a network's layers, how deep each lies, and which a profile takes."""
    import json

    from sweep.models.survey import named_model, survey
    from sweep.report.layers_table import layers_json, print_layers

    config = named_model(model, weights=weights, image_size=image_size)
    selectors = [*(layer or []), *(["all"] if all_ else [])]
    found = survey(config, classes, selectors or ["auto"], tokens)
    if json_:
        typer.echo(json.dumps(layers_json(found), indent=1))
    else:
        print_layers(found, console())
