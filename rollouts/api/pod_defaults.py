"""What the API server fills in where the spec of a pod, or of a template of pods, says nothing."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_IMAGE = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?P<digest>@\w+:[0-9a-f]+)?",
    re.ASCII,
)
_POLICY = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_VOLUMES: dict[str, dict[str, Any]] = {
    "secret": {"defaultMode": 420},
    "configMap": {"defaultMode": 420},
    "downwardAPI": {"defaultMode": 420},
    "projected": {"defaultMode": 420},
    "hostPath": {"type": ""},
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": {"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False},
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}


def fill(target: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Set what is not set."""
    for key, value in values.items():
        if target.get(key) is None:
            target[key] = value


def pod_spec(spec: dict[str, Any]) -> None:
    """A pod's own defaults, as in a template too."""
    fill(
        spec,
        {
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "schedulerName": "default-scheduler",
        },
    )
    spec.setdefault("securityContext", {})
    if account := spec.get("serviceAccountName"):
        spec.setdefault("serviceAccount", account)
    for container in _of(spec, "containers", "initContainers", "ephemeralContainers"):
        _container(container)
    for volume in _of(spec, "volumes"):
        _volume(volume)


def _of(parent: Mapping[str, Any], *names: str) -> Iterator[dict[str, Any]]:
    """What stands in the lists of such names."""
    for name in names:
        yield from parent.get(name) or ()


def _container(container: dict[str, Any]) -> None:
    fill(container, _POLICY)
    container.setdefault("resources", {})
    fill(container, {"imagePullPolicy": _pull_policy(container.get("image", ""))})
    for port in _of(container, "ports"):
        fill(port, {"protocol": "TCP"})
    for source in _of(container, "env"):
        value = source.get("valueFrom") or {}
        _field_reference(value)
        if (key := value.get("fileKeyRef")) is not None:
            fill(key, {"optional": False})
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if (found := container.get(probe)) is not None:
            fill(found, _PROBE)
            _request(found)
    for hook in (container.get("lifecycle") or {}).values():
        _request(hook if isinstance(hook, dict) else {})


def _pull_policy(image: str) -> str:
    """Kubernetes pulls anew only what may move: no tag, or `latest`."""
    read = _IMAGE.fullmatch(image)
    return "Always" if read and read["tag"] in {None, "latest"} and not read["digest"] else "IfNotPresent"


def _request(handler: dict[str, Any]) -> None:
    if (get := handler.get("httpGet")) is not None:
        fill(get, {"path": "/", "scheme": "HTTP"})
    if (call := handler.get("grpc")) is not None:
        fill(call, {"service": ""})


def _field_reference(source: dict[str, Any]) -> None:
    if (reference := source.get("fieldRef")) is not None:
        fill(reference, {"apiVersion": "v1"})


def _volume(volume: dict[str, Any]) -> None:
    if not volume.keys() - {"name"}:
        volume["emptyDir"] = {}
    for name, values in _VOLUMES.items():
        if volume.get(name) is not None:
            fill(volume[name], values)
    for item in _of(volume.get("downwardAPI") or {}, "items"):
        _field_reference(item)
    for source in _of(volume.get("projected") or {}, "sources"):
        if (token := source.get("serviceAccountToken")) is not None:
            fill(token, {"expirationSeconds": 3600})
        for item in _of(source.get("downwardAPI") or {}, "items"):
            _field_reference(item)
    claim = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
    if claim is not None:
        fill(claim.setdefault("spec", {}), {"volumeMode": "Filesystem"})
