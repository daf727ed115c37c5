"""What rollouts concluded about Git revisions: the memory that the two loops share. Pure.

A rollout carries the revision whose sync last changed it. Taken back, it rejects that revision for its
application: automated sync leaves a rejected revision alone until another commit, a rollback or a user
says otherwise. Git's revision is accepted once every rollout that Git describes is what Git says and
fully promoted.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from rollouts.api.application_status import RevisionHistory, RevisionVerdict
from rollouts.api.meta import Object
from rollouts.gitops.tracking import GIT_REVISION, Ref, ref_of

_KEPT = 20
"""Verdicts that are remembered."""


def judge(
    before: Sequence[RevisionVerdict],
    rollouts: Iterable[Object],
    in_git: Collection[Ref],
    head: str,
    now: datetime,
) -> tuple[RevisionVerdict, ...]:
    """The verdicts as they are now, oldest first.

    Args:
        before: those so far.
        rollouts: the live rollouts of the application.
        in_git: those among them whose spec is what Git says at `head`.
        head: the revision that Git is at.
        now: the time.
    """
    seen = tuple(rollouts)
    after = [verdict for verdict in before if not _withdrawn(verdict, seen, in_git, head)]
    for rollout in seen:
        revision = _revision(rollout)
        if revision and _taken_back(rollout) and rejection(after, revision) is None:
            after = [verdict for verdict in after if verdict.revision != revision]
            after.append(_rejected(rollout, revision, now))
    known = any(verdict.revision == head for verdict in after)
    if head and seen and not known and _accepts(seen, in_git):
        resource = _name(seen[0])
        after.append(
            RevisionVerdict(revision=head, phase="Accepted", reason="Promoted", resource=resource, at=now)
        )
    return tuple(after[-_KEPT:])


def rejection(verdicts: Iterable[RevisionVerdict], revision: str) -> RevisionVerdict | None:
    """The verdict that rejects a revision, if there is one."""
    return next((v for v in verdicts if v.revision == revision and v.phase == "Rejected"), None)


def same_content(verdict: RevisionVerdict, head: str, now: datetime) -> RevisionVerdict:
    """The verdict on a commit that left the manifests of a rejected one as they were."""
    return verdict.model_copy(update={"revision": head, "at": now})


def last_good(history: Sequence[RevisionHistory], verdicts: Sequence[RevisionVerdict]) -> str:
    """The revision that is in force while one is rejected; empty if there is none."""
    accepted = [verdict.revision for verdict in verdicts if verdict.phase == "Accepted"]
    if accepted:
        return accepted[-1]
    good = [entry.revision for entry in history if rejection(verdicts, entry.revision) is None]
    return good[-1] if good else ""


def sentence(verdict: RevisionVerdict, good: str) -> str:
    """Which revision, which rollout, why, what holds and what to do."""
    holds = f"{good[:7]} stays in force" if good else "the stable version stays in force"
    why = f": {verdict.message.rstrip('.')}" if verdict.message else ""
    return (
        f"Revision {verdict.revision[:7]} is rejected: Rollout {verdict.resource} was taken back{why}. "
        f"Automated sync leaves it alone and {holds}. Commit a fix or a revert; or retry the rollout, "
        "or roll back to an earlier deployment."
    )


def _withdrawn(
    verdict: RevisionVerdict, rollouts: Sequence[Object], in_git: Collection[Ref], head: str
) -> bool:
    """A user retries: the rollout is what the rejected revision says, and is no longer taken back."""
    if verdict.phase != "Rejected" or verdict.revision != head:
        return False
    return any(
        _name(rollout) == verdict.resource
        and ref_of(rollout) in in_git
        and _observed(rollout)
        and not _aborted(rollout)
        for rollout in rollouts
    )


def _taken_back(rollout: Object) -> bool:
    """Aborted, and about the spec as it is now; a first deployment has nothing to go back to."""
    status = rollout.get("status") or {}
    stable = status.get("stableRS")
    return (
        _aborted(rollout) and _observed(rollout) and bool(stable) and stable != status.get("currentPodHash")
    )


def _accepts(rollouts: Sequence[Object], in_git: Collection[Ref]) -> bool:
    return all(ref_of(rollout) in in_git and _promoted(rollout) for rollout in rollouts)


def _promoted(rollout: Object) -> bool:
    status = rollout.get("status") or {}
    stable = status.get("stableRS")
    healthy = status.get("phase") == "Healthy" and not _aborted(rollout) and _observed(rollout)
    return healthy and bool(stable) and stable == status.get("currentPodHash")


def _rejected(rollout: Object, revision: str, now: datetime) -> RevisionVerdict:
    message = _why(rollout)
    lowered = message.lower()
    reason = "Aborted"
    if "deadline" in lowered:
        reason = "ProgressDeadlineExceeded"
    elif "analysis" in lowered or 'metric "' in lowered:
        reason = "AnalysisFailed"
    return RevisionVerdict(
        revision=revision, phase="Rejected", reason=reason, message=message, resource=_name(rollout), at=now
    )


def _why(rollout: Object) -> str:
    status = rollout.get("status") or {}
    if status.get("message"):
        return str(status["message"]).removeprefix("RolloutAborted: ")
    for condition in status.get("conditions") or ():
        if condition.get("reason") == "RolloutAborted":
            return str(condition.get("message") or "")
    return ""


def _aborted(rollout: Object) -> bool:
    return bool((rollout.get("status") or {}).get("abort"))


def _observed(rollout: Object) -> bool:
    status = rollout.get("status") or {}
    return str(status.get("observedGeneration") or "") == str(rollout["metadata"].get("generation") or "")


def _revision(rollout: Object) -> str:
    return str((rollout["metadata"].get("annotations") or {}).get(GIT_REVISION) or "")


def _name(rollout: Object) -> str:
    metadata = rollout["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"
