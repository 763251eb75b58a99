"""Secrets: hidden where a text is shown, refused where it would be kept, readable by one user."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

RAY_TOKEN = Path(".ray") / "auth_token"  # below the home, where Ray looks for it


def hide_password(text: str) -> str:
    """A text without the user and password that a URI in it may hold.

    >>> hide_password("postgresql://me:pw@host/db?password=pw is down")
    'postgresql://***@host/db?password=*** is down'
    """
    text = re.sub(r"://\S*@", "://***@", text)
    return re.sub(
        r"(?i)((?:password|passwd|secret\w*|access_key\w*|token)=)[^&\s]+", r"\1***", text
    )


def printable(text: str) -> str:
    """A text that a terminal shows and doesn't obey: names of folders may hold its commands.

    >>> printable(chr(27) + "[31mred") == chr(0xFFFD) + "[31mred"
    True
    """
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)


def has_password(uri: str) -> bool:
    """Whether a URI holds what should not be written down."""
    return hide_password(uri) != uri


def keep_token_private(home: Path | None = None) -> None:
    """Ray's token in the user's home: made if there is none, and readable by no other user.

    Whoever knows it can run code as this user, and Ray would write it as the umask says, which
    usually lets everyone on the machine read it. Where that can't be done, Ray is left to say so.
    """
    path = (Path.home() if home is None else home) / RAY_TOKEN
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:  # mode 600
                file.write(secrets.token_hex(32))
                file.flush()
                with suppress(FileExistsError):  # another process was first
                    os.link(file.name, path)
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
