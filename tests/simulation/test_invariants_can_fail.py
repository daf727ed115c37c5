"""Each invariant speaks when the engine is broken on purpose: a check that cannot fail would be none."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from rollouts.api.meta import Object
from rollouts.api.rollout_status import TrafficWeights, WeightDestination
from rollouts.api.weights import Destination
from rollouts.kube.fence import Fence
from rollouts.kube.lease import Elector
from strategies import (
    analyses,
    baseline,
    bluegreen,
    canary,
    counts,
    lifecycle,
    pauses,
    phase,
    replicas,
    safety,
    services,
    steps,
    verdicts,
    weights,
)
from strategies.lifecycle import Decision
from strategies.model import DeleteReplicaSet, StartAnalysis, SwitchService
from strategies.replicas import Bounds
from strategies.steps import Step
from tests.faults.model import INTERNAL_ERROR
from tests.simulation import controllers
from tests.simulation import events as e
from tests.simulation.draw import GATE, WATCH
from tests.simulation.program import Kind, Program, Setup, Timed
from tests.simulation.run import run

Break = Callable[[pytest.MonkeyPatch], object]

ROUTED: Object = {
    "stableService": "shop-stable",
    "canaryService": "shop-canary",
    "trafficRouting": {"nginx": {"stableIngress": "shop"}},
}
BLUE_GREEN: Object = {"activeService": "shop-active", "previewService": "shop-preview"}


def program(kind: Kind, strategy: Object, *events: tuple[float, e.Event], **setup: Any) -> Program:
    spec = setup.pop("spec", {})
    made = Setup(kind=kind, replicas=4, strategy=strategy, spec=spec, **setup)
    return Program(seed=0, setup=made, events=tuple(Timed(at, event) for at, event in events))


def routed(*listed: Object, **more: Any) -> Object:
    return {**ROUTED, "steps": list(listed), **more}


COMPARED: Object = {
    **ROUTED,
    "trafficRouting": {
        "plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": "shop", "namespace": "default"}}
    },
    "steps": [{"setWeight": 25}, {"pause": {"duration": 30}}],
    "analysis": {**WATCH, "baseline": {"matchCanary": True}},
}
SHIP = (0.0, e.Ship("v2"))
CLIMB = ({"setWeight": 25}, {"pause": {"duration": 30}}, {"setWeight": 75}, {"pause": {"duration": 30}})


def swap(place: object, name: str, value: object) -> Break:
    return lambda patch: patch.setattr(place, name, value)


def without_safety(*breaks: Break) -> Break:
    def all_of_them(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(safety, "violations", lambda *_: ())
        for each in breaks:
            each(patch)

    return all_of_them


def switch_at_once(seen: Any, name: str, target: Any, **_: Any) -> tuple[SwitchService, ...]:
    service = seen.services.get(name)
    same = service is None or target is None or service.pod_hash == target.pod_hash
    return () if same else (SwitchService(name=name, pod_hash=target.pod_hash),)


def switch_to_nobody(seen: Any, name: str, target: Any, **_: Any) -> tuple[SwitchService, ...]:
    return (SwitchService(name=name, pod_hash="nobody"),) if name and target is not None else ()


def more_when_aborted(patch: pytest.MonkeyPatch) -> None:
    inner = weights.target
    patch.setattr(
        weights,
        "target",
        lambda seen, *rest, **more: 90 if seen.rollout.status.abort else inner(seen, *rest, **more),
    )


def weight_that_is_not_so(seen: Any) -> TrafficWeights:
    return TrafficWeights(canary=WeightDestination(weight=33), stable=WeightDestination(weight=67))


def a_run_in_each_pass(patch: pytest.MonkeyPatch) -> None:
    inner = analyses.named

    def named(seen: Any, roles: Any, slots: Any, status: Any) -> Any:
        names = {run.name for run in seen.runs}
        ref = analyses.ref_of(status, "Step")
        forgotten = ref is not None and ref.name in names
        return inner(seen, roles, slots, analyses.with_ref(status, "Step", None) if forgotten else status)

    patch.setattr(analyses, "named", named)
    patch.setattr(analyses, "ends", lambda *_, **__: ())


def a_planner_that_raises(patch: pytest.MonkeyPatch) -> None:
    inner = canary.decide

    def decide(seen: Any, *rest: Any) -> Decision:
        if seen.rollout.status.current_step_index == 1:
            raise ValueError("a defect")
        return inner(seen, *rest)

    patch.setattr(canary, "decide", decide)


def an_analysis_of_what_is_stable(patch: pytest.MonkeyPatch) -> None:
    def starts(seen: Any, roles: Any, slots: Any) -> tuple[StartAnalysis, ...]:
        if seen.runs or not roles.promoted:
            return ()
        analysis = seen.rollout.spec.strategy.canary.analysis
        more = {"name": "extra", "type": "Background", "revision": 1, "args": {}}
        return (StartAnalysis(analysis=analysis, pod_hash=seen.pod_hash, **more),)

    patch.setattr(analyses, "starts", starts)


async def never_lose(self: Elector) -> None:
    await controllers.asyncio.sleep(controllers._FOREVER)


def baselines_deleted(_: Any, roles: Any) -> tuple[DeleteReplicaSet, ...]:
    return tuple(DeleteReplicaSet(name=each.name) for each in roles.baselines if each.available)


def unequal_shares(patch: pytest.MonkeyPatch) -> None:
    inner = baseline.destinations

    def destinations(*args: Any, **more: Any) -> tuple[Destination, ...]:
        return tuple(replace(each, weight=each.weight + 5) for each in inner(*args, **more))

    patch.setattr(baseline, "destinations", destinations)
    patch.setattr(baseline, "carried", lambda *_: True)


def done(*_: object) -> Step:
    return Step(done=True)


CASES: dict[str, tuple[Program, Break]] = {
    "no_traffic_without_pods": (
        program("nginx", routed(*CLIMB), (0.0, e.Break("v2")), (1.0, e.Ship("v2"))),
        without_safety(
            swap(replicas, "idle", lambda *_: False),
            swap(weights, "_nobody_serves", lambda *_: False),
            swap(replicas, "ready_for", lambda *_: True),
            swap(services, "switch", switch_at_once),
            swap(services, "_canary_target", lambda seen, roles: roles.new),
        ),
    ),
    "a_failed_revision_gains_nothing": (
        program("nginx", routed(*CLIMB, analysis=WATCH), (0.0, e.Degrade("v2", 0.9)), SHIP),
        swap(verdicts, "found", lambda *_: ()),
    ),
    "an_aborted_revision_gains_nothing": (
        program("nginx", routed(*CLIMB), SHIP, (15.0, e.Command("abort"))),
        without_safety(more_when_aborted),
    ),
    "a_paused_rollout_gains_nothing": (
        program("nginx", routed(*CLIMB), SHIP, (15.0, e.Command("pause"))),
        swap(lifecycle, "halted", lambda *_: False),
    ),
    "no_weight_beyond_the_step": (
        program("nginx", routed(*CLIMB), SHIP),
        swap(weights, "_towards", lambda *_: 50),
    ),
    "capacity_stays": (
        program("rolling", {"maxUnavailable": 0}, SHIP),
        swap(replicas, "bounds", lambda rollout: Bounds(replicas=4, surge=0, unavailable=4)),
    ),
    "traffic_moves_to_enough_pods": (
        program("nginx", routed(*CLIMB), SHIP),
        swap(replicas, "ready_for", lambda *_: True),
    ),
    "a_shared_service_narrows_to_enough_pods": (
        program(
            "canary",
            {"steps": [{"setWeight": 75}, {"pause": {}}]},
            SHIP,
            (20.0, e.ChangeStrategy({"blueGreen": {"activeService": "shop"}})),
        ),
        swap(services, "switch", switch_at_once),
    ),
    "a_human_promotes": (
        program(
            "canary",
            {"steps": [{"setWeight": 75}, {"pause": {}}]},
            SHIP,
            (20.0, e.ChangeStrategy({"blueGreen": {"activeService": "shop", "autoPromotionEnabled": False}})),
        ),
        swap(pauses, "of_blue_green", lambda status: status),
    ),
    "status_tells_the_weight": (
        program("nginx", routed(*CLIMB), SHIP),
        swap(counts, "_weights", weight_that_is_not_so),
    ),
    "one_run_for_each_attempt": (
        program("nginx", routed({"setWeight": 25}, {"analysis": GATE}), SHIP),
        a_run_in_each_pass,
    ),
    "services_select_what_is_there": (
        program("nginx", routed(*CLIMB), SHIP),
        without_safety(swap(services, "switch", switch_to_nobody)),
    ),
    "users_get_what_was_proven": (
        program("blueGreen", {**BLUE_GREEN, "prePromotionAnalysis": GATE}, SHIP),
        swap(bluegreen, "_previewed", lambda *_: True),
    ),
    "healthy_means_done": (
        program("nginx", routed(*CLIMB), SHIP),
        swap(phase, "unfinished", lambda *_: ""),
    ),
    "analyses_belong_to_an_update": (
        program("nginx", routed(*CLIMB, analysis=WATCH), SHIP),
        an_analysis_of_what_is_stable,
    ),
    "nobody_is_left_waiting": (
        program(
            "nginx",
            routed({"setWeight": 25}, {"pause": {}}),
            SHIP,
            (10.0, e.Break("v2")),
            (11.0, e.PodsFail("are deleted", "v2", 9)),
        ),
        without_safety(
            swap(replicas, "idle", lambda *_: False),
            swap(weights, "_nobody_serves", lambda *_: False),
        ),
    ),
    "a_baseline_gets_what_the_canary_gets": (
        program("gateway", COMPARED, SHIP),
        without_safety(unequal_shares),
    ),
    "a_baseline_with_traffic_stays": (
        program("gateway", COMPARED, SHIP),
        without_safety(swap(baseline, "cleared", baselines_deleted)),
    ),
    "no_baseline_outlives_its_step": (
        program("gateway", COMPARED, SHIP, (20.0, e.Command("abort")), (30.0, e.Crash(1.0))),
        swap(baseline, "cleared", lambda *_: ()),
    ),
    "only_the_leader_writes": (
        program(
            "nginx",
            routed(*CLIMB),
            (0.0, e.Faults(INTERNAL_ERROR, "writes", 1, 25.0)),
            (26.0, e.Ship("v2")),
            controllers=2,
        ),
        lambda patch: (
            patch.setattr(Elector, "_renew", never_lose),
            patch.setattr(Fence, "left", property(lambda _: controllers._FOREVER)),
        ),
    ),
    "no_defects": (program("nginx", routed(*CLIMB), SHIP), a_planner_that_raises),
    "deployed": (program("nginx", routed(*CLIMB), SHIP), swap(phase, "unfinished", lambda *_: "something")),
}


@pytest.mark.parametrize("says", ["onFailure", "onInconclusive"])
def test_weight_after_an_analysis_that_is_for_a_human_is_found_out(
    says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = {**WATCH, says: "pause"}
    fails = e.Degrade("v2", 0.9 if says == "onFailure" else 0.2)
    made = program("nginx", routed(*CLIMB, analysis=watch), (0.0, fails), SHIP)
    assert run(made).violation is None
    monkeypatch.setattr(lifecycle, "halted", lambda *_: False)
    violation = run(made).violation
    assert violation is not None
    assert violation.invariant == "a_failed_revision_gains_nothing", violation


def test_a_step_that_is_left_on_a_run_that_somebody_ended_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = program("nginx", routed({"setWeight": 25}, {"analysis": GATE}), SHIP, (5.0, e.EndRuns()))
    assert run(made).violation is None
    monkeypatch.setattr(verdicts, "_judged", lambda *_: None)
    violation = run(made).violation
    assert violation is not None
    assert violation.sentence == "step 1 was left, and its analysis did not succeed"


@pytest.mark.parametrize("name", CASES)
def test_a_broken_engine_is_found_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, broken = CASES[name]
    assert run(made).violation is None
    broken(monkeypatch)
    violation = run(made).violation
    assert violation is not None
    assert violation.invariant == name, violation


PROOF: Object = {"templates": [{"templateName": "proof"}], "advance": "evidence"}
LEFT = {
    "its analysis has not proven": ({"setWeight": 25}, {"analysis": PROOF}),
    "a pause until the version is proven good": ({"setWeight": 25}, {"pause": {"advance": "evidence"}}),
    "analysis did not succeed": ({"setWeight": 25}, {"analysis": GATE}),
    "pause": ({"setWeight": 25}, {"pause": {}}),
    "a pause of 30": CLIMB,
    "setWeight": CLIMB,
}


@pytest.mark.parametrize("kind", LEFT)
def test_a_step_that_is_left_too_early_is_found_out(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = {"templates": [{"templateName": "proof-watch"}]}
    made = program("nginx", routed(*LEFT[kind], analysis=beside), SHIP, errors=0.03)
    assert run(made).violation is None
    planner = next(each for each in ("pause", "analysis", "setWeight") if each in kind)
    monkeypatch.setitem(steps.STEP_PLANNERS, planner, done)  # type: ignore[arg-type]
    violation = run(made).violation
    assert violation is not None
    assert violation.invariant == "steps_are_taken_when_done"
    assert kind in violation.sentence


def numbered(patch: pytest.MonkeyPatch) -> None:
    """Each process writes its own number into status."""
    inner, number = controllers.compose, [0]

    def compose(*args: Any, **more: Any) -> Any:
        number[0] += 1
        return inner(*args, **more)

    patch.setattr(controllers, "compose", compose)
    patch.setattr(counts, "selector_text", lambda _: f"app=shop,process={number[0]}")


def test_controllers_that_write_when_they_start_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    made = program("nginx", routed(*CLIMB), SHIP)
    numbered(monkeypatch)
    violation = run(made).violation
    assert violation is not None
    assert violation.sentence == "controllers that start over a world at rest write to it"


def test_controllers_that_write_without_end_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    inner, number = lifecycle.finish, [0]

    def finish(*args: Any) -> Any:
        made = inner(*args)
        number[0] += 1
        return replace(made, status=made.status.model_copy(update={"message": f"look {number[0]}"}))

    monkeypatch.setattr(lifecycle, "finish", finish)
    violation = run(program("nginx", routed(*CLIMB), SHIP)).violation
    assert violation is not None
    assert violation.sentence == "the controllers wrote 300 times within 5 s"


def test_controllers_that_never_rest_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = lifecycle.finish

    def finish(seen: Any, roles: Any, decision: Any, acts: Any, now: datetime) -> Any:
        made = inner(seen, roles, decision, acts, now)
        status = made.status.model_copy(update={"message": f"looked at {now:%H:%M}"})
        return replace(made, status=status, requeue_after=timedelta(minutes=1))

    monkeypatch.setattr(lifecycle, "finish", finish)
    violation = run(program("nginx", routed(*CLIMB), SHIP)).violation
    assert violation is not None
    assert violation.sentence == "the world does not come to rest: there is always another write"
