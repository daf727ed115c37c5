"""Job: pods that come to an end, until enough have succeeded or too many have failed."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rollouts.api.meta import Object, format_time, parse_time
from rollouts.embedded.workloads import podview
from rollouts.embedded.workloads.cache import Cache, Key, controller_of, key_of
from rollouts.embedded.workloads.loop import Loop
from rollouts.embedded.workloads.pods import Clock, pod_from
from rollouts.kube.resources import JOBS, PODS

_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=6)
"""Between a failed pod and the next one; doubled with each failure. Upstream's figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a pass does, and the status it then writes."""

    create: int = 0
    delete: tuple[Object, ...] = ()
    status: dict[str, Any]
    look_again: timedelta | None = None
    remove: bool = False
    """The job itself has outlived ttlSecondsAfterFinished."""


def plan(job: Object, pods: Sequence[Object], now: datetime) -> Plan:
    """Decide what to do next, from the pods that the job owns."""
    spec, seen = job["spec"], job.get("status") or {}
    ended = _ended(job)
    if ended is not None:
        return _after_end(spec, seen, ended, now)
    succeeded = sum(_phase(pod) == "Succeeded" for pod in pods)
    failed = [pod for pod in pods if _phase(pod) == "Failed"]
    active = [pod for pod in pods if podview.is_active(pod)]
    started = parse_time(seen["startTime"]) if seen.get("startTime") else now
    counts = {"succeeded": succeeded, "failed": len(failed), "startTime": format_time(started)}
    wanted = spec.get("completions")
    failure = _failure(spec, failed, active, started, now)
    if failure is not None:
        conditions = [_condition(kind, *failure, now) for kind in ("FailureTarget", "Failed")]
        status = counts | {"active": 0, "ready": 0, "failed": len(failed) + len(active)}
        return Plan(delete=tuple(active), status=status | {"conditions": conditions})
    if succeeded >= (wanted if wanted is not None else 1) and (wanted is not None or not active):
        reached = ("CompletionsReached", "Reached expected number of succeeded pods")
        conditions = [_condition(kind, *reached, now) for kind in ("SuccessCriteriaMet", "Complete")]
        status = counts | {"active": 0, "ready": 0, "completionTime": format_time(now)}
        return Plan(delete=tuple(active), status=status | {"conditions": conditions})
    if spec.get("suspend"):
        status = counts | {"active": 0, "ready": 0}
        return Plan(delete=tuple(active), status=status)
    return _go_on(spec, counts, failed, active, now)


def _go_on(
    spec: Object, counts: dict[str, Any], failed: Sequence[Object], active: Sequence[Object], now: datetime
) -> Plan:
    succeeded: int = counts["succeeded"]
    room = int(spec.get("parallelism", 1))
    wanted = spec.get("completions")
    if wanted is not None:
        room = min(room, int(wanted) - succeeded)
    elif succeeded:
        room = 0  # a work queue: once a pod has succeeded, no new one is started
    missing, surplus = max(0, room - len(active)), max(0, len(active) - room)
    wait = _wait(failed, now) if missing else timedelta()
    deadline = spec.get("activeDeadlineSeconds")
    waits = [wait] if wait else []
    if deadline is not None:
        waits.append(parse_time(counts["startTime"]) + timedelta(seconds=int(deadline)) - now)
    create = 0 if wait else missing
    status = counts | {
        "active": len(active) + create - surplus,
        "ready": sum(podview.is_ready(pod) for pod in active),
    }
    return Plan(
        create=create,
        delete=tuple(active[len(active) - surplus :]),
        status=status,
        look_again=min(waits, default=None),
    )


def _phase(pod: Object) -> str:
    return str((pod.get("status") or {}).get("phase", "Pending"))


def _ended(job: Object) -> datetime | None:
    for type_ in ("Complete", "Failed"):
        found = podview.condition(job, type_)
        if found.get("status") == "True":
            return parse_time(found["lastTransitionTime"])
    return None


def _after_end(spec: Object, seen: Object, ended: datetime, now: datetime) -> Plan:
    ttl = spec.get("ttlSecondsAfterFinished")
    if ttl is None:
        return Plan(status=seen)
    left = ended + timedelta(seconds=int(ttl)) - now
    if left <= timedelta():
        return Plan(status=seen, remove=True)
    return Plan(status=seen, look_again=left)


def _failure(
    spec: Object, failed: Sequence[Object], active: Sequence[Object], started: datetime, now: datetime
) -> tuple[str, str] | None:
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and now - started >= timedelta(seconds=int(deadline)):
        return "DeadlineExceeded", "Job was active longer than specified deadline"
    retries = len(failed) + sum(podview.restarts(pod) for pod in active)
    limit = int(spec.get("backoffLimit", 6))
    if retries > limit:
        return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    return None


def _wait(failed: Sequence[Object], now: datetime) -> timedelta:
    if not failed:
        return timedelta()
    last = max(_finished(pod) for pod in failed)
    wait: timedelta = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(len(failed) - 1, 10))
    return max(timedelta(), last + wait - now)


def _finished(pod: Object) -> datetime:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    times = [
        ended["finishedAt"]
        for status in statuses
        if (ended := (status.get("state") or {}).get("terminated")) and "finishedAt" in ended
    ]
    return parse_time(max(times, default=pod["metadata"]["creationTimestamp"]))


def _condition(type_: str, reason: str, message: str, now: datetime) -> Object:
    at = format_time(now)
    return {
        "type": type_,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastProbeTime": at,
        "lastTransitionTime": at,
    }


class Jobs:
    """The shell: does what the plan says, then writes the status."""

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._made = itertools.count()
        self.loop = Loop(cache, {JOBS: lambda item: (key_of(item),), PODS: _owners}, self._reconcile)

    async def _reconcile(self, key: Key) -> timedelta | None:
        job = self._cache.get(JOBS, key)
        if job is None or "deletionTimestamp" in job["metadata"]:
            return None
        decided = plan(job, self._cache.owned(PODS, job), self._clock())
        if decided.remove:
            await self._cache.delete(JOBS, job)
            return None
        labels = {
            prefix + name: value
            for prefix in ("batch.kubernetes.io/", "")
            for name, value in (("job-name", key[1]), ("controller-uid", job["metadata"]["uid"]))
        }
        for _ in range(decided.create):
            template = job["spec"]["template"]
            await self._cache.create(PODS, pod_from(job, JOBS, template, next(self._made), labels=labels))
        for pod in decided.delete:
            await self._cache.delete(PODS, pod)
        await self._cache.write_status(JOBS, job, decided.status)
        return decided.look_again


def _owners(pod: Object) -> Iterable[Key]:
    owner = controller_of(pod)
    if owner is not None and owner["kind"] == "Job":
        yield pod["metadata"].get("namespace", ""), owner["name"]
