"""What must never be seen, whatever happens: pure functions of two looks at the world, one before and one
after a change, and of what had happened until then. Each yields sentences; none means that all is well.

The controllers are judged by what they could know: what changed while their watches or answers were late
excuses them, and nothing else does.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from math import ceil, floor
from typing import Any

from tests.simulation.past import Past, portion
from tests.simulation.proofs import lets_go_on, said, unfinished
from tests.simulation.view import View

PATIENCE = 60.0
"""Seconds within which what could be done for users has been done."""

Invariant = Callable[[View, View, Past], Iterator[str]]


def no_traffic_without_pods(before: View, after: View, past: Past) -> Iterator[str]:
    """The controllers give no traffic to a revision that has no pod to take it."""
    if not after.author or after.replicas == 0:
        return
    since = past.doubt(after.now)
    if not any(before.ready.get(each) for each in before.reach):
        return  # there is nobody to take it from
    for pod_hash, share in _gains(before, after):
        if pod_hash and not after.ready.get(pod_hash) and past.last_ready.get(pod_hash, -1) < since:
            yield f"{_percent(share)} of the traffic was given to {_name(after, pod_hash)}, which has no pod"


def _gains(before: View, after: View) -> Iterator[tuple[str, Fraction]]:
    """The revisions, by hash, that got a larger share of the traffic, and that share.

    The share of baseline pods that somebody deleted reached nobody: stable gains nothing in taking it back.
    """
    was, beside = before.reach, before.beside or ""
    lost = Fraction(0) if before.ready.get(beside) else was.get(beside, Fraction(0))
    for pod_hash, share in after.reach.items():
        if share > was.get(pod_hash, Fraction(0)) + (lost if pod_hash == after.stable else 0):
            yield pod_hash, share


def a_failed_revision_gains_nothing(before: View, after: View, past: Past) -> Iterator[str]:
    """A revision whose analysis failed never gains weight again without a human, unless the spec says so."""
    if not after.author:
        return
    for pod_hash, (since, limit) in past.condemned.items():
        now = portion(after, pod_hash)
        if now > limit and now > portion(before, pod_hash) and since < past.doubt(after.now):
            yield f"{_name(after, pod_hash)} gained traffic after its analysis had failed"


def an_aborted_revision_gains_nothing(before: View, after: View, past: Past) -> Iterator[str]:
    """Once status says abort, the version under way only loses."""
    if not after.author or not before.status.get("abort") or past.told_at > past.doubt(after.now):
        return
    pod_hash = before.current
    if pod_hash != before.stable and portion(after, pod_hash) > portion(before, pod_hash):
        yield f"{_name(after, pod_hash)} gained traffic although it is aborted"


def a_paused_rollout_gains_nothing(before: View, after: View, past: Past) -> Iterator[str]:
    """While a human holds the rollout, the version under way gains nothing."""
    if not after.author or not before.spec.get("paused") or past.told_at > past.doubt(after.now):
        return
    pod_hash = before.current
    if pod_hash != before.stable and portion(after, pod_hash) > portion(before, pod_hash):
        yield f"{_name(after, pod_hash)} gained traffic although the rollout is paused by hand"


def no_weight_beyond_the_step(before: View, after: View, past: Past) -> Iterator[str]:
    """The weight never exceeds what the step asks for that status names."""
    if not after.author or not after.routed or after.weight is None or before.weight is None:
        return
    if after.weight <= before.weight or past.told_at > past.doubt(after.now):
        return
    asked = asked_weight(before)
    if after.weight > asked:
        yield f"the weight rose to {_percent(after.weight)}, and the step asks for {_percent(asked)}"


def capacity_stays(before: View, after: View, past: Past) -> Iterator[str]:
    """The controllers take no pods away that the spec says must serve; pods may fall by themselves."""
    if not after.author or (before.ready is after.ready and before.sets is after.sets):
        return
    since = past.doubt(after.now)
    if past.fell_at >= since or max(past.told_at, past.moved_at) > since:
        return
    if after.shares or not before.stable:  # all versions share the requests
        kept, had = (sum(view.serving(each) for each in view.sets) for view in (after, before))
        least = after.replicas - max(_unavailable(after), _restarts(after))
        if kept < had and kept < least:
            yield f"the controllers left {kept} pods to serve, and the spec asks for {least}"
        return
    for pod_hash in before.sets:
        kept, had = after.serving(pod_hash), before.serving(pod_hash)
        # What was not there before, as while somebody holds the rollout, is not taken away.
        needed = min(_needed(after, pod_hash), before.sets[pod_hash].replicas) - _restarts(after)
        if kept < had and kept < needed:
            yield f"the controllers left {_name(before, pod_hash)} {kept} pods, and it needs {needed}"


def traffic_moves_to_enough_pods(before: View, after: View, past: Past) -> Iterator[str]:
    """A version gets more traffic only when it has the pods for it."""
    if not after.author or after.shares:
        return
    if (before.weight, before.beside_weight, before.selectors) == (
        after.weight,
        after.beside_weight,
        after.selectors,
    ):
        return
    since = past.doubt(after.now)
    if past.fell_at >= since or past.told_at > since or "" in before.selectors.values():
        return
    if not any(before.ready.get(each) for each in before.reach):
        return  # anything is more than nothing
    for pod_hash, share in _gains(before, after):
        if not pod_hash:
            continue
        back = pod_hash == before.stable or pod_hash in after.baselines
        needed = 1 if back or _sized_apart(before) else ceil(share * after.replicas)
        if after.serving(pod_hash) < min(needed, after.replicas):
            served = after.serving(pod_hash)
            yield f"{_percent(share)} of the traffic went to {_name(after, pod_hash)} with {served} pods"


def a_shared_service_narrows_to_enough_pods(before: View, after: View, past: Past) -> Iterator[str]:
    """An active Service that every version shared goes to one only when that has all its pods."""
    since = past.doubt(after.now)
    if not after.author or not after.switches or max(past.told_at, past.fell_at) > since:
        return
    front = after.strategy["activeService"]
    target = after.selectors.get(front)
    if before.selectors.get(front) != "" or not target or not any(before.ready.values()):
        return
    if after.serving(target) < after.replicas:
        served = after.serving(target)
        yield f"service {front} went from every version to {_name(after, target)} with {served} pods"


def status_tells_the_weight(before: View, after: View, past: Past) -> Iterator[str]:
    """The weight in status is one that the route had when the controllers looked."""
    if not after.author or before.rollout is after.rollout:
        return
    share, earlier = _told(after), _told(before)
    if share is None or share == earlier:
        return
    seen = past.shown(after.now)
    if share not in seen:
        had = ", ".join(_percent(each) for each in seen if each is not None)
        yield f"status says that the canary has {_percent(share)}, and the route had {had or 'no weights'}"


def one_run_for_each_attempt(before: View, after: View, past: Past) -> Iterator[str]:
    """A step has one analysis under way at most, and no more of them than somebody gave reason for."""
    if before.runs is after.runs:
        return
    slots: dict[tuple[str, ...], list[bool]] = {}
    for run in after.runs:
        slots.setdefault((run.hash, run.revision, run.type, run.step), []).append(run.live)
    for slot, live in slots.items():
        what = f"the {slot[2]} analysis{f' of step {slot[3]}' if slot[3] else ''} of {_name(after, slot[0])}"
        if sum(live) > 1:
            yield f"{what} runs {sum(live)} times at once"
        if len(live) > past.attempts:
            yield f"{what} was begun {len(live)} times with {past.attempts} reasons"


def services_select_what_is_there(before: View, after: View, past: Past) -> Iterator[str]:
    """No Service is pointed at a revision without a ReplicaSet, and none that one selects is deleted."""
    if not after.author or past.told_at > past.doubt(after.now):
        return
    for service, pod_hash in after.selectors.items():
        if not pod_hash or pod_hash in after.sets:
            continue
        if before.selectors.get(service) != pod_hash:
            yield f"service {service} was pointed at {pod_hash}, which has no ReplicaSet"
        elif pod_hash in before.sets and past.moved_at <= past.doubt(after.now):
            name = before.sets[pod_hash].name
            yield f"the ReplicaSet {name} was deleted while service {service} selects it"


def users_get_what_was_proven(before: View, after: View, past: Past) -> Iterator[str]:
    """Blue/green switches users only after the checks that the strategy asks for."""
    if not after.author or not after.switches or past.told_at > past.doubt(after.now):
        return
    front = after.strategy["activeService"]
    active = after.selectors.get(front)
    if not active or active == before.selectors.get(front) or active == before.stable:
        return
    if before.stable not in before.sets or before.status.get("promoteFull"):
        return  # there is nothing that could go on to serve
    if not (before.status.get("blueGreen") or {}).get("scaleUpPreviewCheckPoint"):
        yield f"users were switched to {_name(after, active)} before it was decided in status"
    runs = [run for run in after.runs if run.type == "PrePromotion" and run.hash == active]
    proven = any(map(partial(lets_go_on, after), runs)) or said(before, "blueGreen", "prePromotion")
    if after.strategy.get("prePromotionAnalysis") and not proven:
        yield f"users were switched to {_name(after, active)} without a successful pre-promotion analysis"


def a_human_promotes(before: View, after: View, past: Past) -> Iterator[str]:
    """Blue/green without auto promotion goes on only after a human ended its pause."""
    if not after.author or not after.switches or past.told_at > past.doubt(after.now):
        return
    went_on, goes_on = (
        bool((view.status.get("blueGreen") or {}).get("scaleUpPreviewCheckPoint")) for view in (before, after)
    )
    if went_on or not goes_on or after.strategy.get("autoPromotionEnabled") is not False:
        return
    if past.released != after.current and not before.status.get("promoteFull"):
        yield f"{_name(after, after.current)} goes on to the switch, and no human promoted it"


def steps_are_taken_when_done(before: View, after: View, past: Past) -> Iterator[str]:
    """A step is left when it is done, or when a human says so."""
    index = before.index
    if not after.author or after.index != index + 1 or index >= len(before.steps):
        return
    if before.current != after.current or before.steps != after.steps or before.status.get("promoteFull"):
        return
    if not before.stable:
        return  # a first deployment has no steps
    if before.stable == before.current:
        return  # nothing is under way: somebody edited the steps of a version that is promoted
    if past.told_at > min(past.step_since, past.doubt(after.now)):
        return
    if lacks := unfinished(before, after, past):
        yield f"step {index} was left, {lacks}"


def healthy_means_done(before: View, after: View, past: Past) -> Iterator[str]:
    """A rollout is called Healthy only when the version that it asks for is the stable one."""
    if not after.author or before.rollout is after.rollout or after.status.get("phase") != "Healthy":
        return
    if after.current != after.stable:
        yield f"status says Healthy, and {_name(after, after.current)} is not promoted"


def analyses_belong_to_an_update(before: View, after: View, past: Past) -> Iterator[str]:
    """An analysis begins only for the version under way, and not once it is aborted."""
    if not after.author or before.runs is after.runs or past.told_at > past.doubt(after.now):
        return
    known = {run.name for run in before.runs}
    for run in after.runs:
        if run.name in known:
            continue
        if run.hash != before.current or run.hash == before.stable or before.status.get("abort"):
            yield f"{run.name} was begun, and {_name(after, run.hash)} is not under way"


def nobody_is_left_waiting(before: View, after: View, past: Past) -> Iterator[str]:
    """A canary's requests go to stable within a minute after its last pod went, if that has some."""
    if not after.routed or after.replicas == 0 or not after.ready.get(after.stable) or _invalid(after):
        return
    if not after.author and before.reach != after.reach:
        return  # somebody moved them just now: the minute begins
    calm = max(past.told_at, past.moved_at, past.awake_since, past.last_doubt(after.now))
    if after.now - calm < PATIENCE:
        return
    for pod_hash, share in after.reach.items():
        if not share or pod_hash == after.stable or after.ready.get(pod_hash):
            continue
        if after.now - max(past.last_ready.get(pod_hash, 0.0), calm) >= PATIENCE:
            yield f"{_percent(share)} of the requests go to {_name(after, pod_hash)}, which has no pods"


def a_baseline_gets_what_the_canary_gets(before: View, after: View, past: Past) -> Iterator[str]:
    """The controllers give baseline pods the canary's share or none."""
    share = after.beside_weight
    if not after.author or not share or (before.weight, before.beside_weight) == (after.weight, share):
        return
    if past.last_ready.get(after.stable, -1) < past.doubt(after.now) and not after.ready.get(after.stable):
        return  # there is nobody to give it back to
    if share != after.weight:
        canary = _percent(after.weight or Fraction(0))
        yield f"the baseline was given {_percent(share)} of the traffic, and the canary has {canary}"


def a_baseline_with_traffic_stays(before: View, after: View, past: Past) -> Iterator[str]:
    """Neither the Service nor the ReplicaSet of baseline pods is deleted while they have a share."""
    if not after.author or not before.beside_weight or past.told_at > past.doubt(after.now):
        return
    if past.moved_at > past.doubt(after.now):
        return
    if before.beside is not None and after.beside is None:
        yield f"the Service of the baseline was deleted with {_percent(before.beside_weight)} of the traffic"
    if before.beside in before.baselines and before.beside not in after.baselines:
        name = before.baselines[before.beside].name
        yield f"the baseline {name} was deleted with {_percent(before.beside_weight)} of the traffic"


def no_baseline_outlives_its_step(before: View, after: View, past: Past) -> Iterator[str]:
    """A minute after the step that asked for baseline pods nothing of them is left."""
    left = [each.name for each in after.baselines.values()]
    left += ["their Service"] if after.beside is not None else []
    left += ["their share"] if after.beside_weight else []
    if not left or not after.status or after.compares or _invalid(after) or _invalid(before):
        return
    if after.replicas and not after.ready.get(after.stable):
        return  # they serve in place of stable
    calm = max(past.told_at, past.moved_at, past.awake_since, past.last_doubt(after.now), past.fell_at)
    if not before.compares and after.now - max(calm, past.compared_at) >= PATIENCE:
        yield f"no step asks for a baseline, and there is still {' and '.join(left)}"


ALWAYS: tuple[Invariant, ...] = (
    no_traffic_without_pods,
    a_failed_revision_gains_nothing,
    an_aborted_revision_gains_nothing,
    a_paused_rollout_gains_nothing,
    no_weight_beyond_the_step,
    capacity_stays,
    traffic_moves_to_enough_pods,
    a_shared_service_narrows_to_enough_pods,
    status_tells_the_weight,
    one_run_for_each_attempt,
    services_select_what_is_there,
    users_get_what_was_proven,
    a_human_promotes,
    steps_are_taken_when_done,
    healthy_means_done,
    analyses_belong_to_an_update,
    nobody_is_left_waiting,
    a_baseline_gets_what_the_canary_gets,
    a_baseline_with_traffic_stays,
    no_baseline_outlives_its_step,
)
"""Checked after every change of anything that a view shows."""


def asked_weight(view: View) -> Fraction:
    """The share that the step asks for that status names."""
    if view.status.get("abort"):
        return Fraction(0)
    if view.status.get("promoteFull") or view.index >= len(view.steps):
        return Fraction(1)
    earlier = [step["setWeight"] for step in view.steps[: view.index + 1] if "setWeight" in step]
    return Fraction(earlier[-1] if earlier else 0, 100)


def _told(view: View) -> Fraction | None:
    """The canary's share that status tells."""
    weights = (view.status.get("canary") or {}).get("weights")
    if weights is None:
        return None
    canary: int = weights["canary"]["weight"]
    further: int = sum(each["weight"] for each in weights.get("additional") or ())
    return Fraction(canary, canary + weights["stable"]["weight"] + further)


def _unavailable(view: View) -> int:
    """How many pods may be missing without a router."""
    surge, unavailable = (
        _share(view.strategy.get(name, "25%"), view.replicas) for name in ("maxSurge", "maxUnavailable")
    )
    allowed = min(view.replicas, floor(unavailable))
    return 1 if allowed == 0 and ceil(surge) == 0 else allowed


def _restarts(view: View) -> int:
    """How many pods a restart that is under way may take away."""
    if view.spec.get("restartAt") == view.status.get("restartedAt"):
        return 0
    return max(1, floor(_share(view.strategy.get("maxUnavailable", "25%"), view.replicas)))


def _share(value: Any, total: int) -> Fraction:
    if isinstance(value, int):
        return Fraction(value)
    return Fraction(int(value.removesuffix("%")) * total, 100)


def _needed(view: View, pod_hash: str) -> int:
    """The pods that a version needs for the requests that reach it."""
    share = view.reach.get(pod_hash, Fraction(0))
    if view.switches:
        return view.replicas if share else 0
    if pod_hash != view.stable and _sized_apart(view):
        return min(1, ceil(share), view.replicas)
    return ceil(share * view.replicas)


def _sized_apart(view: View) -> bool:
    """Whether the user sized the canary apart from its weight."""
    strategy = view.strategy
    scaled = any("setCanaryScale" in step for step in view.steps)
    return scaled or "replicaProgressThreshold" in strategy or bool(strategy.get("dynamicStableScale"))


def _invalid(view: View) -> bool:
    return any(each["type"] == "InvalidSpec" for each in view.status.get("conditions") or ())


def _name(view: View, pod_hash: str) -> str:
    each = view.of(pod_hash)
    return f"{each.version} ({pod_hash})" if each is not None else (pod_hash or "nobody")


def _percent(share: Fraction) -> str:
    return f"{float(100 * share):g} %"
