"""The cluster under the engine: the embedded one, or a real API server with a node of processes."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rollouts.embedded import state
from tests.controlplane import kubeconfig
from tests.controlplane.install import ACCOUNT, kubectl

REAL = os.environ.get("ROLLOUTS_TEST_KUBECONFIG", "")
"""An administrator's kubeconfig of a real cluster, where the tests are to run on one."""


class Cluster(Protocol):
    """What the engine runs on."""

    kubeconfig: Path
    """Of somebody who may do everything."""
    controller_kubeconfig: Path
    """Of the controller."""

    def up(self) -> None:
        """Start it."""
        ...

    def down(self) -> None:
        """End it."""
        ...

    @property
    def ingress(self) -> str:
        """`host:port` of the ingress."""
        ...


def choose(home: Path) -> Cluster:
    """The real one where it is given, else an embedded one with its state in `home`."""
    return Real(Path(REAL), home) if REAL else Embedded(home)


@dataclass
class Embedded:
    """`rollouts cluster up`, in a state folder of its own."""

    home: Path

    def __post_init__(self) -> None:
        self.kubeconfig = self.controller_kubeconfig = self.home / "kubeconfig"

    def up(self) -> None:
        """Start it; its command must succeed."""
        self._rollouts("up")

    def down(self) -> None:
        """End it."""
        self._rollouts("down")

    @property
    def ingress(self) -> str:
        record = state.read(self.home)
        assert record is not None, "the cluster has ended"
        return record.ingress.removeprefix("http://")

    def _rollouts(self, verb: str) -> None:
        command = [sys.executable, "-m", "rollouts", "cluster", verb]
        env = {**os.environ, "ROLLOUTS_HOME": str(self.home), "HOME": str(self.home)}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr


@dataclass
class Real:
    """A real API server; the controller has its own account and no more.

    Pods are processes behind an Envoy, or are stood in for.
    """

    kubeconfig: Path
    home: Path
    stand_in: bool = False
    _node: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    _port: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.controller_kubeconfig = self.home / "controller.kubeconfig"

    def up(self) -> None:
        """Start the node, and make the controller's kubeconfig."""
        self.home.mkdir(parents=True)
        namespace, account = ACCOUNT
        token = self.home / "token"
        token.touch(mode=0o600)
        token.write_text(kubectl(self.kubeconfig, "create", "token", account, "-n", namespace))
        config = kubeconfig.by_token_file(kubeconfig.read(self.kubeconfig), token, namespace)
        kubeconfig.write(self.controller_kubeconfig, config)
        command = [sys.executable, "-m", "tests.controlplane.node"]
        command += [] if self.stand_in else ["--processes"]
        with (self.home / "node.log").open("ab") as log:
            self._node = subprocess.Popen(
                [*command, "--kubeconfig", str(self.kubeconfig)], stdout=subprocess.PIPE, stderr=log
            )
        assert self._node.stdout is not None
        said = self._node.stdout.readline()
        assert said, (self.home / "node.log").read_text()[-2000:]
        self._port = int(said)

    def down(self) -> None:
        """End the node, and with it all pods; it must not have ended before."""
        if self._node is not None:
            ended = self._node.poll()
            self._node.terminate()
            self._node.communicate(timeout=30)
            said = (self.home / "node.log").read_text()[-2000:]
            assert ended is None, f"the node ended by itself, with status {ended}: {said}"

    @property
    def ingress(self) -> str:
        return f"127.0.0.1:{self._port}"
