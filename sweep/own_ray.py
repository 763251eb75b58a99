"""Ray on this machine alone: started in a thread, so that imports and plans need not wait."""

from __future__ import annotations

import logging
import os
import signal
import threading

from sweep.capacity import GIGABYTE, Node
from sweep.secrets import keep_token_private

# What a trial needs; torch imports its compiler's front end with the first optimizer.
NEEDED_TO_TRAIN = ["torch._dynamo", "sweep.training.trainable"]

# Workers that loaded the above are kept until trials take them. Ray's second is over before: it
# counts those as too many for which no core is free, and a trial reserves its cores first.
IDLE_SECONDS = 60

CLOSE_SECONDS = 60.0  # to wait for a start that is under way; it takes seconds


class OwnRay:
    """A cluster of one node that ends with this process.

    Its address is loopback's; Ray binds some of its ports on all addresses, behind the token.

    preload: whether the workers that Ray starts at once, one a core, import what training
        needs while the caller does other things.
    """

    def __init__(self, node: Node, *, preload: bool) -> None:
        keep_token_private()  # such a cluster demands one by itself, and writes it to a file
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
        os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"  # for Tune; workers inherit it
        import ray  # noqa: F401 - in the caller's thread: the other one finds it whole

        self._node = node
        self._preload = NEEDED_TO_TRAIN if preload else []
        self._handler = signal.getsignal(signal.SIGTERM)
        self._error: BaseException | None = None
        self._up, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._serve, name="own ray", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return once it is up; raises what Ray raised if it can't be."""
        self._up.wait()
        if self._error is not None:
            raise self._error
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handler)  # Ray's own would write a trace

    def close(self) -> None:
        """End it, also while it is starting."""
        import ray

        if not self._up.wait(CLOSE_SECONDS):
            return  # it hangs on the way up; the kernel ends it with this process
        ray.shutdown()
        self._over.set()
        self._thread.join(CLOSE_SECONDS)

    def _serve(self) -> None:
        import ray

        try:
            ray.init(
                address="local",
                num_cpus=int(self._node.cpus),
                num_gpus=int(self._node.gpus),
                _memory=int(self._node.memory * GIGABYTE),
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _node_ip_address="127.0.0.1",
                _system_config={
                    "preload_python_modules": self._preload,
                    "idle_worker_killing_time_threshold_ms": IDLE_SECONDS * 1000,
                },
            )
        except BaseException as error:
            self._error = error
        self._up.set()
        self._over.wait()  # the kernel ends Ray's processes with the thread that started them
