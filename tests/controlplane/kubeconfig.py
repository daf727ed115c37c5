"""Kubeconfigs of the control plane: for holders of a certificate, and for holders of a token."""

import base64
from pathlib import Path

import yaml

from rollouts.api.meta import Object


def _inline(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def by_certificate(server: str, ca: Path, certificate: Path, key: Path) -> Object:
    """For a user whom the authority of the cluster has signed."""
    user = {"client-certificate-data": _inline(certificate), "client-key-data": _inline(key)}
    return _config(server, _inline(ca), user)


def by_token_file(admin: Object, token: Path, namespace: str) -> Object:
    """As `admin`, but for the holder of the token in a file, which is read again when it changes.

    `namespace` is its own, as the pod of the controller has one.
    """
    cluster = admin["clusters"][0]["cluster"]
    config = _config(cluster["server"], cluster["certificate-authority-data"], {"tokenFile": str(token)})
    config["contexts"][0]["context"]["namespace"] = namespace
    return config


def _config(server: str, ca: str, user: Object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": {"server": server, "certificate-authority-data": ca}}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "user"}}],
        "current-context": "tests",
    }


def read(path: Path) -> Object:
    """A kubeconfig as it stands in a file."""
    found: Object = yaml.safe_load(path.read_text())
    return found


def write(path: Path, config: Object) -> Path:
    """Write one for its owner's eyes."""
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
    return path
