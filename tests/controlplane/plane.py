"""Starts and ends the control plane; each program may be killed and started again, as faults ask."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.controlplane import kubeconfig, pki
from tests.controlplane.programs import HERE, NotAvailable, Programs

_START_LIMIT = 180.0
"""Seconds; a few are usual, and CI's two cores may be busy."""
_STOP_LIMIT = 20.0

_DISABLED_CONTROLLERS = (
    # There is no node but the stand-in, which sends no heartbeats and has no cloud.
    "node-lifecycle-controller",
    "taint-eviction-controller",
    "node-ipam-controller",
    "node-route-controller",
    "service-lb-controller",
    "cloud-node-lifecycle-controller",
)


class ControlPlane:
    """etcd, kube-apiserver and kube-controller-manager on loopback, with all data in one folder.

    As a default cluster has them: RBAC and the Node authorizer, the default admission plugins and
    NodeRestriction, service account tokens.

    Args:
        folder: where everything is kept; it is deleted at the end.
        programs: what is started.
        audit: the folder for what the controller's account asks for; by default inside the other.
        flags: further ones of kube-apiserver.
        without: controllers of kube-controller-manager that are not to run.
    """

    def __init__(
        self,
        folder: Path,
        programs: Programs,
        *,
        audit: Path | None = None,
        flags: Sequence[str] = (),
        without: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self._keep = bool(os.environ.get("ROLLOUTS_TEST_KEEP"))
        self.programs = programs
        self.port = free_port()
        self.kubeconfig = folder / "kubeconfig"
        """Of an administrator."""
        self.audit = audit or folder / "audit"
        """A folder: what the controller's account asked for, a JSON object a line."""
        self._flags = tuple(flags)
        self._without = (*_DISABLED_CONTROLLERS, *without)
        self._etcd_port, self._peer_port = free_port(), free_port()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def server(self) -> str:
        """The URL of the API."""
        return f"https://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        try:
            self._make_certificates()
            self.start("etcd")
            self.start("kube-apiserver")
            self.await_ready()
            self.start("kube-controller-manager")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End everything and delete the folder, unless ROLLOUTS_TEST_KEEP is set."""
        for name in ("kube-controller-manager", "kube-apiserver", "etcd"):
            # State is thrown away, so nothing needs to be put in order.
            self.kill(name)
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name: str) -> None:
        """Start one of the programs, on the same ports and data as before."""
        commands = {
            "etcd": (*self.programs.etcd, *self._etcd_flags()),
            "kube-apiserver": (*self.programs.api_server, *self._api_server_flags()),
            "kube-controller-manager": (
                *self.programs.controller_manager,
                *self._controller_manager_flags(),
            ),
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                commands[name], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End one of the programs, if it runs."""
        process = self._running.pop(name, None)
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def await_ready(self) -> None:
        """Wait until the API server says that it can be used.

        Raises:
            NotAvailable: it did not, or a program has ended; the message ends with its last words.
        """
        context = ssl.create_default_context(cafile=str(self._file("ca.crt")))
        context.load_cert_chain(self._file("admin.crt"), self._file("admin.key"))
        deadline = time.monotonic() + _START_LIMIT
        while not _answers(f"{self.server}/readyz", context):
            for name, process in self._running.items():
                if process.poll() is not None:
                    raise NotAvailable(f"{name} ended with {process.returncode}: {self.last_words(name)}")
            if time.monotonic() > deadline:
                said = self.last_words("kube-apiserver")
                raise NotAvailable(f"kube-apiserver is not ready after {_START_LIMIT:g} s: {said}")
            time.sleep(0.05)

    def last_words(self, name: str) -> str:
        """The end of a program's log."""
        lines = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-15:])

    def _file(self, name: str) -> Path:
        return self.folder / "pki" / name

    def _make_certificates(self) -> None:
        folder = self.folder / "pki"
        folder.mkdir(mode=0o700, parents=True)
        authority, front = pki.Authority(folder, "ca"), pki.Authority(folder, "front-proxy-ca")
        hosts = ("127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
        authority.issue("kube-apiserver", hosts=hosts)
        authority.issue("etcd", hosts=("127.0.0.1", "localhost"))
        authority.issue("etcd-client")
        front.issue("front-proxy-client")
        pki.new_key(folder / "service-accounts.key")
        for name, groups in (("admin", ["system:masters"]), ("system:kube-controller-manager", [])):
            certificate, key = authority.issue(name, groups=groups)
            path = self.kubeconfig if name == "admin" else self.folder / "controller-manager.kubeconfig"
            config = kubeconfig.by_certificate(self.server, authority.certificate, certificate, key)
            kubeconfig.write(path, config)

    def _etcd_flags(self) -> Iterable[str]:
        clients, peers = f"https://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{self._peer_port}"
        return (
            f"--data-dir={self.folder / 'etcd'}",
            # Nobody's data: what a power cut would lose is not worth the wait for a disk.
            "--unsafe-no-fsync",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--client-cert-auth",
            f"--trusted-ca-file={self._file('ca.crt')}",
            f"--cert-file={self._file('etcd.crt')}",
            f"--key-file={self._file('etcd.key')}",
            # Its own client would have to show a certificate for clients.
            "--enable-grpc-gateway=false",
            "--quota-backend-bytes=4294967296",
            "--log-level=error",
        )

    def _api_server_flags(self) -> Iterable[str]:
        return (
            f"--etcd-servers=https://127.0.0.1:{self._etcd_port}",
            f"--etcd-cafile={self._file('ca.crt')}",
            f"--etcd-certfile={self._file('etcd-client.crt')}",
            f"--etcd-keyfile={self._file('etcd-client.key')}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={self._file('kube-apiserver.crt')}",
            f"--tls-private-key-file={self._file('kube-apiserver.key')}",
            f"--client-ca-file={self._file('ca.crt')}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._file('service-accounts.key')}",
            f"--service-account-signing-key-file={self._file('service-accounts.key')}",
            f"--requestheader-client-ca-file={self._file('front-proxy-ca.crt')}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={self._file('front-proxy-client.crt')}",
            f"--proxy-client-key-file={self._file('front-proxy-client.key')}",
            # A Service that points at a loopback address would be refused by its own validation.
            "--endpoint-reconciler-type=none",
            f"--audit-policy-file={HERE / 'audit-policy.yaml'}",
            f"--audit-log-path={self.audit / f'{self.port}.log'}",
            "--profiling=false",
            *self._flags,
        )

    def _controller_manager_flags(self) -> Iterable[str]:
        return (
            f"--kubeconfig={self.folder / 'controller-manager.kubeconfig'}",
            "--secure-port=0",
            "--leader-elect=false",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={self._file('service-accounts.key')}",
            f"--root-ca-file={self._file('ca.crt')}",
            f"--cluster-signing-cert-file={self._file('ca.crt')}",
            f"--cluster-signing-key-file={self._file('ca.key')}",
            f"--controllers=*,{','.join(f'-{name}' for name in self._without)}",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        )


def _answers(url: str, context: ssl.SSLContext) -> bool:
    try:
        with urllib.request.urlopen(url, context=context, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
