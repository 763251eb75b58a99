"""Reaching a Ray cluster that runs: whether it answers, lets this process in, and joining it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading

from sweep.errors import UserError

CONNECT_SECONDS = 3.0


def join(address: str) -> None:
    """Connect to a running cluster; RAY_AUTH_MODE must say whether it demands a token."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    import ray

    handler = signal.getsignal(signal.SIGTERM)
    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # Ray's own would abort this process


def check_answers(address: str) -> None:
    """Ray waits long for a cluster that isn't there; a connection tells within seconds."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto":
        return
    if not colon or not port.isdigit():
        raise UserError(f"--address takes HOST:PORT or auto, but got {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"nothing answers at Ray address {address} ({error}): "
            "start a cluster there with `ray start --head`, or leave --address out"
        ) from error


def show_token(address: str) -> None:
    """Raise UserError if the cluster turns this process away.

    Ray itself would try for half a minute, and say so on standard error once a second.
    """
    import grpc  # type: ignore[import-untyped]
    import ray
    from ray._private import services
    from ray._private.grpc_utils import init_grpc_channel
    from ray.core.generated import autoscaler_pb2, autoscaler_pb2_grpc

    found = services.canonicalize_bootstrap_address(address)  # of "auto", what runs here
    if found is None:
        return
    try:
        with init_grpc_channel(found) as channel:
            service = autoscaler_pb2_grpc.AutoscalerStateServiceStub(channel)
            service.GetClusterStatus(
                autoscaler_pb2.GetClusterStatusRequest(), timeout=CONNECT_SECONDS
            )
    except ray.exceptions.AuthenticationError as error:
        raise no_token(address) from error
    except (grpc.RpcError, ValueError) as error:
        # Whatever else is wrong, Ray says it better when it connects.
        if getattr(error, "code", lambda: None)() == grpc.StatusCode.UNAUTHENTICATED:
            raise no_token(address) from error


def no_token(address: str | None) -> UserError:
    """What to say to whom a cluster turns away."""
    return UserError(
        f"the Ray cluster at {address} demands its token, and this process has none or another: "
        "set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to a copy of the head's "
        "~/.ray/auth_token"
    )
