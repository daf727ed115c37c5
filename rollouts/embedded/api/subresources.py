"""The subresources that do something to a pod: eviction and binding."""

from collections.abc import Iterator

from rollouts.api.meta import Object
from rollouts.embedded.api.deletion import DeleteOptions, delete
from rollouts.embedded.api.kinds import Kind
from rollouts.embedded.api.objects import Objects, Options, copy
from rollouts.embedded.api.scale import read_path
from rollouts.embedded.api.selectors import matches
from rollouts.embedded.api.status import Cause, Refusal, conflict, invalid, wrong

_PODS, _BUDGETS = ("", "pods"), ("policy", "poddisruptionbudgets")


def evict(objects: Objects, kind: Kind, namespace: str, name: str, body: Object, *, dry_run: bool) -> Object:
    """Delete a pod unless a disruption budget says not now.

    Raises:
        Refusal: 404, or 429 with the budget's name.
    """
    pod = objects.get(kind, namespace, name)
    for budget in _budgets(objects, namespace, pod):
        if _is_ready(pod) and disruptions_allowed(objects, budget) <= 0:
            cause = Cause(
                "DisruptionBudget",
                f"The disruption budget {budget['metadata']['name']} does not allow an eviction now",
                "",
            )
            message = "Cannot evict pod as it would violate the pod's disruption budget."
            raise Refusal(429, "TooManyRequests", message, name=name, causes=[cause], retry_after=10)
    options = DeleteOptions.read(body.get("deleteOptions"), {"dryRun": "All"} if dry_run else {})
    delete(objects, kind, namespace, name, options)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def bind(objects: Objects, kind: Kind, pod: Object, body: Object, options: Options) -> Object:
    """Assign a pod to a node; annotations of the Binding become the pod's.

    Raises:
        Refusal: no node is named (422), or the pod has one already, or is being deleted (409).
    """
    name = pod["metadata"]["name"]
    target, meta = body.get("target"), body.get("metadata")
    node = target.get("name") if isinstance(target, dict) else None
    if not isinstance(node, str) or not node:
        raise invalid("Binding", "", name, [wrong("target.name", node or "", "Required value")])
    if there := pod["spec"].get("nodeName"):
        why = f'pod {name} is already assigned to node "{there}"'
        raise conflict("pods/binding", "", name, why)
    if "deletionTimestamp" in pod["metadata"]:
        raise conflict("pods/binding", "", name, f"pod {name} is being deleted, cannot be assigned to a host")
    new = copy(pod)
    new["spec"]["nodeName"] = node
    if added := (meta or {}).get("annotations") if isinstance(meta, dict) else None:
        new["metadata"]["annotations"] = {**(new["metadata"].get("annotations") or {}), **added}
    objects.replace(kind, pod, new, options)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _budgets(objects: Objects, namespace: str, pod: Object) -> Iterator[Object]:
    labels = pod["metadata"].get("labels") or {}
    for budget in objects.storage.list(_BUDGETS, namespace):
        if matches((budget.get("spec") or {}).get("selector"), labels):
            yield budget


def disruptions_allowed(objects: Objects, budget: Object) -> int:
    """How many ready pods a budget lets go now. Percentages are of the pods wanted, rounded up."""
    spec, namespace = budget.get("spec") or {}, budget["metadata"]["namespace"]
    pods = [
        pod
        for pod in objects.storage.list(_PODS, namespace)
        if matches(spec.get("selector"), pod["metadata"].get("labels") or {})
    ]
    healthy = sum(_is_ready(pod) and not pod["metadata"].get("deletionTimestamp") for pod in pods)
    expected = _expected(objects, namespace, pods)
    if "maxUnavailable" in spec:
        needed = expected - _count(spec["maxUnavailable"], expected)
    else:
        needed = _count(spec.get("minAvailable", 1), expected)
    return max(0, healthy - max(0, needed))


def _expected(objects: Objects, namespace: str, pods: list[Object]) -> int:
    """How many pods their controllers want; a pod without a controller that scales wants itself."""
    wanted: dict[str, int] = {}
    for pod in pods:
        owners = pod["metadata"].get("ownerReferences") or ()
        owner = next((each for each in owners if each.get("controller")), None)
        uid = owner["uid"] if owner else pod["metadata"]["uid"]
        if uid not in wanted:
            wanted[uid] = _replicas(objects, namespace, owner) if owner else 1
    return sum(wanted.values())


def _replicas(objects: Objects, namespace: str, owner: Object) -> int:
    for kind in objects.registry:
        if kind.scale is not None and (kind.api_version, kind.kind) == (owner["apiVersion"], owner["kind"]):
            found = objects.storage.get(kind.key, namespace, owner["name"])
            return int(read_path(found, kind.scale.spec) or 0) if found else 1
    return 1


def _count(value: int | str, total: int) -> int:
    if isinstance(value, int):
        return value
    return -(-int(value.rstrip("%")) * total // 100)


def _is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
