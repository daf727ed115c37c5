"""What the API server checks of pods and of templates of pods beyond their shape."""

from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.api.meta import Object
from rollouts.api.quantities import worth
from rollouts.embedded.api.metadata import LABEL_RULE, is_label
from rollouts.embedded.api.status import Cause, duplicate, forbidden_field, required, unsupported, wrong

ALWAYS, ENDING, ANY = ("Always",), ("OnFailure", "Never"), ("Always", "OnFailure", "Never")
"""The restart policies of pods that run on, of those that end, and of those that nothing is known of."""
PORT_RULE = "must be between 1 and 65535, inclusive"
PROTOCOLS = ("SCTP", "TCP", "UDP")
_UPDATE_RULE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_errors(obj: Object, old: Object | None) -> Iterator[Cause]:
    """What is wrong with a pod, given what it replaces."""
    yield from pod_spec_errors(obj["spec"], "spec", ANY)
    if old is not None and _frozen_part(obj["spec"]) != _frozen_part(old["spec"]):
        yield forbidden_field("spec", _UPDATE_RULE)
    # A scheduler binds a pod once.
    if old is not None and (node := old["spec"].get("nodeName")) and obj["spec"].get("nodeName") != node:
        yield forbidden_field("spec.nodeName", "may not be changed")


def _frozen_part(spec: Mapping[str, Any]) -> dict[str, Any]:
    free = (
        "nodeName",
        "activeDeadlineSeconds",
        "tolerations",
        "terminationGracePeriodSeconds",
        "containers",
        "initContainers",
    )
    rest = {key: value for key, value in spec.items() if key not in free}
    for key in ("containers", "initContainers"):
        rest[key] = [{k: v for k, v in each.items() if k != "image"} for each in spec.get(key) or ()]
    return rest


def pod_spec_errors(spec: Mapping[str, Any], at: str, restart: tuple[str, ...]) -> Iterator[Cause]:
    """What is wrong with a pod's spec, which stands at a path, when its pods may be restarted so."""
    containers = spec.get("containers") or ()
    if not containers:
        yield required(f"{at}.containers")
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    names: set[str] = set()
    for index, container in enumerate(containers):
        yield from _container_errors(container, f"{at}.containers[{index}]", names, volumes)
    policy = spec.get("restartPolicy")
    if restart == ENDING and policy in (None, "", "Always"):
        yield required(f"{at}.restartPolicy", 'valid values: "OnFailure", "Never"')
    elif policy not in restart:
        yield unsupported(f"{at}.restartPolicy", policy, restart)


def _container_errors(
    container: Mapping[str, Any], at: str, names: set[str], volumes: set[str]
) -> Iterator[Cause]:
    name = container.get("name")
    if not name:
        yield required(f"{at}.name")
    elif not is_label(name):
        yield wrong(f"{at}.name", name, LABEL_RULE)
    elif name in names:
        yield duplicate(f"{at}.name", name)
    else:
        names.add(name)
    if not container.get("image"):
        yield required(f"{at}.image")
    for index, port in enumerate(container.get("ports") or ()):
        yield from _port_errors(port, f"{at}.ports[{index}]")
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            yield Cause(
                "FieldValueNotFound", f'Not found: "{mount.get("name")}"', f"{at}.volumeMounts[{index}].name"
            )
    yield from _resource_errors(container.get("resources") or {}, f"{at}.resources")


def _port_errors(port: Mapping[str, Any], at: str) -> Iterator[Cause]:
    number = port.get("containerPort")
    if not number:
        yield required(f"{at}.containerPort")
    elif not 0 < number < 65536:
        yield wrong(f"{at}.containerPort", number, PORT_RULE)
    if port.get("protocol") not in PROTOCOLS:
        yield unsupported(f"{at}.protocol", port.get("protocol"), PROTOCOLS)


def _resource_errors(resources: Mapping[str, Any], at: str) -> Iterator[Cause]:
    limits = resources.get("limits") or {}
    for name, request in (resources.get("requests") or {}).items():
        asked, most = worth(request), worth(limits[name]) if name in limits else None
        if asked is not None and most is not None and asked > most:
            why = f"must be less than or equal to {name} limit of {limits[name]}"
            yield wrong(f"{at}.requests", request, why)
