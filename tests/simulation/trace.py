"""What a replay shows, line by line."""

from rollouts.api.meta import Object
from rollouts.controller.status import difference
from rollouts.embedded.api.storage import Change
from rollouts.kube.resources import Resource
from tests.simulation.events import brief
from tests.simulation.view import View

_NOISE = ("resourceVersion", "managedFields", "generation", "uid", "creationTimestamp")
_LONGEST = 300


def line_of_change(author: str, resource: Resource, change: Change) -> str:
    """A write of the controllers: to what, and what it changed."""
    what = {"ADDED": "creates", "MODIFIED": "changes", "DELETED": "deletes"}[change.type]
    name = change.object["metadata"]["name"]
    if change.type != "MODIFIED" or change.previous is None:
        return f"  {author} {what} {resource.kind} {name}"
    changed = difference(_plain(change.previous), _plain(change.object))
    text = brief(changed)
    return (
        f"  {author} {what} {resource.kind} {name}: {text[:_LONGEST]}{'...' if len(text) > _LONGEST else ''}"
    )


def line_of_status(view: View) -> str:
    """The rollout in one line: phase, step, weight, pods by version."""
    status = view.status
    pods = ", ".join(
        f"{each.version} {view.ready.get(each.hash, 0)}/{each.replicas}{_roles(view, each.hash)}"
        for each in sorted(view.sets.values(), key=lambda each: each.revision)
    )
    for each in view.baselines.values():
        pods += f", baseline {view.ready.get(each.hash, 0)}/{each.replicas}"
    weight = "" if view.weight is None else f", weight {float(100 * view.weight):g}"
    if view.beside_weight:
        weight += f" and {float(100 * view.beside_weight):g} beside it"
    flags = "".join(f", {flag}" for flag in ("abort", "promoteFull") if status.get(flag))
    step = f" step {view.index}/{len(view.steps)}" if view.steps else ""
    message = f" ({status['message']})" if status.get("message") else ""
    return f"{status.get('phase', 'no status')}{step}{weight}{flags}; {pods}{message}"


def _roles(view: View, pod_hash: str) -> str:
    roles = [name for name, each in (("new", view.current), ("stable", view.stable)) if each == pod_hash]
    return f" {'+'.join(roles)}" if roles else ""


def _plain(obj: Object) -> Object:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _NOISE}
    return {**obj, "metadata": metadata}
