"""What a user wants of a rollout, as the patches that say it: those of the `kubectl argo rollouts` plugin.

Pure: a Rollout object in, patches out, in the order to send them. The controller is never called; it
reads the intent from the object. An empty answer means that the rollout is in the wanted state already.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rollouts.api.meta import Object, format_time
from rollouts.client.errors import Refused
from rollouts.client.phase import HEALTHY
from rollouts.client.rollout_view import RolloutView
from rollouts.kube.client import PatchType
from rollouts.kube.resources import DEPLOYMENTS, ROLLOUTS, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One write to one object of the rollout's namespace."""

    body: Any
    type: PatchType = "merge"
    subresource: str = ""
    resource: Resource = ROLLOUTS
    name: str = ""
    """Empty for the rollout itself."""


def _spec(**fields: Any) -> Patch:
    return Patch(body={"spec": fields})


def _status(**fields: Any) -> Patch:
    return Patch(body={"status": fields}, subresource="status")


def promote(rollout: RolloutView) -> tuple[Patch, ...]:
    """Go past the pause, or past the step that runs.

    A rollout that a user paused by hand is only resumed: skipping the step too would skip its gate.

    Raises:
        Refused: the rollout is aborted.
    """
    _not_aborted(rollout, "promote")
    status = rollout.status
    unpause = (_spec(paused=False),) if rollout.spec.get("paused") else ()
    if status.get("pauseConditions"):
        if _inconclusive(rollout) and status.get("controllerPause") and rollout.step is not None:
            index = _next(rollout)
            return (_status(pauseConditions=None, controllerPause=False, currentStepIndex=index), *unpause)
        return (_status(pauseConditions=None), *unpause)
    if unpause:
        return unpause
    if rollout.step is not None and rollout.step < len(rollout.steps):
        return (_status(pauseConditions=None, currentStepIndex=_next(rollout)),)
    return ()


def promote_full(rollout: RolloutView) -> tuple[Patch, ...]:
    """Skip every step, pause and analysis that is left.

    Raises:
        Refused: the rollout is aborted.
    """
    _not_aborted(rollout, "promote")
    full = () if rollout.promoted else (_status(promoteFull=True),)
    return (*full, _spec(paused=False)) if rollout.spec.get("paused") else full


def abort(rollout: RolloutView) -> tuple[Patch, ...]:
    """Take the update back: all traffic to the stable version.

    Raises:
        Refused: there is no update, the newest revision is the stable one.
    """
    if rollout.promoted and rollout.phase == HEALTHY:
        raise Refused(
            f"rollout {rollout.name} is fully promoted, there is no update to abort; to go back to an "
            f"older revision: rollouts undo {rollout.name}"
        )
    return (_status(abort=True),)


def retry(rollout: RolloutView) -> tuple[Patch, ...]:
    """Start an aborted update again from its first step."""
    return (_status(abort=False),) if rollout.aborted else ()


def pause(rollout: RolloutView) -> tuple[Patch, ...]:
    """Stop where it is, until promoted."""
    return () if rollout.spec.get("paused") else (_spec(paused=True),)


def restart(_: RolloutView, at: datetime) -> tuple[Patch, ...]:
    """Replace all pods that are older than `at`, within the rollout's own limits."""
    return (_spec(restartAt=format_time(at)),)


def set_image(rollout: RolloutView, images: dict[str, str], template: Object) -> tuple[Patch, ...]:
    """Give containers (by name, `*` for all) other images; init and ephemeral containers count too.

    `template` is the pod template to change: the rollout's own, or that of the workload it refers to.

    Raises:
        Refused: no container has that name.
    """
    pod = template.get("spec") or {}
    places = [
        (f"/spec/template/spec/{field}/{index}", container)
        for field in ("initContainers", "containers", "ephemeralContainers")
        for index, container in enumerate(pod.get(field) or ())
    ]
    names = {container["name"] for _, container in places}
    for unknown in sorted(images.keys() - names - {"*"}):
        there = ", ".join(sorted(names)) or "none"
        raise Refused(f'rollout {rollout.name} has no container "{unknown}"; it has: {there}')
    operations: list[Object] = []
    for path, container in places:
        wanted = images.get(container["name"], images.get("*"))
        if wanted is None or wanted == container.get("image"):
            continue
        # The test refuses the patch where somebody reordered the containers meanwhile.
        operations.append({"op": "test", "path": f"{path}/name", "value": container["name"]})
        operations.append({"op": "add", "path": f"{path}/image", "value": wanted})
    return _on_template(rollout, operations) if operations else ()


def undo(rollout: RolloutView, template: Object) -> tuple[Patch, ...]:
    """Make an older pod template (see `revisions.template_of`) the wanted one again."""
    if template == rollout.spec.get("template"):
        return ()
    return _on_template(rollout, [{"op": "replace", "path": "/spec/template", "value": template}])


def workload(rollout: RolloutView) -> tuple[str, str] | None:
    """Kind and name of the workload that holds the pod template, where it is not the rollout itself."""
    reference = rollout.spec.get("workloadRef")
    return (str(reference.get("kind", "")), str(reference.get("name", ""))) if reference else None


def _on_template(rollout: RolloutView, operations: list[Object]) -> tuple[Patch, ...]:
    target = workload(rollout)
    if target is None:
        return (Patch(body=operations, type="json"),)
    kind, name = target
    if kind != DEPLOYMENTS.kind:
        raise Refused(
            f".spec.workloadRef.kind of rollout {rollout.name} is {kind}; only a Deployment is changed"
        )
    return (Patch(body=operations, type="json", resource=DEPLOYMENTS, name=name),)


def _inconclusive(rollout: RolloutView) -> bool:
    run = (rollout.status.get("canary") or {}).get("currentStepAnalysisRunStatus") or {}
    return rollout.canary is not None and run.get("status") == "Inconclusive"


def _next(rollout: RolloutView) -> int:
    return min((rollout.step or 0) + 1, len(rollout.steps))


def _not_aborted(rollout: RolloutView, verb: str) -> None:
    if rollout.aborted:
        raise Refused(
            f"rollout {rollout.name} is aborted, there is nothing to {verb}; "
            f"start it again with: rollouts retry {rollout.name}"
        )
