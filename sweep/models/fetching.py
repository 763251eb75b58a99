"""Weights by name: from the caches of torch and Hugging Face, else from the network.

What is cached is used without the network. A download is announced in the log; one that
fails is one line that says what was looked for, and where it may be put by hand.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from sweep.errors import UserError

logger = logging.getLogger("idsweep")

SAFETENSORS = "model.safetensors"
TORCH_BIN = "pytorch_model.bin"
PATIENCE = 10  # seconds for the hub to answer at all


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

    repository: "organisation/name", or with "@revision". Raises UserError if none of them
    is there, or none can be fetched.
    """
    found = optional_hub_file(repository, names, model)
    if found is None:
        raise UserError(f"{model}: {repository} on Hugging Face has no {' or '.join(names)}")
    return found


def optional_hub_file(repository: str, names: Sequence[str], model: str) -> Path | None:
    """The same; None if the repository has none of `names`, as the hub says or the cache knows.

    Raises UserError if the hub must be asked and can't be.
    """
    found = cached_hub_file(repository, names)
    if found is not None:
        return found
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    repo_id, _, revision = repository.partition("@")
    unknown = [name for name in names if not _known_absent(repository, name)]
    if unknown:
        files = " or ".join(unknown)
        logger.warning("%s: fetching %s of %s from Hugging Face", model, files, repo_id)
    for name in unknown:
        try:
            _reach_hub()
            return Path(hf_hub_download(repo_id, name, revision=revision or None))
        except Exception as error:
            if isinstance(error, EntryNotFoundError) and not isinstance(
                error, LocalEntryNotFoundError
            ):
                continue
            place = hub_folder(repository) / "snapshots" / _snapshot(repository) / name
            raise UserError(
                f"{model}: {files} of {repo_id} can't be fetched from Hugging Face "
                f"({_reason(error)}); put it at {place}, or set HF_HOME to the folder that "
                "holds hub/"
            ) from error
    return None


def cached_hub_file(repository: str, names: Sequence[str]) -> Path | None:
    """The first of `names` in Hugging Face's cache, without network; None if none is there."""
    found = (_in_cache(repository, name) for name in names)
    return next((Path(path) for path in found if isinstance(path, str)), None)


def hub_folder(repository: str) -> Path:
    """Where Hugging Face's cache keeps a repository."""
    from huggingface_hub import constants

    name = repository.partition("@")[0].replace("/", "--")
    return Path(constants.HF_HUB_CACHE) / f"models--{name}"


def _reach_hub() -> None:
    """Raises what the network says at once: downloads retry for half a minute."""
    from huggingface_hub import constants, get_session

    get_session().head(constants.ENDPOINT, timeout=PATIENCE)


def _in_cache(repository: str, name: str) -> Any:
    """The path in the cache, None if it isn't there, a mark if the hub has no such file."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    repo_id, _, revision = repository.partition("@")
    try:
        return try_to_load_from_cache(repo_id, name, revision=revision or None)
    except HFValidationError as error:
        raise UserError(f"hf/{repository}: no hub id and no folder ({_reason(error)})") from error


def _known_absent(repository: str, name: str) -> bool:
    return _in_cache(repository, name) is not None


def _snapshot(repository: str) -> str:
    """The folder below `snapshots` that stands for the wanted revision."""
    revision = repository.partition("@")[2] or "main"
    reference = hub_folder(repository) / "refs" / revision
    return reference.read_text().strip() if reference.is_file() else revision


def _reason(error: BaseException) -> str:
    """The first line of what went wrong at the root."""
    text = " ".join(str(error).split())
    return (text[:160] + " ...") if len(text) > 160 else text or type(error).__name__
