"""Which ReplicaSet plays which role, how revisions are numbered, and what counts as going back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rollouts.api.baseline import BASELINE_OF
from rollouts.api.meta import Object
from strategies.model import (
    Action,
    AnnotateReplicaSet,
    CreateReplicaSet,
    DeleteReplicaSet,
    Observed,
    ReplicaSet,
    SetMinReady,
    SetRevision,
)
from strategies.templates import images, pod_hash, same_pods

__all__ = ["Roles", "current_hash", "find", "pod_hash", "roles"]

REVISION = "rollout.argoproj.io/revision"
REVISION_HISTORY = "rollout.argoproj.io/revision-history"
SCALE_DOWN_DEADLINE = "scale-down-deadline"
EXPERIMENT = "experiment.argoproj.io/name"
HISTORY_LIMIT = 10
FINISHED = frozenset({"Successful", "Failed", "Error", "Inconclusive"})
"""Phases of an AnalysisRun that are final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The ReplicaSets by what they are to the rollout."""

    new: ReplicaSet | None
    """Of the template as it is now."""
    stable: ReplicaSet | None
    """Of the last version that was promoted; the same as `new` when nothing is under way."""
    others: tuple[ReplicaSet, ...]
    """Neither, newest first."""
    baselines: tuple[ReplicaSet, ...] = ()
    """No revisions, but fresh pods of one to compare another with."""

    @property
    def all(self) -> tuple[ReplicaSet, ...]:
        """Each ReplicaSet once."""
        known = [each for each in (self.new, self.stable) if each is not None]
        return (*(known[:1] if self.promoted else known), *self.others)

    @property
    def promoted(self) -> bool:
        """The current version is the stable one."""
        return self.new is not None and self.stable is not None and self.new.name == self.stable.name


def find(
    template: Object, collision_count: int | None, replica_sets: Iterable[ReplicaSet], recorded: str = ""
) -> ReplicaSet | None:
    """The ReplicaSet of a template: by the hash label, else by an equal template.

    The second way takes over without a new deployment what was hashed differently: by an upstream with other
    Kubernetes libraries, or by this engine before it hashed as upstream does. Of several with an equal
    template it is the one that status has `recorded` as current, else the oldest.
    """
    sets = _of_rollout(replica_sets)
    name = pod_hash(template, collision_count)
    for each in sets:
        if each.pod_hash == name:
            return each
    known_first = sorted(sets, key=lambda each: each.pod_hash != recorded)
    return next((each for each in known_first if each.template and same_pods(each.template, template)), None)


def current_hash(
    template: Object, collision_count: int | None, replica_sets: Iterable[ReplicaSet], recorded: str = ""
) -> str:
    """The hash to give `Observed.pod_hash`: of the ReplicaSet that holds the template, or computed."""
    found = find(template, collision_count, replica_sets, recorded)
    return found.pod_hash if found is not None else pod_hash(template, collision_count)


def collided(seen: Observed, new: ReplicaSet | None) -> bool:
    """Whether another template has the same hash: the containers differ, which no defaulting explains."""
    if new is None or not new.template or not seen.rollout.spec.template:
        return False
    return images(new.template) != images(seen.rollout.spec.template)


def roles(seen: Observed) -> Roles:
    """Sort the ReplicaSets by role."""
    sets = _of_rollout(seen.replica_sets)
    stable_hash = seen.rollout.status.stable_rs
    new = next((each for each in sets if each.pod_hash == seen.pod_hash), None)
    stable = next((each for each in sets if stable_hash and each.pod_hash == stable_hash), None)
    return Roles(
        new=new,
        stable=stable,
        others=tuple(each for each in reversed(sets) if each not in (new, stable)),
        baselines=tuple(each for each in seen.replica_sets if BASELINE_OF in each.annotations),
    )


def number(roles: Roles) -> int:
    """The revision of the current template: one above every other ReplicaSet's, and never lowered."""
    highest = max((each.revision for each in roles.all if each is not roles.new), default=0)
    return max(highest + 1, roles.new.revision if roles.new is not None else 0)


def bookkeeping(seen: Observed, roles: Roles) -> tuple[Action, ...]:
    """Create the ReplicaSet of the template, and keep the revision numbers."""
    revision = number(roles)
    noted = seen.rollout.metadata.annotations.get(REVISION) == str(revision)
    on_rollout = () if noted else (SetRevision(revision=revision),)
    if roles.new is None:
        name = f"{seen.rollout.metadata.name}-{seen.pod_hash}"
        return (CreateReplicaSet(name=name, pod_hash=seen.pod_hash, revision=revision), *on_rollout)
    if roles.new.revision != revision:
        # A version that comes back gets a new number; the old ones are remembered.
        history = [roles.new.annotations.get(REVISION_HISTORY, ""), str(roles.new.revision or "")]
        annotations = {
            REVISION: str(revision),
            REVISION_HISTORY: ",".join(filter(None, history)) or None,
        }
        return (AnnotateReplicaSet(name=roles.new.name, annotations=annotations), *on_rollout)
    return on_rollout


def readiness(seen: Observed, roles: Roles) -> tuple[Action, ...]:
    """What has pods, or is to have some, follows a changed `.spec.minReadySeconds`; no template changes."""
    seconds = seen.rollout.spec.min_ready_seconds
    used = (each for each in roles.all if each.desired or each is roles.new)
    return tuple(
        SetMinReady(name=each.name, seconds=seconds) for each in used if each.min_ready_seconds != seconds
    )


def expired_history(seen: Observed, roles: Roles, needed: frozenset[str]) -> tuple[DeleteReplicaSet, ...]:
    """Empty ReplicaSets older than the history limit keeps, oldest first; none that `needed` names by hash.

    An old one that still runs counts, too, as for a Deployment: it is among those that will be kept.
    """
    limit = seen.rollout.spec.revision_history_limit
    kept = HISTORY_LIMIT if limit is None else limit
    oldest_first = sorted(roles.others, key=lambda each: (each.revision, each.created))
    return tuple(
        DeleteReplicaSet(name=each.name)
        for each in oldest_first[: max(0, len(oldest_first) - kept)]
        if each.desired == 0 and each.current == 0 and each.pod_hash not in needed
    )


def goes_back(roles: Roles) -> bool:
    """The new version is older than the stable one, or is the stable one."""
    if roles.new is None or roles.stable is None:
        return False
    return roles.promoted or roles.new.created < roles.stable.created


def within_rollback_window(seen: Observed, roles: Roles) -> bool:
    """Going back over fewer ReplicaSets than `.spec.rollbackWindow.revisions`."""
    window = seen.rollout.spec.rollback_window
    if window is None or roles.promoted or not goes_back(roles):
        return False
    if roles.new is None or roles.stable is None or failed_last(seen):
        return False
    between = sum(roles.new.created < each.created < roles.stable.created for each in roles.others)
    return between < window.revisions


def within_scale_down_delay(seen: Observed, roles: Roles, now: datetime) -> bool:
    """Blue/green going back to a version that still runs."""
    if roles.promoted or not goes_back(roles) or roles.new is None or failed_last(seen):
        return False
    deadline = roles.new.scale_down_deadline
    return seen.rollout.spec.strategy.blue_green is not None and deadline is not None and deadline > now


def failed_last(seen: Observed) -> bool:
    """The last analysis of the current version failed: then going back to it is no short cut.

    One that still runs says nothing yet, and must not end itself.
    """
    ended = [run for run in seen.runs if run.pod_hash == seen.pod_hash and run.phase in FINISHED]
    return bool(ended) and max(ended, key=lambda run: (run.created, run.name)).phase in {"Failed", "Error"}


def _of_rollout(replica_sets: Iterable[ReplicaSet]) -> list[ReplicaSet]:
    """Those of revisions and not of an experiment or a baseline, oldest first."""
    own = (each for each in replica_sets if not {EXPERIMENT, BASELINE_OF} & each.annotations.keys())
    return sorted(own, key=lambda each: (each.created, each.revision, each.name))
