"""A network and a process table of its own for a command.

In the network, the addresses of pods (10.244.0.0/16) are this machine's own, and nothing leads outside.
Whatever the command leaves running ends with it.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from typing import NoReturn

from tests.controlplane.programs import NotAvailable

POD_NETWORK = "10.244"
"""The first two numbers of the addresses of pods."""

_INSIDE = "ROLLOUTS_TEST_INSIDE"


def is_inside() -> bool:
    """Whether this process lives in a network of its own."""
    return _INSIDE in os.environ


def enter(module: str, words: Sequence[str]) -> NoReturn:
    """Become `python -m module words` in a network and a process table of its own.

    Raises:
        NotAvailable: unshare or ip is missing (Debian: util-linux, iproute2).
    """
    for program, package in (("unshare", "util-linux"), ("ip", "iproute2")):
        if shutil.which(program) is None:
            raise NotAvailable(f"`{program}` is not on PATH; install {package}")
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    set_up = f'ip link set lo up && ip route add local {POD_NETWORK}.0.0/16 dev lo && exec "$@"'
    command = [
        *("unshare", *user, "--net", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *("sh", "-c", set_up, "sh", sys.executable, "-m", module, *words),
    ]
    os.execvpe(command[0], command, {**os.environ, _INSIDE: "1"})
