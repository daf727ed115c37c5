"""What the API server checks of its own kinds beyond their shape, and of every object's metadata."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rollouts.api.meta import Object
from rollouts.embedded.api.kinds import Kind
from rollouts.embedded.api.selectors import matches
from rollouts.embedded.api.status import Cause, forbidden_field, required, unsupported, wrong

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SEGMENT = re.compile(r"[^/%]+")
_KEY_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")

_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation"
    r" is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start"
    " and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must"
    " start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used"
    " for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an"
    " alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
    " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_POD_RULE = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    " `spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.tolerations` and"
    " `spec.terminationGracePeriodSeconds`"
)
_LABEL_NAMED = frozenset({("", "namespaces"), ("", "services")})
_PATH_NAMED = frozenset(
    ("rbac.authorization.k8s.io", plural)
    for plural in ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
)


def metadata_errors(kind: Kind, meta: Mapping[str, Any]) -> Iterator[Cause]:
    """What is wrong with the metadata of an object."""
    name = meta.get("name")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    else:
        yield from _name_errors(kind, name)
    for key, value in (meta.get("labels") or {}).items():
        yield from _key_errors("metadata.labels", key)
        if len(value) > 63 or not _VALUE.fullmatch(value):
            yield wrong("metadata.labels", value, _VALUE_RULE)
    total = 0
    for key, value in (meta.get("annotations") or {}).items():
        yield from _key_errors("metadata.annotations", key.lower())
        total += len(key) + len(value)
    if total > 256 * 1024:
        yield Cause(
            "FieldValueTooLong", "Too long: may not be more than 262144 bytes", "metadata.annotations"
        )
    yield from _owner_errors(meta.get("ownerReferences") or ())
    for finalizer in meta.get("finalizers") or ():
        if finalizer not in {"foregroundDeletion", "orphan", "kubernetes"}:
            yield from _key_errors("metadata.finalizers", finalizer)


def _owner_errors(owners: Sequence[Mapping[str, Any]]) -> Iterator[Cause]:
    for index, owner in enumerate(owners):
        for key in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(key):
                here = f"metadata.ownerReferences[{index}].{key}"
                yield wrong(here, owner.get(key, ""), f"{key} must not be empty")
    if sum(bool(owner.get("controller")) for owner in owners) > 1:
        why = "Only one reference can have Controller set to true"
        yield wrong("metadata.ownerReferences", len(owners), why)


def _name_errors(kind: Kind, name: str) -> Iterator[Cause]:
    if kind.key in _PATH_NAMED:
        if name in {".", ".."} or not _SEGMENT.fullmatch(name):
            yield wrong("metadata.name", name, "may not be '.' or '..' and may not contain '/' or '%'")
        return
    if kind.key in _LABEL_NAMED:
        if len(name) > 63 or not _LABEL.fullmatch(name):
            yield wrong("metadata.name", name, _LABEL_RULE)
        return
    if len(name) > 253:
        yield wrong("metadata.name", name, "must be no more than 253 characters")
    elif not _SUBDOMAIN.fullmatch(name):
        yield wrong("metadata.name", name, _SUBDOMAIN_RULE)


def _key_errors(field: str, key: str) -> Iterator[Cause]:
    prefix, slash, rest = key.rpartition("/")
    if slash and not (prefix and len(prefix) <= 253 and _SUBDOMAIN.fullmatch(prefix)):
        yield wrong(field, key, f"prefix part {_SUBDOMAIN_RULE}")
    if len(rest) > 63 or not _KEY_NAME.fullmatch(rest):
        yield wrong(field, key, _KEY_RULE)


def _pod_spec(spec: Mapping[str, Any], at: str, restart: tuple[str, ...]) -> Iterator[Cause]:
    containers = spec.get("containers") or ()
    if not containers:
        yield required(f"{at}.containers")
    names: set[str] = set()
    for index, container in enumerate(containers):
        here, name = f"{at}.containers[{index}]", container.get("name", "")
        if name and not _LABEL.fullmatch(name):
            yield wrong(f"{here}.name", name, _LABEL_RULE)
        if name in names:
            yield Cause("FieldValueDuplicate", f'Duplicate value: "{name}"', f"{here}.name")
        names.add(name)
        if not container.get("image"):
            yield required(f"{here}.image")
        for number, port in enumerate(container.get("ports") or ()):
            if not 0 < port.get("containerPort", 0) < 65536:
                yield wrong(
                    f"{here}.ports[{number}].containerPort",
                    port.get("containerPort"),
                    "must be between 1 and 65535, inclusive",
                )
    if spec.get("restartPolicy") not in restart:
        yield unsupported(f"{at}.restartPolicy", spec.get("restartPolicy"), restart)


def _pod(obj: Object, old: Object | None) -> Iterator[Cause]:
    yield from _pod_spec(obj["spec"], "spec", ("Always", "OnFailure", "Never"))
    if old is not None and _frozen_part(obj["spec"]) != _frozen_part(old["spec"]):
        yield forbidden_field("spec", _POD_RULE)
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


def _selected(obj: Object, old: Object | None) -> Iterator[Cause]:
    """Deployment, ReplicaSet and the like: a selector that meets the template and never changes."""
    spec = obj["spec"]
    selector = spec.get("selector")
    if not selector or not (selector.get("matchLabels") or selector.get("matchExpressions")):
        yield wrong("spec.selector", selector or {}, "empty selector is invalid for workloads")
    elif not matches(selector, spec["template"]["metadata"].get("labels") or {}):
        labels = spec["template"]["metadata"].get("labels") or {}
        yield wrong("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    if spec.get("replicas", 0) < 0:
        yield wrong("spec.replicas", spec["replicas"], "must be greater than or equal to 0")
    yield from _pod_spec(spec["template"]["spec"], "spec.template.spec", ("Always",))
    if old is not None and old["spec"].get("selector") != selector:
        yield wrong("spec.selector", selector, "field is immutable")


def _job(obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj["spec"]
    yield from _pod_spec(spec["template"]["spec"], "spec.template.spec", ("OnFailure", "Never"))
    for key in ("parallelism", "completions", "backoffLimit"):
        if spec.get(key, 0) < 0:
            yield wrong(f"spec.{key}", spec[key], "must be greater than or equal to 0")
    if old is not None:
        for key in ("selector", "template", "completions"):
            if spec.get(key) != old["spec"].get(key):
                yield wrong(f"spec.{key}", spec.get(key), "field is immutable")


def _service(obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj["spec"]
    ports = spec.get("ports") or ()
    types = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    if spec["type"] not in types:
        yield unsupported("spec.type", spec["type"], types)
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    seen: set[Any] = set()
    for index, port in enumerate(ports):
        here = f"spec.ports[{index}]"
        if not 0 < port.get("port", 0) < 65536:
            yield wrong(f"{here}.port", port.get("port"), "must be between 1 and 65535, inclusive")
        if len(ports) > 1 and not port.get("name"):
            yield required(f"{here}.name")
        if port.get("protocol") not in {"TCP", "UDP", "SCTP"}:
            yield unsupported(f"{here}.protocol", port.get("protocol"), ("SCTP", "TCP", "UDP"))
        mark = port.get("name") or (port.get("port"), port.get("protocol"))
        if mark in seen:
            yield Cause("FieldValueDuplicate", f'Duplicate value: "{port.get("name")}"', f"{here}.name")
        seen.add(mark)
    before = old["spec"].get("clusterIP") if old is not None else None
    if before and spec["type"] != "ExternalName" and spec.get("clusterIP") != before:
        yield wrong("spec.clusterIPs[0]", spec.get("clusterIP"), "may not change once set")


def _ingress(obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield wrong("spec", "", "either `defaultBackend` or `rules` must be specified")
    for number, rule in enumerate(spec.get("rules") or ()):
        for index, path in enumerate((rule.get("http") or {}).get("paths") or ()):
            here = f"spec.rules[{number}].http.paths[{index}]"
            types = ("Exact", "ImplementationSpecific", "Prefix")
            if path.get("pathType") not in types:
                yield unsupported(f"{here}.pathType", path.get("pathType"), types)
            elif path["pathType"] != "ImplementationSpecific" and not path.get("path", "").startswith("/"):
                yield wrong(f"{here}.path", path.get("path", ""), "must be an absolute path")
            service = (path.get("backend") or {}).get("service")
            port = (service or {}).get("port") or {}
            if service is not None and not (port.get("number") or port.get("name")):
                yield required(f"{here}.backend", "port name or number is required")


def _immutable_data(obj: Object, old: Object | None) -> Iterator[Cause]:
    if old is not None and old.get("immutable"):
        if not obj.get("immutable"):
            yield forbidden_field("immutable", "field is immutable when `immutable` is set")
        for key in ("data", "binaryData"):
            if obj.get(key) != old.get(key):
                yield forbidden_field(key, "field is immutable when `immutable` is set")


def _secret(obj: Object, old: Object | None) -> Iterator[Cause]:
    yield from _immutable_data(obj, old)
    if old is not None and old.get("type") != obj.get("type"):
        yield wrong("type", obj.get("type"), "field is immutable")


def _endpoint_slice(obj: Object, old: Object | None) -> Iterator[Cause]:
    if old is not None and old.get("addressType") != obj.get("addressType"):
        yield wrong("addressType", obj.get("addressType"), "field is immutable")


def _role_binding(obj: Object, old: Object | None) -> Iterator[Cause]:
    if old is not None and old.get("roleRef") != obj.get("roleRef"):
        yield wrong("roleRef", obj.get("roleRef"), "cannot change roleRef")


def _budget(obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if "minAvailable" in spec and "maxUnavailable" in spec:
        yield wrong("spec", "", "minAvailable and maxUnavailable cannot be both set")


_BY_KIND: Mapping[tuple[str, str], Callable[[Object, Object | None], Iterator[Cause]]] = {
    ("", "pods"): _pod,
    ("", "services"): _service,
    ("", "secrets"): _secret,
    ("", "configmaps"): _immutable_data,
    ("apps", "deployments"): _selected,
    ("apps", "replicasets"): _selected,
    ("apps", "statefulsets"): _selected,
    ("apps", "daemonsets"): _selected,
    ("batch", "jobs"): _job,
    ("networking.k8s.io", "ingresses"): _ingress,
    ("discovery.k8s.io", "endpointslices"): _endpoint_slice,
    ("rbac.authorization.k8s.io", "rolebindings"): _role_binding,
    ("rbac.authorization.k8s.io", "clusterrolebindings"): _role_binding,
    ("policy", "poddisruptionbudgets"): _budget,
}


def kind_errors(kind: Kind, obj: Object, old: Object | None) -> Iterator[Cause]:
    """What is wrong with an object of a built-in kind, given what it replaces."""
    check = _BY_KIND.get(kind.key)
    if check is not None:
        yield from check(obj, old)
