"""Which AnalysisRun must exist, which must end, and what the runs mean for the rollout.

A run's name is written to status before the run is created. So a restart of the engine finds its own run, and
a run of an earlier attempt, which a retry must not believe, is told apart by its name.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rollouts.api.canary import CanaryAnalysis, RolloutAnalysis
from rollouts.api.rollout_status import AnalysisRunStatusRef, RolloutStatus
from strategies import arguments, baseline, position
from strategies.model import (
    Action,
    AnalysisRun,
    DeleteAnalysis,
    Observed,
    RunType,
    StartAnalysis,
    TerminateAnalysis,
)
from strategies.revisions import FINISHED, Roles, number, within_rollback_window

HISTORY_LIMIT = 5

KINDS: tuple[RunType, ...] = ("Step", "Background", "PrePromotion", "PostPromotion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """An analysis that is wanted now."""

    type: RunType
    analysis: RolloutAnalysis
    suffix: str
    step_index: int | None = None
    baseline: bool = False
    """It compares with baseline pods, and waits for them."""


def ref_of(status: RolloutStatus, kind: RunType) -> AnalysisRunStatusRef | None:
    """The run that status names for a kind of analysis."""
    match kind:
        case "Step":
            return status.canary.current_step_analysis_run_status
        case "Background":
            return status.canary.current_background_analysis_run_status
        case "PrePromotion":
            return status.blue_green.pre_promotion_analysis_run_status
        case "PostPromotion":
            return status.blue_green.post_promotion_analysis_run_status


def with_ref(status: RolloutStatus, kind: RunType, ref: AnalysisRunStatusRef | None) -> RolloutStatus:
    """The status with another run named for a kind of analysis."""
    if ref_of(status, kind) == ref:
        return status
    fields = {
        "Step": "current_step_analysis_run_status",
        "Background": "current_background_analysis_run_status",
        "PrePromotion": "pre_promotion_analysis_run_status",
        "PostPromotion": "post_promotion_analysis_run_status",
    }
    half = "canary" if kind in {"Step", "Background"} else "blue_green"
    inner = getattr(status, half).model_copy(update={fields[kind]: ref})
    return status.model_copy(update={half: inner})


def cleared(status: RolloutStatus) -> RolloutStatus:
    """The status without any run, as at the beginning of an update."""
    for kind in KINDS:
        status = with_ref(status, kind, None)
    return status


def canary_slots(seen: Observed, roles: Roles) -> tuple[Slot, ...]:
    """The step's own analysis, and the one that runs beside the steps."""
    rollout = seen.rollout
    status, strategy = rollout.status, position.canary(rollout)
    if roles.new is None or roles.stable is None or roles.promoted or status.promote_full:
        return ()
    at = position.current(rollout)
    if at is None and within_rollback_window(seen, roles):
        return ()  # the version was good before, and goes without steps too
    slots = []
    if at is not None and at[1].analysis is not None:
        slots.append(_slot("Step", at[1].analysis, f"-{at[0]}", at[0]))
    if strategy.analysis is not None and not _before_background(seen):
        slots.append(_slot("Background", strategy.analysis))
    return tuple(slots)


def _slot(kind: RunType, analysis: CanaryAnalysis, suffix: str = "", step_index: int | None = None) -> Slot:
    compares = analysis.baseline is not None
    return Slot(type=kind, analysis=analysis, suffix=suffix, step_index=step_index, baseline=compares)


def _before_background(seen: Observed) -> bool:
    analysis = position.canary(seen.rollout).analysis
    at = position.current(seen.rollout)
    return analysis is not None and at is not None and at[0] < (analysis.starting_step or 0)


def runs_named(seen: Observed, kinds: Iterable[RunType] = KINDS) -> list[tuple[RunType, AnalysisRun]]:
    """The runs that status names, by kind, as far as they exist."""
    at = position.current(seen.rollout)
    # A user may have moved on from the step whose run status still names.
    by_name = {
        run.name: run
        for run in seen.runs
        if run.type != "Step" or seen.rollout.status.abort or (at is not None and run.step_index == at[0])
    }
    refs = ((kind, ref_of(seen.rollout.status, kind)) for kind in kinds)
    return [(kind, by_name[ref.name]) for kind, ref in refs if ref is not None and ref.name in by_name]


def named(seen: Observed, roles: Roles, slots: Iterable[Slot], status: RolloutStatus) -> RolloutStatus:
    """The status with a run named for each wanted analysis, its phase copied, and no others."""
    by_type = {slot.type: slot for slot in slots}
    for kind in KINDS:
        slot, ref = by_type.get(kind), ref_of(status, kind)
        if slot is None:
            status = with_ref(status, kind, None)
            continue
        base = _base(seen, roles, slot)
        if ref is None or not _is_numbered(ref.name, base):
            ref = AnalysisRunStatusRef(name=_unused(base, seen.runs))
        run = next((run for run in seen.runs if run.name == ref.name), None)
        if run is not None and bool(run.baseline) is not slot.baseline:
            run, ref = (
                None,
                AnalysisRunStatusRef(name=_unused(base, seen.runs)),
            )  # the spec says otherwise now
        if run is not None:
            ref = AnalysisRunStatusRef(name=run.name, status=run.phase, message=run.message)
        status = with_ref(status, kind, ref)
    return status


def copied(seen: Observed, status: RolloutStatus) -> RolloutStatus:
    """The status with the phases of the runs that it names brought up to date."""
    for kind, run in runs_named(seen):
        ref = ref_of(status, kind)
        if ref is not None and ref.name == run.name:
            fresh = AnalysisRunStatusRef(name=run.name, status=run.phase, message=run.message)
            status = with_ref(status, kind, fresh)
    return status


def starts(seen: Observed, roles: Roles, slots: Iterable[Slot]) -> tuple[Action, ...]:
    """Create the runs that status names and that do not exist yet."""
    existing = {run.name for run in seen.runs}
    actions: list[Action] = []
    for slot in slots:
        ref = ref_of(seen.rollout.status, slot.type)
        if ref is None or ref.name in existing or ref.status in FINISHED:
            continue
        if not _is_numbered(ref.name, _base(seen, roles, slot)):
            continue
        beside = baseline.comparable(seen, roles) if slot.baseline else None
        if slot.baseline and beside is None:
            continue
        actions.append(
            StartAnalysis(
                name=ref.name,
                type=slot.type,
                analysis=slot.analysis,
                args=arguments.resolve(seen, slot.analysis),
                pod_hash=seen.pod_hash,
                revision=number(roles),
                step_index=slot.step_index,
                baseline=beside,
            )
        )
    return tuple(actions)


def ends(seen: Observed, *, keep: bool = True) -> tuple[Action, ...]:
    """End every unfinished run that status does not name; with `keep` false the named ones too."""
    current = {run.name for _, run in runs_named(seen)} if keep else frozenset()
    return tuple(
        TerminateAnalysis(name=run.name)
        for run in seen.runs
        if run.phase not in FINISHED and not run.terminated and run.name not in current
    )


def expired_history(seen: Observed, roles: Roles) -> tuple[Action, ...]:
    """Finished runs beyond the limits, 5 successful and 5 others by default, and of deleted revisions."""
    limits = seen.rollout.spec.analysis
    good = limits.successful_run_history_limit if limits is not None else None
    bad = limits.unsuccessful_run_history_limit if limits is not None else None
    current = {run.name for _, run in runs_named(seen)}
    hashes = {each.pod_hash for each in roles.all} | {seen.pod_hash}
    finished = sorted(
        (run for run in seen.runs if run.phase in FINISHED and run.name not in current),
        key=lambda run: (run.created, run.name),
        reverse=True,
    )
    orphans = [run for run in finished if run.pod_hash not in hashes]
    rest = [run for run in finished if run.pod_hash in hashes]
    successful = [run for run in rest if run.phase == "Successful"]
    others = [run for run in rest if run.phase != "Successful"]
    expired = [
        *orphans,
        *successful[HISTORY_LIMIT if good is None else good :],
        *others[HISTORY_LIMIT if bad is None else bad :],
    ]
    return tuple(DeleteAnalysis(name=run.name) for run in expired)


def _base(seen: Observed, roles: Roles, slot: Slot) -> str:
    return f"{seen.rollout.metadata.name}-{seen.pod_hash}-{number(roles)}{slot.suffix}"


def is_of_step(ref: AnalysisRunStatusRef, index: int) -> bool:
    """Whether a run's name is that of a step, at whichever attempt."""
    base, _, attempt = ref.name.rpartition(".")
    return (base if base and attempt.isdecimal() else ref.name).endswith(f"-{index}")


def _is_numbered(name: str, base: str) -> bool:
    """Whether a name is `base` or one of its later attempts, `base.1` and so on."""
    return name == base or (name.startswith(f"{base}.") and name[len(base) + 1 :].isdigit())


def _unused(base: str, runs: Iterable[AnalysisRun]) -> str:
    taken = {run.name for run in runs}
    attempt, name = 0, base
    while name in taken:
        attempt += 1
        name = f"{base}.{attempt}"
    return name
