"""What to do next: `plan(seen, now)`, a pure function for every strategy."""

from collections.abc import Callable, Mapping
from datetime import datetime

from rollouts.api.rollout import Rollout
from strategies import arguments, bluegreen, canary, lifecycle, revisions, rolling, safety, steps, verdicts
from strategies.model import Event, Observed, Plan

__all__ = ["STRATEGIES", "plan"]

STRATEGIES: Mapping[str, Callable[[Observed, datetime], Plan]] = {
    "rolling": rolling.plan,
    "canary": canary.plan,
    "blueGreen": bluegreen.plan,
}


STRATEGY_ANNOTATION = "rollouts.argoproj.io/strategy"
"""Names a strategy that was added to the table, where the spec has no word for it."""


def strategy_of(rollout: Rollout) -> str:
    """The name of the strategy that a rollout asks for; a canary without steps is a rolling update."""
    if named := rollout.metadata.annotations.get(STRATEGY_ANNOTATION):
        return named
    if rollout.spec.strategy.blue_green is not None:
        return "blueGreen"
    chosen = rollout.spec.strategy.canary
    return "canary" if chosen is not None and chosen.steps else "rolling"


def plan(seen: Observed, now: datetime) -> Plan:
    """Decide what to do next about a rollout.

    Pure: called twice with equal arguments it returns equal plans, and carrying a plan out twice, or half of
    it, does no harm.
    """
    name = strategy_of(seen.rollout)
    if name not in STRATEGIES:
        return _invalid(seen, (_unknown(name),), now)
    problems = (*seen.problems, *steps.unsupported(seen.rollout), *arguments.problems(seen))
    if problems:
        return _invalid(seen, problems, now)
    sets = revisions.roles(seen)
    if revisions.collided(seen, sets.new):
        count = (seen.rollout.status.collision_count or 0) + 1
        return Plan(status=seen.rollout.status.model_copy(update={"collision_count": count}))
    return _checked(seen, STRATEGIES[name](seen, now), now)


def _unknown(name: str) -> str:
    return (
        f'.metadata.annotations["{STRATEGY_ANNOTATION}"]: there is no strategy "{name}"; '
        f"use one of {', '.join(STRATEGIES)}, or install the one that is meant"
    )


def _invalid(seen: Observed, problems: tuple[str, ...], now: datetime) -> Plan:
    """An invalid rollout stands still; one that is aborted, or whose analysis fails, still retreats."""
    waiting = lifecycle.invalid(seen, problems, now)
    strategy, aborted = STRATEGIES.get(strategy_of(seen.rollout)), seen.rollout.status.abort
    was = lifecycle.as_it_was(seen)
    if strategy is None or lifecycle.changed(was) or not (aborted or verdicts.why_abort(was, now)):
        return waiting
    retreat = _checked(was, strategy(was, now), now)
    if not (aborted or retreat.status.abort):
        return waiting
    return lifecycle.invalid(seen, problems, now, retreat)


def _checked(seen: Observed, planned: Plan, now: datetime) -> Plan:
    """The plan without what would harm users: planning it was a defect of the strategy, which is told."""
    unsafe = safety.violations(seen, planned.actions, now)
    if not unsafe:
        return planned
    refused = [each.action for each in unsafe]
    told = tuple(
        Event(reason="UnsafePlan", message=f"Did not carry out {each.action}: {each.reason}", type="Warning")
        for each in unsafe
    )
    return Plan(
        actions=tuple(action for action in planned.actions if action not in refused),
        status=planned.status,
        events=(*planned.events, *told),
        requeue_after=planned.requeue_after,
    )
