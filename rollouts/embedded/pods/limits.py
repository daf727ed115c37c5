"""What a pod asks for and this node cannot give. Pure. The pod runs all the same, and an event says so."""

from collections.abc import Iterator

from rollouts.api.meta import Object

_CONTAINER = ("livenessProbe", "startupProbe", "lifecycle", "volumeMounts")
_POD = ("hostNetwork", "hostPID", "hostAliases", "topologySpreadConstraints", "schedulingGates")

# The token of the service account is mounted by admission in a real cluster; nobody asked for it.
_TOKEN = "kube-api-access-"  # noqa: S105 - the beginning of a volume's name


def without_effect(pod: Object) -> Iterator[str]:
    """The fields, as paths, that have no effect on this node."""
    spec = pod["spec"]
    for name in _POD:
        if spec.get(name):
            yield f".spec.{name}"
    for index, volume in enumerate(spec.get("volumes") or ()):
        if not volume["name"].startswith(_TOKEN):
            yield f".spec.volumes[{index}]"
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or ()):
            for name in _CONTAINER:
                if container.get(name):
                    yield f".spec.{part}[{index}].{name}"
