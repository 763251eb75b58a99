"""What a connected Ray cluster lets in: with this process's token, and without."""

from __future__ import annotations

import os
import subprocess
import sys

STRANGER_SECONDS = 25.0
STRANGER = """
import sys
from ray._raylet import GcsClient
try:
    GcsClient(address=sys.argv[1]).internal_kv_keys(b"session_name", None, timeout=5)
    print("let in")
except Exception as error:
    print("refused" if "Authenti" in type(error).__name__ + str(error) else "unknown")
"""


def shows_token() -> bool:
    """Whether this process shows Ray's token, and demands it of others."""
    from ray._private.authentication.authentication_utils import is_token_auth_enabled

    return bool(is_token_auth_enabled())


def try_without_token() -> str:
    """What a connection without a token meets: "refused", "let in", or "" if that isn't known."""
    import ray

    kept = {key: value for key, value in os.environ.items() if "RAY_AUTH" not in key}
    # Its home is elsewhere, for in this one a token may lie.
    stranger = kept | {"RAY_AUTH_MODE": "disabled", "HOME": os.devnull}
    return _try(ray.get_runtime_context().gcs_address, stranger)


def try_with_token(address: str) -> str:
    """The same for this process, as it is."""
    return _try(address, dict(os.environ))


def _try(address: str, environment: dict[str, str]) -> str:
    try:
        done = subprocess.run(
            [sys.executable, "-c", STRANGER, address],
            env=environment,
            capture_output=True,
            text=True,
            timeout=STRANGER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    words = done.stdout.strip().splitlines()
    return words[-1] if words and words[-1] in ("refused", "let in") else ""


def dashboard() -> str:
    """HOST:PORT where the cluster's dashboard listens, or ""."""
    from ray._private.worker import get_dashboard_url

    return str(get_dashboard_url() or "")


def try_dashboard(address: str) -> str:
    """As `try_without_token`, at the dashboard."""
    import requests

    try:
        code = requests.get(f"http://{address}/api/jobs/", timeout=5).status_code
    except requests.RequestException:
        return ""
    return {401: "refused", 403: "refused", 200: "let in"}.get(code, "")
