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
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.controlplane import programs as control_plane
from tests.controlplane.install import install
from tests.controlplane.plane import ControlPlane, free_port
from tests.e2e.clusters import Real
from tests.e2e.live import Live
from tests.upstream import programs
from tests.upstream.walk import INSTANCE

log = logging.getLogger(__name__)


@contextmanager
def ours(kubeconfig: Path, home: Path) -> Iterator[None]:
    """Our controller with its own account, and the node."""
    live = Live.on(Real(kubeconfig, home, stand_in=True), home, metrics_port=free_port())
    live.cluster.up()
    try:
        live.start_controller("--instance-id", INSTANCE)
        live.await_controller()
        yield
    finally:
        live.end()


@contextmanager
def theirs(kubeconfig: Path, home: Path, program: Path) -> Iterator[None]:
    """Upstream's controller, and the node."""
    node = Real(kubeconfig, home, stand_in=True)
    node.up()
    ports = [f"--{name}Port={free_port()}" for name in ("metrics", "healthz")]
    command = [str(program), f"--kubeconfig={kubeconfig}", f"--instance-id={INSTANCE}", *ports]
    # Its budget of requests is for one cluster; all walks at the same time need more.
    command += ["--leader-elect=false", "--qps=200", "--burst=400"]
    try:
        with (
            (home / "controller.log").open("wb") as log,
            subprocess.Popen(command, stdout=log, stderr=log) as process,
        ):
            time.sleep(3)  # it has no sign of its own that its caches are filled
            try:
                yield
            finally:
                process.terminate()
    finally:
        node.down()


def main() -> int:
    """The exit status of pytest; 69 (EX_UNAVAILABLE) where the programs cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m tests.upstream", description=__doc__)
    parser.add_argument("--controller", choices=["ours", "upstream"], default="ours")
    asked, words = parser.parse_known_args()
    if not any(word.startswith("tests/") for word in words):
        words.append("tests/upstream")
    try:
        peers, found = programs.folder(), control_plane.find()
    except (programs.NotAvailable, control_plane.NotAvailable) as error:
        log.error("%s", error)
        return 69
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends, too
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rollouts-upstream-")))
        plane = stack.enter_context(ControlPlane(folder / "plane", found))
        install(plane.kubeconfig, found.gateway_api)
        home = folder / "home"
        if asked.controller == "ours":
            stack.enter_context(ours(plane.kubeconfig, home))
        else:
            stack.enter_context(theirs(plane.kubeconfig, home, peers / "rollouts-controller"))
        seen = {"ROLLOUTS_TEST_KUBECONFIG": str(plane.kubeconfig), "ROLLOUTS_TEST_PEERS": str(peers)}
        seen |= {
            "ROLLOUTS_TEST_CONTROLLER": asked.controller,
            "ROLLOUTS_TEST_LOG": str(home / "controller.log"),
        }
        command = [sys.executable, "-m", "pytest", "-m", "upstream", *words]
        return subprocess.run(command, env={**os.environ, **seen}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
