"""Whether the tests can run on a cluster that was given to them."""

import json
import socket
from pathlib import Path

from tests.controlplane.install import kubectl
from tests.controlplane.namespaces import POD_NETWORK
from tests.controlplane.programs import NotAvailable

_OURS = "embedded"
"""The node of an earlier run."""


def check(kubeconfig: Path) -> None:
    """See that nobody else runs pods there, and that addresses of pods are local.

    Raises:
        NotAvailable: says what is in the way.
    """
    nodes = json.loads(kubectl(kubeconfig, "get", "nodes", "-o", "json"))["items"]
    others = [node["metadata"]["name"] for node in nodes if node["metadata"]["name"] != _OURS]
    if others:
        raise NotAvailable(
            f"KUBECONFIG={kubeconfig}: the cluster has the node {others[0]}, and the tests run its pods "
            "themselves; give them an API server and a controller manager alone"
        )
    address = f"{POD_NETWORK}.255.253"
    try:
        with socket.create_server((address, 0)):
            pass
    except OSError as error:
        raise NotAvailable(
            f"{address} is not an address of this machine, and pods have such; "
            f"run: ip route add local {POD_NETWORK}.0.0/16 dev lo"
        ) from error
