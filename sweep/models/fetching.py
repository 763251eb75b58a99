"""Weights by name: from the caches of torch and Hugging Face, else from the network.

What is cached is used without the network. A download is announced in the log; one that
fails is one line that says what was looked for, and where it may be put by hand.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlparse

from sweep.errors import UserError

logger = logging.getLogger("idsweep")

SAFETENSORS = "model.safetensors"
TORCH_BIN = "pytorch_model.bin"


def torch_hub_file(url: str, model: str) -> Path:
    """The file of a URL in torch's cache (below TORCH_HOME), fetched if it isn't there.

    A file that is there is taken as it is, as torch does; one that is fetched must have
    the hash in its name.
    """
    import torch

    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name
    if path.is_file():
        return path
    logger.warning("%s: fetching %s to %s", model, url, path)
    digest = re.search(r"-([a-f0-9]{8,})\.", path.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # It writes beside the path and renames: a broken download leaves nothing.
        torch.hub.download_url_to_file(
            url, str(path), hash_prefix=digest[1] if digest else None, progress=False
        )
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"{model}: the weights {url} can't be fetched ({_reason(error)}); put the file at "
            f"{path}, or set TORCH_HOME to the folder that holds hub/checkpoints/{path.name}"
        ) from error
    return path


def hub_file(repository: str, names: Sequence[str], model: str) -> Path:
    """The first of `names` that a Hugging Face repository has: cached (HF_HOME), else fetched.

    repository: "organisation/name", or with "@revision".
    """
    found = cached_hub_file(repository, names)
    if found is not None:
        return found
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    repo_id, _, revision = repository.partition("@")
    logger.warning("%s: fetching %s of %s from Hugging Face", model, " or ".join(names), repo_id)
    reason: Exception = UserError("no such file")
    for name in names:
        try:
            return Path(hf_hub_download(repo_id, name, revision=revision or None))
        except LocalEntryNotFoundError as error:
            reason = error
            break
        except EntryNotFoundError as error:
            reason = error
        except Exception as error:
            reason = error
            break
    folder = hub_folder(repository)
    raise UserError(
        f"{model}: {' or '.join(names)} of {repo_id} can't be fetched from Hugging Face "
        f"({_reason(reason)}); put it at {folder / 'snapshots' / (revision or 'main') / names[0]}, "
        "or set HF_HOME to the folder that holds hub/"
    )


def cached_hub_file(repository: str, names: Sequence[str]) -> Path | None:
    """The first of `names` in Hugging Face's cache, without network; None if none is there."""
    from huggingface_hub import try_to_load_from_cache

    repo_id, _, revision = repository.partition("@")
    for name in names:
        found = try_to_load_from_cache(repo_id, name, revision=revision or None)
        if isinstance(found, str):
            return Path(found)
    return None


def hub_folder(repository: str) -> Path:
    """Where Hugging Face's cache keeps a repository."""
    from huggingface_hub import constants

    name = repository.partition("@")[0].replace("/", "--")
    return Path(constants.HF_HUB_CACHE) / f"models--{name}"


def _reason(error: BaseException) -> str:
    """The first line of what went wrong at the root."""
    text = " ".join(str(error).split())
    return (text[:160] + " ...") if len(text) > 160 else text or type(error).__name__
