"""Draws programs: every choice comes from one random generator, and so from the seed."""

import random
from dataclasses import replace
from typing import Any

from rollouts.api.meta import Object
from tests.faults.model import (
    CONFLICT,
    INTERNAL_ERROR,
    TOO_MANY_REQUESTS,
    UNAVAILABLE,
    Fault,
    Page,
    ResetAfter,
    ResetBefore,
    Slow,
    SlowAnswer,
    Truncated,
    WatchCut,
    WatchGone,
    WatchLate,
    WatchStalls,
)
from tests.simulation.baselines import with_baselines
from tests.simulation.events import (
    Break,
    ChangeStrategy,
    Command,
    Crash,
    Degrade,
    DeleteReplicaSet,
    DeleteRuns,
    Drift,
    EditSteps,
    EditStrategy,
    Event,
    Faults,
    Forget,
    HandOver,
    Invalidate,
    Jump,
    Mend,
    NoMetrics,
    PodsFail,
    Recreate,
    Remove,
    Scale,
    Ship,
)
from tests.simulation.manifests import SERVICES
from tests.simulation.policies import with_policies
from tests.simulation.program import VERSIONS, Kind, Program, Setup, Timed

KINDS: tuple[Kind, ...] = ("rolling", "canary", "nginx", "gateway", "blueGreen")
GATE: Object = {"templates": [{"templateName": "errors"}]}
WATCH: Object = {"templates": [{"templateName": "watch"}]}
_WRITE_FAULTS: tuple[Fault, ...] = (
    CONFLICT,
    TOO_MANY_REQUESTS,
    INTERNAL_ERROR,
    UNAVAILABLE,
    ResetBefore(),
    ResetAfter(),
    Slow(3),
    SlowAnswer(7),
    Truncated(),
    Page(code=502),
)
_READ_FAULTS: tuple[Fault, ...] = (TOO_MANY_REQUESTS, INTERNAL_ERROR, ResetBefore(), SlowAnswer(4), Page())
_WATCH_FAULTS: tuple[Fault, ...] = (
    WatchGone(after=1),
    WatchCut(after=2),
    WatchStalls(after=1),
    WatchLate(2),
    WatchLate(6),
    UNAVAILABLE,
    Page(),
)


_ODD = 0.0037
"""Seconds by which events miss the moments at which timers go off: what happens in the same instant as
something else has no order that anybody could be held to."""


def draw(seed: int) -> Program:
    """The program of a seed."""
    lot = random.Random(seed)
    setup = _setup(lot)
    at, events = 0.0, []
    for _ in range(lot.randint(4, 14)):
        events.append(Timed(round(at, 2) + _ODD, _event(lot, setup, first=not events)))
        at += lot.choice((0.02, 0.3, lot.uniform(0.02, 3), lot.uniform(2, 15), lot.uniform(10, 60)))
    program = Program(seed=seed, setup=setup, events=tuple(events))
    return _with_changes(with_baselines(with_policies(program)))


def _with_changes(program: Program) -> Program:
    """The program of a seed with changes of the whole strategy, drawn apart from the rest of it."""
    lot, setup = random.Random(f"changes of {program.seed}"), program.setup
    if setup.kind in ("nginx", "gateway") or lot.random() < 0.6:
        return program
    events = list(program.events)
    last = events[-1].at
    for _ in range(lot.choice((1, 1, 2))):
        change = ChangeStrategy(_another(lot, SERVICES[setup.kind][0]))
        events.append(Timed(round(last * lot.random(), 2) + _ODD, change))
    return replace(program, events=tuple(sorted(events, key=lambda each: each.at)))


def _another(lot: random.Random, front: str) -> Object:
    match lot.choice(("canary", "rolling", "blueGreen", "blueGreen")):
        case "blueGreen":
            strategy = _blue_green(lot) | {"activeService": front}
            del strategy["previewService"]
            return {"blueGreen": strategy}
        case kind:
            return {"canary": _canary(lot, kind)}


# --- The world --------------------------------------------------------------------------------------------


def _setup(lot: random.Random) -> Setup:
    kind = lot.choice(KINDS)
    strategy = _blue_green(lot) if kind == "blueGreen" else _canary(lot, kind)
    return Setup(
        kind=kind,
        replicas=lot.choice((1, 2, 3, 4, 5)),
        strategy=strategy,
        spec=_maybe(
            lot,
            progressDeadlineSeconds=(0.5, (30, 60, 120)),
            progressDeadlineAbort=(0.3, (True,)),
            minReadySeconds=(0.2, (2, 5)),
            rollbackWindow=(0.25, ({"revisions": 1}, {"revisions": 3})),
            revisionHistoryLimit=(0.2, (1, 2)),
        ),
        controllers=2 if lot.random() < 0.12 else 1,
        settled=lot.random() < 0.85,
    )


def _canary(lot: random.Random, kind: Kind) -> Object:
    routed = kind in ("nginx", "gateway")
    strategy: Object = {}
    if kind != "rolling":
        strategy["steps"] = list(_steps(lot, routed=routed))
    if routed:
        strategy |= {"stableService": "shop-stable", "canaryService": "shop-canary"}
        strategy["trafficRouting"] = (
            {"nginx": {"stableIngress": "shop"}}
            if kind == "nginx"
            else {"plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": "shop", "namespace": "default"}}}
        )
        dynamic = lot.random() < 0.25
        strategy |= {"dynamicStableScale": True} if dynamic else {}
        strategy |= _maybe(
            lot,
            abortScaleDownDelaySeconds=(0.3, (0, 2, 10)),
            scaleDownDelaySeconds=(0.0 if dynamic else 0.3, (0, 5, 20)),
            scaleDownDelayRevisionLimit=(0.15, (0, 1)),
            minPodsPerReplicaSet=(0.15, (2,)),
        )
    else:
        strategy |= lot.choice(
            (
                {},
                {"maxSurge": 1, "maxUnavailable": 0},
                {"maxSurge": 0, "maxUnavailable": 1},
                {"maxSurge": "50%", "maxUnavailable": "50%"},
            )
        )
    if lot.random() < 0.3 and kind != "rolling":
        strategy["analysis"] = WATCH | _maybe(lot, startingStep=(0.4, (1, 2)))
        strategy["analysis"]["startingStep"] = min(
            strategy["analysis"].get("startingStep", 0), len(strategy["steps"])
        )
    strategy |= _maybe(
        lot, replicaProgressThreshold=(0.1, ({"type": "Percent", "value": 50}, {"type": "Pods", "value": 1}))
    )
    return strategy


def _steps(lot: random.Random, *, routed: bool) -> tuple[Object, ...]:
    steps: list[Object] = []
    for _ in range(lot.randint(1, 5)):
        steps.append({"setWeight": lot.choice((0, 10, 20, 34, 50, 75, 100))})
        match lot.choice(("pause", "wait", "gate", "scale", "none", "none")):
            case "pause":
                steps.append({"pause": {}})
            case "wait":
                steps.append({"pause": {"duration": lot.choice((3, 10, "30s"))}})
            case "gate":
                steps.append({"analysis": GATE})
            case "scale" if routed:
                scale = lot.choice(
                    ({"replicas": 1}, {"replicas": 3}, {"weight": 50}, {"matchTrafficWeight": True})
                )
                steps.insert(lot.choice((0, len(steps))), {"setCanaryScale": scale})
    return tuple(steps)


def _blue_green(lot: random.Random) -> Object:
    return {"activeService": "shop-active", "previewService": "shop-preview"} | _maybe(
        lot,
        autoPromotionEnabled=(0.25, (False,)),
        autoPromotionSeconds=(0.3, (5, 20)),
        previewReplicaCount=(0.3, (1, 2)),
        prePromotionAnalysis=(0.4, (GATE,)),
        postPromotionAnalysis=(0.4, (WATCH_A_WHILE,)),
        scaleDownDelaySeconds=(0.4, (0, 5, 20)),
        abortScaleDownDelaySeconds=(0.3, (0, 2, 10)),
        scaleDownDelayRevisionLimit=(0.15, (0, 1)),
    )


WATCH_A_WHILE: Object = {"templates": [{"templateName": "after"}]}


def _maybe(lot: random.Random, **fields: tuple[float, tuple[Any, ...]]) -> Object:
    """Each field with its probability, at one of its values."""
    return {name: lot.choice(values) for name, (share, values) in fields.items() if lot.random() < share}


# --- What happens -----------------------------------------------------------------------------------------


def _event(lot: random.Random, setup: Setup, *, first: bool) -> Event:
    if first:
        return Ship("v2")
    kinds, weights = zip(*_DRAWS.items(), strict=True)
    return lot.choices(kinds, weights)[0](lot, setup)


def _command(lot: random.Random, _: Setup) -> Event:
    verbs = ("promote", "promote", "promote", "promote-full", "abort", "abort", "retry", "retry")
    return Command(lot.choice((*verbs, "pause", "restart", "undo")))


def _edit_steps(lot: random.Random, setup: Setup) -> Event:
    if setup.kind in ("rolling", "blueGreen"):
        return Ship(lot.choice(VERSIONS))
    steps = _steps(lot, routed=setup.kind in ("nginx", "gateway"))
    start = setup.strategy.get("analysis", {}).get("startingStep", 0)
    return EditSteps((*steps, *({"setWeight": 100} for _ in range(start - len(steps)))))


def _edit_strategy(lot: random.Random, setup: Setup) -> Event:
    choices: dict[str, tuple[Any, ...]] = {"revisionHistoryLimit": (1, 5)}
    if setup.kind == "blueGreen":
        choices = {"autoPromotionEnabled": (True, False), "scaleDownDelaySeconds": (0, 30)}
    elif setup.kind in ("nginx", "gateway"):
        choices = {"abortScaleDownDelaySeconds": (0, 5), "minPodsPerReplicaSet": (1, 2)}
    else:
        choices = {"maxUnavailable": (1, "50%"), "maxSurge": (1, "100%")}
    field = lot.choice(sorted(choices))
    return EditStrategy(field, lot.choice(choices[field]))


def _drift(lot: random.Random, setup: Setup) -> Event:
    if setup.kind not in ("nginx", "gateway"):
        return _pods_fail(lot, setup)
    return Drift(lot.choice((0, 1, 30, 100)))


def _pods_fail(lot: random.Random, _: Setup) -> Event:
    how = lot.choice(("crash", "are evicted", "are deleted", "stop answering"))
    return PodsFail(how, lot.choice(("", "v1", "v2", "v3")), lot.choice((1, 1, 2, 9)))


def _faults(lot: random.Random, _: Setup) -> Event:
    on = lot.choice(("writes", "writes", "reads", "watches"))
    faults = {"writes": _WRITE_FAULTS, "reads": _READ_FAULTS, "watches": _WATCH_FAULTS}[on]
    return Faults(lot.choice(faults), on, lot.choice((1, 2, 5)), lot.choice((2.0, 10.0, 40.0)))


def _crash(lot: random.Random, _: Setup) -> Event:
    return Crash(lot.choice((0.0, 1.0, 8.0, 40.0)), lot.choice((0, 1, 2, 3, 5, 8)))


def _leader(lot: random.Random, setup: Setup) -> Event:
    return HandOver() if setup.controllers > 1 else _crash(lot, setup)


_DRAWS = {
    lambda lot, _: Ship(lot.choice(VERSIONS)): 12,
    _command: 18,
    lambda lot, _: Scale(lot.choice((0, 1, 2, 3, 5, 6))): 5,
    _edit_steps: 4,
    _edit_strategy: 3,
    lambda lot, _: Invalidate(lot.choice((1.013, 15.017))): 2,
    lambda lot, _: Remove(
        lot.choice(("Service", "AnalysisTemplate", "Route")),
        lot.randint(0, 3),
        lot.choice((0.011, 5.013, 25.017)),
    ): 4,
    lambda lot, _: Recreate(lot.choice((0.011, 0.511, 12.017))): 1,
    lambda lot, _: DeleteReplicaSet(lot.choice(("new", "stable", "old"))): 2,
    lambda lot, _: DeleteRuns(): 2,
    _drift: 3,
    _pods_fail: 9,
    lambda lot, _: Break(lot.choice(("v1", "v2", "v3", "v4"))): 4,
    lambda lot, _: Mend(lot.choice(("v1", "v2", "v3", "v4"))): 4,
    lambda lot, _: Degrade(lot.choice(("v1", "v2", "v3", "v4")), lot.choice((0.0, 0.2, 0.6))): 7,
    lambda lot, _: NoMetrics(lot.choice((5.0, 60.0))): 2,
    _faults: 14,
    _crash: 8,
    _leader: 4,
    lambda lot, _: Jump(lot.choice((-300.0, -20.0, -2.0, 2.0, 20.0, 300.0))): 4,
    lambda lot, _: Forget(): 3,
}
"""How often each kind of event is drawn, beside the others."""
