"""Runs pytest beside a control plane, a stand-in for its node, and a controller: ours or upstream's.

    python -m tests.upstream [--controller upstream] [PYTEST ARGUMENT...]

With upstream's controller the walks are held to the program that they are about.
"""

import argparse
import logging
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.controlplane import programs as control_plane
from tests.controlplane.install import install, kubectl
from tests.controlplane.plane import ControlPlane, free_port
from tests.e2e.clusters import Real
from tests.upstream import programs
from tests.upstream.controllers import Controllers
from tests.upstream.walk import INSTANCE

log = logging.getLogger(__name__)


def main() -> int:
    """The exit status of pytest; 69 (EX_UNAVAILABLE) where the programs cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m tests.upstream", description=__doc__)
    parser.add_argument("--controller", choices=["ours", "upstream"], default="ours")
    asked, words = parser.parse_known_args()
    if not any(word.startswith("tests/") for word in words):
        words.append("tests/upstream")
    try:
        peers, found = programs.folder(), control_plane.find()
        programs.peer("hash")  # not by each worker of pytest
    except (programs.NotAvailable, control_plane.NotAvailable) as error:
        log.error("%s", error)
        return 69
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends, too
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rollouts-upstream-")))
        plane = stack.enter_context(ControlPlane(folder / "plane", found))
        install(plane.kubeconfig, found.gateway_api)
        kubectl(plane.kubeconfig, "apply", "-f", str(Path(__file__).with_name("images.yaml")))
        node = Real(plane.kubeconfig, folder / "home", stand_in=True)
        node.up()
        stack.callback(node.down)
        controllers = Controllers(plane.kubeconfig, node.controller_kubeconfig, peers, node.home)
        metrics = free_port()
        stack.enter_context(controllers.running(asked.controller, INSTANCE, metrics=metrics))
        seen = {
            "ROLLOUTS_TEST_KUBECONFIG": str(plane.kubeconfig),
            "ROLLOUTS_TEST_ACCOUNT": str(node.controller_kubeconfig),
            "ROLLOUTS_TEST_PEERS": str(peers),
            "ROLLOUTS_TEST_CONTROLLER": asked.controller,
            "ROLLOUTS_TEST_METRICS": f"http://127.0.0.1:{metrics}/metrics",
            "ROLLOUTS_TEST_LOG": str(controllers.log(INSTANCE)),
        }
        command = [sys.executable, "-m", "pytest", "-m", "upstream", *words]
        return subprocess.run(command, env={**os.environ, **seen}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
