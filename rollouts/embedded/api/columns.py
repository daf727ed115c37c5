"""What `kubectl get` shows of the built-in kinds."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rollouts.api.meta import Object, parse_time

Cells = Callable[[Object, datetime], list[Any]]
Head = tuple[str, str, int]
"""Name, type, priority: 1 is shown with `-o wide` only."""


def age(moment: str | None, now: datetime) -> str:
    """How long ago, as kubectl says it: the two largest units while they are small."""
    if not moment:
        return "<unknown>"
    return duration(now - parse_time(moment))


def duration(span: timedelta) -> str:
    """A span as kubectl says it."""
    seconds = int(span.total_seconds())
    if seconds < -1:
        return "<invalid>"
    if seconds < 120:
        return f"{max(seconds, 0)}s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 730:
        return f"{days}d"
    years, rest = divmod(days, 365)
    return f"{years}y{rest}d" if years < 8 and rest else f"{years}y"


def _created(obj: Object, now: datetime) -> str:
    return age(obj["metadata"].get("creationTimestamp"), now)


def _pod(obj: Object, now: datetime) -> list[Any]:
    status, spec = obj.get("status") or {}, obj["spec"]
    states = status.get("containerStatuses") or ()
    reason = status.get("reason") or status.get("phase", "")
    for state in states:
        waiting, ended = (
            (state.get("state") or {}).get("waiting"),
            (state.get("state") or {}).get("terminated"),
        )
        if waiting and waiting.get("reason"):
            reason = waiting["reason"]
        elif ended:
            reason = ended.get("reason") or f"ExitCode:{ended.get('exitCode', 0)}"
    if obj["metadata"].get("deletionTimestamp"):
        reason = "Terminating"
    ready = sum(bool(state.get("ready")) for state in states)
    restarts = sum(state.get("restartCount", 0) for state in states)
    gates = len(spec.get("readinessGates") or ())
    return [
        f"{ready}/{len(spec.get('containers') or ())}", reason, str(restarts), _created(obj, now),
        status.get("podIP") or "<none>", spec.get("nodeName") or "<none>",
        status.get("nominatedNodeName") or "<none>", str(gates) if gates else "<none>",
    ]  # fmt: skip


def _containers(obj: Object) -> list[str]:
    containers = obj["spec"]["template"]["spec"].get("containers") or ()
    return [
        ",".join(each.get("name", "") for each in containers),
        ",".join(each.get("image", "") for each in containers),
    ]


def _labels(selector: Mapping[str, Any]) -> str:
    labels = (
        selector.get("matchLabels")
        if "matchLabels" in selector or "matchExpressions" in selector
        else selector
    )
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or "<none>"


def _deployment(obj: Object, now: datetime) -> list[Any]:
    status, spec = obj.get("status") or {}, obj["spec"]
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    return [
        ready,
        updated,
        available,
        _created(obj, now),
        *_containers(obj),
        _labels(spec.get("selector") or {}),
    ]


def _replica_set(obj: Object, now: datetime) -> list[Any]:
    status, spec = obj.get("status") or {}, obj["spec"]
    counts = [spec.get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [*counts, _created(obj, now), *_containers(obj), _labels(spec.get("selector") or {})]


def _service(obj: Object, now: datetime) -> list[Any]:
    spec = obj["spec"]
    ports = [
        f"{port['port']}:{port['nodePort']}/{port['protocol']}"
        if "nodePort" in port
        else f"{port['port']}/{port['protocol']}"
        for port in spec.get("ports") or ()
    ]
    ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    external = spec.get("externalName") or ",".join(
        each.get("ip") or each.get("hostname", "") for each in ingress
    )
    if not external:
        external = "<pending>" if spec["type"] == "LoadBalancer" else "<none>"
    chosen = _labels(spec.get("selector") or {})
    return [
        spec["type"],
        spec.get("clusterIP") or "<none>",
        external,
        ",".join(ports) or "<none>",
        _created(obj, now),
        chosen,
    ]


def _ingress(obj: Object, now: datetime) -> list[Any]:
    spec = obj.get("spec") or {}
    hosts = [rule.get("host") or "*" for rule in spec.get("rules") or ()]
    entries = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    addresses = ",".join(each.get("ip") or each.get("hostname", "") for each in entries)
    ports = "80, 443" if spec.get("tls") else "80"
    return [
        spec.get("ingressClassName") or "<none>",
        ",".join(hosts) or "*",
        addresses,
        ports,
        _created(obj, now),
    ]


def _job(obj: Object, now: datetime) -> list[Any]:
    status, spec = obj.get("status") or {}, obj["spec"]
    state = next((c["type"] for c in status.get("conditions") or () if c.get("status") == "True"), "Running")
    took = ""
    if started := status.get("startTime"):
        done = status.get("completionTime")
        took = duration((parse_time(done) if done else now) - parse_time(started))
    return [state, f"{status.get('succeeded', 0)}/{spec.get('completions', 1)}", took, _created(obj, now)]


def _event(obj: Object, now: datetime) -> list[Any]:
    seen = obj.get("lastTimestamp") or obj.get("eventTime") or obj["metadata"].get("creationTimestamp")
    about = obj.get("involvedObject") or {}
    target = f"{about.get('kind', '').lower()}/{about.get('name', '')}"
    return [
        age(seen, now),
        obj.get("type", ""),
        obj.get("reason", ""),
        target,
        (obj.get("message") or "").strip(),
    ]


def _namespace(obj: Object, now: datetime) -> list[Any]:
    return [(obj.get("status") or {}).get("phase", ""), _created(obj, now)]


def _node(obj: Object, now: datetime) -> list[Any]:
    status = obj.get("status") or {}
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
    return [
        "Ready" if ready else "NotReady",
        _created(obj, now),
        (status.get("nodeInfo") or {}).get("kubeletVersion", ""),
    ]


def _endpoint_slice(obj: Object, now: datetime) -> list[Any]:
    ports = ",".join(str(port.get("port", "")) for port in obj.get("ports") or ()) or "<unset>"
    addresses = (
        ",".join(a for each in obj.get("endpoints") or () for a in each.get("addresses") or ()) or "<unset>"
    )
    return [obj.get("addressType", ""), ports, addresses, _created(obj, now)]


def _budget(obj: Object, now: datetime) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    low, high = spec.get("minAvailable", "N/A"), spec.get("maxUnavailable", "N/A")
    return [str(low), str(high), status.get("disruptionsAllowed", 0), _created(obj, now)]


def _heads(text: str) -> tuple[Head, ...]:
    """Columns by name; `#` marks an integer, `+` one that only `-o wide` shows."""
    return tuple(
        (name.rstrip("#+"), "integer" if name.endswith("#") else "string", int(name.endswith("+")))
        for name in text.split(", ")
    )


def _config_map(obj: Object, now: datetime) -> list[Any]:
    return [str(len(obj.get("data") or {}) + len(obj.get("binaryData") or {})), _created(obj, now)]


COLUMNS: Mapping[tuple[str, str], tuple[Sequence[Head], Cells]] = {
    ("", "pods"): (
        _heads("Ready, Status, Restarts, Age, IP+, Node+, Nominated Node+, Readiness Gates+"),
        _pod,
    ),
    ("apps", "deployments"): (
        _heads("Ready, Up-to-date#, Available#, Age, Containers+, Images+, Selector+"),
        _deployment,
    ),
    ("apps", "replicasets"): (
        _heads("Desired#, Current#, Ready#, Age, Containers+, Images+, Selector+"),
        _replica_set,
    ),
    ("", "services"): (
        _heads("Type, Cluster-IP, External-IP, Port(s), Age, Selector+"),
        _service,
    ),
    ("networking.k8s.io", "ingresses"): (_heads("Class, Hosts, Address, Ports, Age"), _ingress),
    ("networking.k8s.io", "ingressclasses"): (
        _heads("Controller, Age"),
        lambda obj, now: [(obj.get("spec") or {}).get("controller", ""), _created(obj, now)],
    ),
    ("batch", "jobs"): (_heads("Status, Completions, Duration, Age"), _job),
    ("", "events"): (_heads("Last Seen, Type, Reason, Object, Message"), _event),
    ("", "namespaces"): (_heads("Status, Age"), _namespace),
    ("", "nodes"): (_heads("Status, Age, Version"), _node),
    ("", "configmaps"): (_heads("Data, Age"), _config_map),
    ("", "secrets"): (
        _heads("Type, Data, Age"),
        lambda obj, now: [obj.get("type", ""), str(len(obj.get("data") or {})), _created(obj, now)],
    ),
    ("discovery.k8s.io", "endpointslices"): (
        _heads("AddressType, Ports, Endpoints, Age"),
        _endpoint_slice,
    ),
    ("policy", "poddisruptionbudgets"): (
        _heads("Min Available, Max Unavailable, Allowed Disruptions#, Age"),
        _budget,
    ),
    ("coordination.k8s.io", "leases"): (
        _heads("Holder, Age"),
        lambda obj, now: [(obj.get("spec") or {}).get("holderIdentity", ""), _created(obj, now)],
    ),
    ("apiextensions.k8s.io", "customresourcedefinitions"): (
        _heads("Created At"),
        lambda obj, now: [obj["metadata"]["creationTimestamp"]],
    ),
}
"""By kind: the columns after Name, and what fills them."""
