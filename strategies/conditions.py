"""`.status.conditions`: told from the status and from what it was before."""

from dataclasses import dataclass
from datetime import datetime

from rollouts.api.meta import Condition
from rollouts.api.rollout_status import RolloutStatus
from strategies import deadline, phase, replicas
from strategies.model import Observed
from strategies.revisions import Roles, number

Conditions = tuple[Condition, ...]
CREATE_ERROR = "ReplicaSetCreateError"


@dataclass(frozen=True, slots=True)
class Word:
    """What a condition is to say."""

    type: str
    status: str
    reason: str
    message: str
    touch: bool = False
    """Move the time of the last update even if nothing else changed: progress was made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A status about to be written, and what it was told from."""

    seen: Observed
    roles: Roles
    status: RolloutStatus
    abort_message: str = ""
    passed_over: tuple[str, ...] = ()
    """What there is to say of analyses in spite of which the update goes on."""

    @property
    def begins(self) -> bool:
        """An update begins, or begins anew."""
        before, after = self.seen.rollout.status, self.status
        if before.aborted_at is not None and after.aborted_at is None:
            return True
        same = (before.current_pod_hash, before.current_step_hash)
        return same != (after.current_pod_hash, after.current_step_hash)

    @property
    def paused(self) -> bool:
        """A user or a condition holds the update up. What is aborted is not paused: it retreats."""
        held = self.seen.rollout.spec.paused or bool(self.status.pause_conditions)
        return held and not self.status.abort

    @property
    def completed(self) -> bool:
        """The current version is the stable one."""
        return phase.promoted(self.status)

    @property
    def done(self) -> bool:
        """Nothing is left to do, but perhaps to verify a blue/green that has switched."""
        held = self.paused or self.status.abort
        return not held and not phase.unserved(self.seen.rollout, self.status)

    @property
    def healthy(self) -> bool:
        """Stricter than the phase, as upstream: no pod of the version is missing or too many, no older one of
        a canary is left, and the preview of a blue/green is the version, too.
        """
        return self.done and self._counted

    @property
    def _counted(self) -> bool:
        status, blue_green = self.status, self.seen.rollout.spec.strategy.blue_green
        wanted = replicas.wanted(self.seen.rollout)
        if not status.updated_replicas == status.available_replicas == wanted:
            return False
        if blue_green is None:
            return status.replicas == wanted
        return not blue_green.preview_service or status.blue_green.preview_selector == status.current_pod_hash

    @property
    def subject(self) -> str:
        """The name of the ReplicaSet that the update brings."""
        if self.roles.new is not None:
            return self.roles.new.name
        return f"{self.seen.rollout.metadata.name}-{self.seen.pod_hash}"


def invalid(before: Conditions, others: Conditions, message: str, now: datetime) -> Conditions:
    """`others`, and that only the author can mend the rollout, as it was told before if it was."""
    known = tuple(each for each in before if each.type == "InvalidSpec")
    told = put(known, Word("InvalidSpec", "True", "InvalidSpec", message), now)
    return (*(each for each in others if each.type != "InvalidSpec"), *told)


def not_created(before: Conditions, others: Conditions, message: str, now: datetime) -> Conditions:
    """`others`, but Progressing says why the template's ReplicaSet cannot be made; an abort goes first."""
    if any(each.reason == "RolloutAborted" for each in others):
        return others
    known = tuple(each for each in before if each.type == "Progressing")
    told = put(known, Word("Progressing", "False", CREATE_ERROR, message), now)
    return (*(each for each in others if each.type != "Progressing"), *told)


def told(draft: Draft, now: datetime) -> Conditions:
    """All conditions, given the status that is about to be written."""
    before = draft.seen.rollout.status.conditions
    conditions = tuple(each for each in before if each.type not in {"InvalidSpec", "ReplicaFailure"})
    if draft.begins:
        conditions = tuple(each for each in conditions if each.type != phase.PASSED_OVER)
    for word in _words(draft, conditions, now):
        conditions = put(conditions, word, now) if word is not None else conditions
    sets = (*draft.roles.all, *draft.roles.baselines)
    failure = next((each.failure for each in sets if each.failure), "")
    if not failure:
        return conditions
    old = tuple(each for each in before if each.type == "ReplicaFailure")
    return put((*conditions, *old), Word("ReplicaFailure", "True", "FailedCreate", failure), now)


def _words(draft: Draft, known: Conditions, now: datetime) -> tuple[Word | None, ...]:
    """What there is to say, in upstream's order: what is said anew moves to the end of the list."""
    before, status = draft.seen.rollout.status, draft.status
    completed = Word("Completed", _said(draft.completed), "RolloutCompleted", "RolloutCompleted")
    progressing, paused = _held(draft) or _moving(draft, now), _paused(draft, known)
    # A first deployment counts as completed before it is seen to be healthy.
    first = completed if draft.completed and not before.stable_rs else None
    healthy, available, over = _healthy(draft), _available(draft), _passed_over(draft, known)
    # What the engine holds up, or no longer does, is told after what led to it; what a user does, before.
    by_engine = draft.begins or before.pause_conditions or status.pause_conditions
    if draft.paused and by_engine and not draft.seen.rollout.spec.paused:
        return (first, healthy, available, completed, progressing, paused, over)
    if by_engine:
        return (first, healthy, progressing, available, completed, paused, over)
    return (first, paused, healthy, progressing, available, completed, over)


def _paused(draft: Draft, known: Conditions) -> Word | None:
    """Said from the first pause on; what is aborted is not paused."""
    told = find(known, "Paused")
    was = told is not None and told.status == "True"
    if was == draft.paused:
        return None
    return Word("Paused", _said(draft.paused), "RolloutPaused", "Rollout is paused")


def _held(draft: Draft) -> Word | None:
    """Progressing, of an update that is aborted, begins anew, or is paused."""
    before, status = draft.seen.rollout.status, draft.status
    current = find(before.conditions, "Progressing")
    if status.abort:
        return _aborted(draft, current)
    begins = current is None or status.current_pod_hash != before.current_pod_hash
    if current is None or begins or current.reason == CREATE_ERROR:
        if draft.roles.new is None:
            message = f'Created new replica set "{draft.subject}"'
            return Word("Progressing", "True", "NewReplicaSetCreated", message, touch=True)
        message = f'Found new replica set "{draft.subject}"'
        return Word("Progressing", "True", "FoundNewReplicaSet", message, touch=True)
    if before.aborted_at is not None and not draft.roles.promoted:
        return Word("Progressing", "Unknown", "RolloutRetry", "Retrying Rollout after abort", touch=True)
    # A pause of what is completed holds up nothing; but no deadline runs in it, either.
    if draft.paused and (not draft.completed or current.reason == deadline.EXCEEDED):
        return Word("Progressing", "Unknown", "RolloutPaused", "Rollout is paused")
    if current.reason == "RolloutPaused":
        return Word("Progressing", "Unknown", "RolloutResumed", "Rollout is resumed", touch=True)
    return None


def _aborted(draft: Draft, current: Condition | None) -> Word | None:
    message = f"Rollout aborted update to revision {number(draft.roles)}"
    if draft.abort_message:
        message = f"{message}: {draft.abort_message}"
    elif current is not None and current.reason == "RolloutAborted":
        return None  # the reason was told when it was known
    return Word("Progressing", "False", "RolloutAborted", message)


def _moving(draft: Draft, now: datetime) -> Word | None:
    """Progressing, of an update that nothing holds; None leaves it as it is."""
    seen, before = draft.seen, draft.seen.rollout.status
    current = find(before.conditions, "Progressing")
    if draft.status.abort or draft.paused:
        return None  # a pause of what is completed already holds up no progress
    if draft.healthy:
        message = f'ReplicaSet "{draft.subject}" has successfully progressed.'
        return Word("Progressing", "True", "NewReplicaSetAvailable", message)
    if current is not None and current.reason == "NewReplicaSetAvailable":
        message = "Rollout does not have minimum availability"
        return Word("Progressing", "True", "ReplicaSetNotAvailable", message, touch=True)
    if deadline.progressed(before, draft.status):
        message = f'ReplicaSet "{draft.subject}" is progressing.'
        return Word("Progressing", "True", "ReplicaSetUpdated", message, touch=True)
    if deadline.exceeded(seen, draft.roles, now):
        message = deadline.message(seen, draft.roles)
        return Word("Progressing", "False", deadline.EXCEEDED, message)
    return None


def _healthy(draft: Draft) -> Word | None:
    if draft.healthy:
        return Word("Healthy", "True", "RolloutHealthy", "Rollout is healthy")
    if find(draft.seen.rollout.status.conditions, "Healthy") is None:
        return None
    return Word("Healthy", "False", "RolloutHealthy", "Rollout is not healthy")


def _available(draft: Draft) -> Word:
    wanted = replicas.wanted(draft.seen.rollout)
    serving = draft.roles.all
    if draft.seen.rollout.spec.strategy.blue_green is not None:
        active = draft.status.blue_green.active_selector
        serving = tuple(each for each in serving if each.pod_hash == active)
    if serving and sum(each.available for each in serving) >= wanted:
        return Word("Available", "True", "AvailableReason", "Rollout has minimum availability")
    message = "Rollout does not have minimum availability"
    return Word("Available", "False", "AvailableReason", message)


def _passed_over(draft: Draft, known: Conditions) -> Word | None:
    """What was passed over stays told until the next update begins."""
    if draft.begins:
        return None
    told = find(known, phase.PASSED_OVER)
    before = told.message if told is not None else ""
    fresh = [each for each in draft.passed_over if each not in before]
    message = "; ".join(filter(None, (before, *fresh)))
    return Word(phase.PASSED_OVER, "True", phase.PASSED_OVER, message) if fresh else None


def _said(value: bool) -> str:
    return "True" if value else "False"


def find(conditions: Conditions, kind: str) -> Condition | None:
    """The condition of a type."""
    return next((each for each in conditions if each.type == kind), None)


def put(conditions: Conditions, word: Word, now: datetime) -> Conditions:
    """The conditions with one set: at the end, if it is news; its times move only with what they tell."""
    now = now.replace(microsecond=0)
    old = find(conditions, word.type)
    said = (word.status, word.reason, word.message)
    if old is not None and not word.touch and (old.status, old.reason, old.message) == said:
        return conditions
    since = old.last_transition_time if old is not None and old.status == word.status else now
    fresh = Condition(
        type=word.type,
        status=word.status,
        reason=word.reason,
        message=word.message,
        last_update_time=now,
        last_transition_time=since,
    )
    return (*(each for each in conditions if each is not old), fresh)
