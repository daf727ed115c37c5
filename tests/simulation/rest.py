"""What a world must look like once it has come to rest: a tiny model of what the last intent asks for."""

from collections.abc import Iterator
from fractions import Fraction

from rollouts.api.meta import Object
from tests.simulation.events import brief
from tests.simulation.invariants import asked_weight
from tests.simulation.past import Past
from tests.simulation.view import REVISION, View


def at_rest(view: View, past: Past, broken: frozenset[str]) -> Iterator[str]:
    """What is wrong with a world in which nothing happens any more.

    Args:
        view: the world.
        past: what had happened.
        broken: the versions whose pods never become ready.
    """
    status = view.status
    if not view.observed:
        yield "status does not speak of the spec as it is"
        return
    new = view.of(view.current)
    if new is None or new.version != view.version:
        yield f"the spec asks for {view.version}, and status says that {view.current} is the current revision"
        return
    yield from _kept_in_order(view)
    yield from _compared(view, broken)
    if view.stable and view.stable not in view.sets and status.get("abort"):
        return  # somebody deleted what it is to return to, and has to say what now
    if status.get("abort"):
        yield from _aborted(view, past, broken)
    elif view.current == view.stable:
        yield from _promoted(view, past, broken)
    else:
        yield from _waiting(view, past, broken)


def _kept_in_order(view: View) -> Iterator[str]:
    revisions = sorted(each.revision for each in view.sets.values())
    if len(set(revisions)) < len(revisions):
        yield f"two ReplicaSets have the same revision: {revisions}"
    told = (view.rollout["metadata"].get("annotations") or {}).get(REVISION)
    new = view.sets[view.current]
    if told != str(new.revision):
        yield f"the rollout says revision {told}, and its ReplicaSet {new.revision}"
    told_weights = (view.status.get("canary") or {}).get("weights")
    if view.routed and told_weights is not None:
        weight = Fraction(told_weights["canary"]["weight"], 100)
        if weight != view.weight:
            yield f"status says that the canary has {weight}, and the route says {view.weight}"
    if view.spec.get("paused"):
        return  # somebody may have deleted what a service selects, and holds the rollout
    if not any(each.available for each in view.sets.values()):
        return  # a service moves to pods that are available
    for service, pod_hash in view.selectors.items():
        if pod_hash and pod_hash not in view.sets and view.stable in view.sets:
            yield f"service {service} selects {pod_hash}, which has no ReplicaSet"


def _compared(view: View, broken: frozenset[str]) -> Iterator[str]:
    """There are baseline pods where the step asks for them, with the canary's share; and nowhere else."""
    stable = view.of(view.stable)
    if stable is None or stable.version in broken or view.spec.get("paused"):
        return
    asks = view.compares
    if not asks and (view.baselines or view.beside is not None or view.beside_weight):
        yield f"no step asks for a baseline, and there is {brief([*view.baselines, view.beside])}"
    new = view.sets[view.current]
    if asks and new.version not in broken and view.replicas:
        conditions: list[Object] = view.status.get("pauseConditions") or []
        # A verdict that a human has yet to answer holds the pods as they are.
        held = any(each["reason"] != "CanaryPauseStep" for each in conditions)
        if view.beside not in view.baselines and not held:
            yield "the step asks for a baseline, and there is none"
        elif view.beside_weight != view.weight and view.weight == asked_weight(view) and not held:
            yield f"the canary has {view.weight} of the traffic, and its baseline {view.beside_weight}"


def _aborted(view: View, past: Past, broken: frozenset[str]) -> Iterator[str]:
    why = _why_aborted(view, past, broken)
    if not why:
        yield "it is aborted, and nobody asked for it, no analysis failed, and no deadline has passed"
    if view.status.get("phase") != "Degraded":
        yield f"it is aborted, and its phase is {view.status.get('phase')}"
    yield from _cleaned_up(view)
    stable = view.of(view.stable)
    if stable is None or stable.version in broken or not view.replicas:
        return
    yield from _only(view, view.stable, "it is aborted")


def _cleaned_up(view: View) -> Iterator[str]:
    for run in view.runs:
        if run.live:
            yield f"nothing is under way, and {run.name} goes on"
    limit = view.spec.get("revisionHistoryLimit", 10)
    old = [each for each in view.sets if each not in (view.current, view.stable)]
    beyond = sorted(old, key=lambda each: view.sets[each].revision)[: max(0, len(old) - limit)]
    # One with pods may go on, as while somebody holds the rollout, and one that is selected must be there.
    selected = view.selectors.values()
    if any(not view.sets[each].replicas and each not in selected for each in beyond):
        yield f"{len(old)} old ReplicaSets are kept, and revisionHistoryLimit is {limit}"


def _why_aborted(view: View, past: Past, broken: frozenset[str]) -> str:
    if past.aborted_by_hand:
        return "by hand"
    if view.current in past.failed and any(
        f"analysis phase {each}" in str(view.status.get("message"))
        for each in ("error/failed", "inconclusive")
    ):
        return "by an analysis"
    gates = [step["analysis"] for step in view.steps if "advance" in step.get("analysis", {})]
    unproven = _INCONCLUSIVE in str(view.status.get("message"))
    if unproven and any(each.get("onInconclusive") == "abort" for each in gates):
        return "for want of a proof"
    # A clock that jumps, or pods that fell for a while, make a deadline pass that otherwise would not.
    timed_out = "timed out" in str(view.status.get("message"))
    return "by the deadline" if view.spec.get("progressDeadlineAbort") and timed_out else ""


def _promoted(view: View, past: Past, broken: frozenset[str]) -> Iterator[str]:
    new, phase = view.sets[view.current], view.status.get("phase")
    if past.last_told == "abort":
        yield f"somebody aborted {new.version}, and it is promoted all the same"
    if view.current in past.condemned:
        yield f"the analysis of {new.version} failed, and it is promoted all the same"
    yield from _cleaned_up(view)
    if new.version in broken:
        return  # whatever runs of it stays; there is nothing to go back to
    if view.replicas and not view.spec.get("paused"):  # which holds the pods as they are, too
        yield from _only(view, view.current, f"{new.version} is promoted")
    wanted = "Paused" if view.spec.get("paused") else "Healthy"
    if phase != wanted:
        yield f"{new.version} is promoted, and its phase is {phase}: {view.status.get('message')}"


def _waiting(view: View, past: Past, broken: frozenset[str]) -> Iterator[str]:
    new = view.sets[view.current]
    if past.last_told == "abort":
        yield f"somebody aborted {new.version}, and it goes on all the same"
    if past.last_told == "full" and new.version not in broken and not view.spec.get("paused"):
        yield f"somebody promoted {new.version} to the full, and it is not promoted"
    why = _why_waiting(view, broken)
    if not why:
        yield (
            f"{new.version} is neither promoted nor aborted, and nothing holds it at step {view.index}: "
            f"{view.status.get('phase')}, {view.status.get('message')}"
        )
    stuck = new.version in broken or view.spec.get("paused") or why == "stable does not start"
    # What is in doubt may lose requests, by a hand on the route, and gains none back by itself.
    less = _in_doubt(view) and view.weight is not None and view.weight < asked_weight(view)
    # A route that is made anew gets weights once there is a stable version, which somebody may have deleted.
    stuck = stuck or (view.weight is None and view.stable not in view.sets)
    if view.routed and view.weight != asked_weight(view) and not stuck and not less and view.replicas:
        yield f"the step asks for the weight {asked_weight(view)}, and the route has {view.weight}"


_INCONCLUSIVE = "Step-based analysis phase inconclusive"


def _in_doubt(view: View) -> bool:
    return any(each.endswith("AnalysisRun") for each in view.pauses)


def _why_waiting(view: View, broken: frozenset[str]) -> str:
    """What holds an update that is neither promoted nor aborted."""
    reasons = view.pauses
    step = view.steps[view.index] if view.index < len(view.steps) else {}
    stable = view.of(view.stable)
    if view.spec.get("paused"):
        return "paused by hand"
    if view.sets[view.current].version in broken:
        return "its pods do not start"
    if stable is not None and stable.version in broken:
        return "stable does not start"
    if "CanaryPauseStep" in reasons and step.get("pause") == {}:
        return "a pause without end"
    if "UnprovenPauseStep" in reasons:
        return "a pause whose proof did not come"
    if (
        "CanaryPauseStep" in reasons
        and step.get("pause", {}).get("advance")
        and "atMost" not in step["pause"]
    ):
        return "a pause until the version is proven good"
    if "BlueGreenPause" in reasons and view.strategy.get("autoPromotionEnabled") is False:
        return "a human must promote"
    return "an analysis without a verdict" if _in_doubt(view) else ""


def _only(view: View, pod_hash: str, why: str) -> Iterator[str]:
    """All requests reach one version, which has all its pods, and no other has any."""
    reach = {each: share for each, share in view.reach.items() if share}
    if reach.keys() != {pod_hash}:
        yield f"{why}, and requests go to {', '.join(map(str, reach)) or 'nobody'} instead of {pod_hash}"
    if view.serving(pod_hash) < view.replicas:
        yield f"{why}, and {view.serving(pod_hash)} of {view.replicas} pods serve"
    keeps = view.strategy.get("abortScaleDownDelaySeconds") == 0 and view.status.get("abort")
    for each in view.sets.values():
        if each.hash != pod_hash and each.replicas and not (keeps and each.hash == view.current):
            yield f"{why}, and {each.version} still has {each.replicas} pods"
