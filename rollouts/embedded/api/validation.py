"""What the API server checks of its own kinds beyond their shape."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rollouts.api.meta import Object
from rollouts.embedded.api.kinds import Kind
from rollouts.embedded.api.metadata import LABEL_RULE, SUBDOMAIN_RULE, is_label, is_subdomain
from rollouts.embedded.api.pod_rules import (
    ALWAYS,
    ENDING,
    PORT_RULE,
    PROTOCOLS,
    pod_errors,
    pod_spec_errors,
)
from rollouts.embedded.api.selectors import matches
from rollouts.embedded.api.status import Cause, duplicate, forbidden_field, required, unsupported, wrong

_NOT_NEGATIVE = "must be greater than or equal to 0"
_FROZEN = "field is immutable"
_PERCENT_RULE = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex"
    " used for validation is '[0-9]+%')"
)
_FILE_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or"
    " 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")


def _selected(obj: Object, old: Object | None) -> Iterator[Cause]:
    """Deployment, ReplicaSet and the like: a selector that meets the template and never changes."""
    spec = obj["spec"]
    selector, labels = spec.get("selector"), spec["template"]["metadata"].get("labels")
    if selector is None:
        yield required("spec.selector")
    elif not (selector.get("matchLabels") or selector.get("matchExpressions")):
        yield wrong("spec.selector", selector, f"empty selector is invalid for {obj['kind'].lower()}")
    if not selector or not matches(selector, labels or {}):
        yield wrong("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    yield from _counts(spec, "replicas", "minReadySeconds", "revisionHistoryLimit")
    yield from pod_spec_errors(spec["template"]["spec"], "spec.template.spec", ALWAYS)
    if old is not None and old["spec"].get("selector") != selector:
        yield wrong("spec.selector", selector, _FROZEN)


def _counts(spec: Mapping[str, Any], *names: str) -> Iterator[Cause]:
    for name in names:
        if (spec.get(name) or 0) < 0:
            yield wrong(f"spec.{name}", spec[name], _NOT_NEGATIVE)


def _deployment(obj: Object, old: Object | None) -> Iterator[Cause]:
    yield from _selected(obj, old)
    spec = obj["spec"]
    strategy, at = spec["strategy"], "spec.strategy"
    limits = strategy.get("rollingUpdate")
    if strategy["type"] == "Recreate" and limits is not None:
        yield forbidden_field(
            f"{at}.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'"
        )
    elif strategy["type"] == "RollingUpdate" and limits is not None:
        low, high = limits.get("maxUnavailable"), limits.get("maxSurge")
        yield from _count_or_percentage(low, f"{at}.rollingUpdate.maxUnavailable")
        yield from _count_or_percentage(high, f"{at}.rollingUpdate.maxSurge")
        if low in (0, "0%") and high in (0, "0%"):
            yield wrong(f"{at}.rollingUpdate.maxUnavailable", low, "may not be 0 when `maxSurge` is 0")
    elif strategy["type"] not in ("Recreate", "RollingUpdate"):
        seen = {"Type": strategy["type"], "RollingUpdate": limits}
        yield unsupported(at, seen, ("Recreate", "RollingUpdate"))
    deadline, ready = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds", 0)
    if deadline is not None and deadline <= ready:
        yield wrong("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")


def _count_or_percentage(value: Any, at: str) -> Iterator[Cause]:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]+%", value):
        yield wrong(at, value, _PERCENT_RULE)
    elif isinstance(value, int) and value < 0:
        yield wrong(at, value, _NOT_NEGATIVE)


def _job(obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj["spec"]
    yield from pod_spec_errors(spec["template"]["spec"], "spec.template.spec", ENDING)
    yield from _counts(spec, "parallelism", "completions", "backoffLimit")
    if old is not None:
        for key in ("selector", "template", "completions"):
            if spec.get(key) != old["spec"].get(key):
                yield wrong(f"spec.{key}", spec.get(key), _FROZEN)


def _service(obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj["spec"]
    ports = spec.get("ports") or ()
    types = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    if spec["type"] not in types:
        yield unsupported("spec.type", spec["type"], types)
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    names: set[str] = set()
    places: set[tuple[Any, Any]] = set()
    for index, port in enumerate(ports):
        here, name = f"spec.ports[{index}]", port.get("name")
        if not name and len(ports) > 1:
            yield required(f"{here}.name")
        if name and name in names:
            yield duplicate(f"{here}.name", name)
        names.add(name or "")
        yield from _service_port(port, here)
        place = port.get("protocol"), port.get("port")
        if place in places:
            protocol, number = place
            seen = {"Name": "", "Protocol": protocol, "AppProtocol": None, "Port": number}
            yield duplicate(here, {**seen, "TargetPort": 0, "NodePort": 0})
        places.add(place)
    before = old["spec"].get("clusterIP") if old is not None else None
    if before and spec["type"] != "ExternalName" and spec.get("clusterIP") != before:
        yield wrong("spec.clusterIPs[0]", [spec.get("clusterIP")], "may not change once set")


def _service_port(port: Mapping[str, Any], at: str) -> Iterator[Cause]:
    for name in ("port", "targetPort"):
        value = port.get(name, 0)
        if isinstance(value, int) and not 0 < value < 65536:
            yield wrong(f"{at}.{name}", value, PORT_RULE)
    if port.get("protocol") not in PROTOCOLS:
        yield unsupported(f"{at}.protocol", port.get("protocol"), PROTOCOLS)


def _ingress(obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield wrong("spec", None, "either `defaultBackend` or `rules` must be specified")
    for number, rule in enumerate(spec.get("rules") or ()):
        host = rule.get("host")
        if host and not is_subdomain(host.removeprefix("*.")):
            yield wrong(f"spec.rules[{number}].host", host, SUBDOMAIN_RULE)
        for index, path in enumerate((rule.get("http") or {}).get("paths") or ()):
            yield from _ingress_path(path, f"spec.rules[{number}].http.paths[{index}]")


def _ingress_path(path: Mapping[str, Any], at: str) -> Iterator[Cause]:
    kind = path.get("pathType")
    if not kind:
        yield required(f"{at}.pathType", "pathType must be specified")
        return
    if kind not in _PATH_TYPES:
        yield unsupported(f"{at}.pathType", kind, _PATH_TYPES)
    elif kind != "ImplementationSpecific" and not path.get("path", "").startswith("/"):
        yield wrong(f"{at}.path", path.get("path", ""), "must be an absolute path")
    service = (path.get("backend") or {}).get("service")
    if service is None:
        return
    port = service.get("port") or {}
    if not is_label(service.get("name", "")):
        yield wrong(f"{at}.backend.service.name", service.get("name", ""), LABEL_RULE)
    if not (port.get("number") or port.get("name")):
        yield required(f"{at}.backend", "port name or number is required")


def _config_map(obj: Object, old: Object | None) -> Iterator[Cause]:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    yield from _file_names(data, "data")
    yield from _file_names(binary, "binaryData")
    for key in data.keys() & binary.keys():
        yield wrong(f"data[{key}]", key, "duplicate of key present in binaryData")
    yield from _immutable_data(obj, old)


def _file_names(data: Mapping[str, Any], field: str) -> Iterator[Cause]:
    for key in data:
        if not re.fullmatch(r"[-._a-zA-Z0-9]+", key):
            yield wrong(f"{field}[{key}]", key, _FILE_RULE)


def _immutable_data(obj: Object, old: Object | None) -> Iterator[Cause]:
    if old is not None and old.get("immutable"):
        if not obj.get("immutable"):
            yield forbidden_field("immutable", "field is immutable when `immutable` is set")
        for key in ("data", "binaryData"):
            if obj.get(key) != old.get(key):
                yield forbidden_field(key, "field is immutable when `immutable` is set")


def _secret(obj: Object, old: Object | None) -> Iterator[Cause]:
    yield from _file_names(obj.get("data") or {}, "data")
    yield from _immutable_data(obj, old)
    if old is not None and old.get("type") != obj.get("type"):
        yield wrong("type", obj.get("type"), _FROZEN)


def _endpoint_slice(obj: Object, old: Object | None) -> Iterator[Cause]:
    if old is not None and old.get("addressType") != obj.get("addressType"):
        yield wrong("addressType", obj.get("addressType"), _FROZEN)


def _role(obj: Object, old: Object | None) -> Iterator[Cause]:
    for index, rule in enumerate(obj.get("rules") or ()):
        if not rule.get("verbs"):
            yield required(f"rules[{index}].verbs", "verbs must contain at least one value")


def _role_binding(obj: Object, old: Object | None) -> Iterator[Cause]:
    if old is not None and old.get("roleRef") != (now := obj.get("roleRef")):
        seen = (
            {"APIGroup": now.get("apiGroup"), "Kind": now.get("kind"), "Name": now.get("name")}
            if now
            else now
        )
        yield wrong("roleRef", seen, "cannot change roleRef")


def _budget(obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    low, high = spec.get("minAvailable"), spec.get("maxUnavailable")
    if low is not None and high is not None:
        seen = {"MinAvailable": low, "Selector": spec.get("selector"), "MaxUnavailable": high}
        why = "minAvailable and maxUnavailable cannot be both set"
        yield wrong("spec", {**seen, "UnhealthyPodEvictionPolicy": None}, why)
    yield from _count_or_percentage(low, "spec.minAvailable")
    yield from _count_or_percentage(high, "spec.maxUnavailable")


def _event(obj: Object, old: Object | None) -> Iterator[Cause]:
    about = (obj.get("involvedObject") or {}).get("namespace")
    if about and about != obj["metadata"].get("namespace"):
        yield wrong("involvedObject.namespace", about, "does not match event.namespace")


_BY_KIND: Mapping[tuple[str, str], Callable[[Object, Object | None], Iterator[Cause]]] = {
    ("", "pods"): pod_errors,
    ("", "services"): _service,
    ("", "secrets"): _secret,
    ("", "configmaps"): _config_map,
    ("", "events"): _event,
    ("apps", "deployments"): _deployment,
    ("apps", "replicasets"): _selected,
    ("apps", "statefulsets"): _selected,
    ("apps", "daemonsets"): _selected,
    ("batch", "jobs"): _job,
    ("networking.k8s.io", "ingresses"): _ingress,
    ("discovery.k8s.io", "endpointslices"): _endpoint_slice,
    ("rbac.authorization.k8s.io", "roles"): _role,
    ("rbac.authorization.k8s.io", "clusterroles"): _role,
    ("rbac.authorization.k8s.io", "rolebindings"): _role_binding,
    ("rbac.authorization.k8s.io", "clusterrolebindings"): _role_binding,
    ("policy", "poddisruptionbudgets"): _budget,
}


def kind_errors(kind: Kind, obj: Object, old: Object | None) -> Iterator[Cause]:
    """What is wrong with an object of a built-in kind, given what it replaces."""
    check = _BY_KIND.get(kind.key)
    if check is not None:
        yield from check(obj, old)
