"""The AnalysisRun controller: look, plan, measure, write once, tell, come back."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from analysis import arguments
from analysis import run as runs
from analysis.judgement import COMPLETED, Judged
from analysis.looks import conclude
from analysis.providers.registry import Providers, provider_of
from analysis.providers.secrets import values_of
from analysis.schedule import Task
from analysis.soundness import clipped, sound
from rollouts.api.analysis import AnalysisRun, AnalysisRunStatus, Measurement, Metric
from rollouts.api.errors import InvalidSpec, RolloutsError, Unavailable
from rollouts.api.meta import Object, dump
from rollouts.api.validation import parse
from rollouts.controller.labels import mine
from rollouts.controller.reconciler import Clock, Key, KeysOf, controller_keys
from rollouts.controller.status import write_status
from rollouts.kube.client import Client
from rollouts.kube.errors import ApiError, NotFound
from rollouts.kube.events import Recorder
from rollouts.kube.resources import ANALYSIS_RUNS, JOBS, Resource
from rollouts.kube.store import Store

MEASUREMENT_LIMIT = timedelta(minutes=6)
"""After which a measurement is given up, above what any provider allows itself."""
GRACE = timedelta(seconds=2)
"""How long a measurement is still waited for when another has decided the run."""
AT_ONCE = 64
"""Measurements under way over all runs; a provider that hangs holds up others only beyond that."""

_log = logging.getLogger(__name__)


class AnalysisRunReconciler:
    """Carries AnalysisRuns out."""

    resource: Resource = ANALYSIS_RUNS

    def __init__(
        self,
        client: Client,
        store: Store,
        recorder: Recorder,
        clock: Clock,
        *,
        providers: Providers,
        instance_id: str = "",
    ) -> None:
        self._client = client
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._providers = providers
        self._instance_id = instance_id
        self._room = asyncio.Semaphore(AT_ONCE)
        self._judged: dict[Key, tuple[Object, str]] = {}

    def watches(self) -> Mapping[Resource, KeysOf]:
        """A Job that ends is looked at without waiting for the timer."""
        return {JOBS: controller_keys("AnalysisRun")}

    async def reconcile(self, key: Key) -> timedelta | None:
        seen = self._store.get(ANALYSIS_RUNS, key.name, key.namespace)
        if seen is None or (seen.get("status") or {}).get("phase") in COMPLETED:
            self._judged.pop(key, None)
        if seen is None or seen["metadata"].get("deletionTimestamp") or not mine(seen, self._instance_id):
            return None
        now = self._clock()
        if (seen.get("status") or {}).get("phase") in COMPLETED:
            return await self._expire(seen, now)
        try:
            run = parse(AnalysisRun, seen)
        except InvalidSpec as error:
            await self._refuse(seen, error, now)
            return None
        fault = self._fault(key, seen, run)
        plan = runs.plan(run, now, fault)
        events = plan.events
        if plan.tasks:
            run = run.model_copy(update={"status": plan.status})
            try:
                run = await self._carry_out(run, plan.tasks)
            except InvalidSpec as error:
                fault = f"{runs.UNRESOLVED}: {error}"
            plan = runs.plan(run, self._clock(), fault)
            events += plan.events
        await write_status(self._client, ANALYSIS_RUNS, seen, dump(plan.status))
        for event in events:
            self._recorder.record(seen, event.reason, event.message, event.type)
        return timedelta() if plan.tasks else plan.requeue_after

    def _fault(self, key: Key, seen: Object, run: AnalysisRun) -> str:
        """What is wrong with the spec: the same one is judged once, and not at every measurement."""
        spec: Object = seen.get("spec") or {}
        before = self._judged.get(key)
        if before is None or before[0] != spec:
            before = self._judged[key] = spec, runs.fault(run.spec)
        return before[1]

    async def _refuse(self, seen: Object, error: InvalidSpec, now: datetime) -> None:
        """A run that cannot even be read ends in Error; the rollout that waits for it learns why."""
        message = clipped(f"Analysis spec invalid: {error}")
        status = AnalysisRunStatus(phase="Error", message=message, started_at=now, completed_at=now)
        await write_status(self._client, ANALYSIS_RUNS, seen, dump(status))
        self._recorder.record(seen, "AnalysisRunError", message, "Warning")

    async def _carry_out(self, run: AnalysisRun, tasks: tuple[Task, ...]) -> AnalysisRun:
        """Do what is due, all at the same time, and note what came of it in the order of the metrics.

        Raises:
            InvalidSpec: an argument has no value, as one whose Secret is not there.
        """
        dry = runs.dry_metrics(run)
        try:
            secrets = await values_of(run.spec.args, self._client, run.metadata.namespace)
        except (ApiError, Unavailable) as error:  # Not the fault of the run: measured again a little later.
            reason = f"{runs.UNRESOLVED}: {error}"
            for task in tasks:
                run = runs.record(
                    run, task.metric, self._not_taken(run, task, reason), dry_run=task.metric in dry
                )
            return run
        metrics = {metric.name: metric for metric in runs.resolved(run, secrets)}
        hidden = tuple(secrets.values())
        jobs = [asyncio.create_task(self._measure(run, metrics[task.metric], task, hidden)) for task in tasks]
        try:
            return await self._collect(run, tasks, jobs, dry)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _collect(
        self,
        run: AnalysisRun,
        tasks: tuple[Task, ...],
        jobs: list[asyncio.Task[Judged]],
        dry: frozenset[str],
    ) -> AnalysisRun:
        """The run with what was measured; once its verdict is known, what still hangs is not waited for."""
        taken: dict[int, Judged] = {}
        pending, noted, wait = set(jobs), run, None
        while pending:
            done, pending = await asyncio.wait(pending, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
            for place, (task, job) in enumerate(zip(tasks, jobs, strict=True)):
                if job in done:
                    error = job.exception()
                    if error is not None and not isinstance(error, Exception):
                        raise error
                    taken[place] = job.result() if error is None else self._broken(run, task, error)
            noted = run
            for place in sorted(taken):
                name, ended = tasks[place].metric, tasks[place].do == "terminate"
                noted = runs.record(noted, name, taken[place], dry_run=name in dry, ended=ended)
            if runs.plan(noted, self._clock(), "").status.phase in COMPLETED:
                wait = GRACE.total_seconds()
        return noted

    def _broken(self, run: AnalysisRun, task: Task, error: Exception) -> Judged:
        """A mistake in a provider is an error of its metric, not of the controller or of other metrics."""
        kind = type(error).__name__
        _log.error(
            "provider failed: %s",
            kind,  # Not its message: it may hold what the provider was given.
            extra={"analysisrun": f"{run.metadata.namespace}/{run.metadata.name}", "metric": task.metric},
        )
        return self._not_taken(run, task, f"the provider failed unexpectedly: {kind}")

    def _not_taken(self, run: AnalysisRun, task: Task, reason: str) -> Judged:
        """An error that no provider told of; the metric as it may be shown is enough for its evidence."""
        now = self._clock()
        metric = next(metric for metric in runs.resolved(run) if metric.name == task.metric)
        return _shown(conclude(run, metric, sound(_failed(now, reason), now, now), now), ())

    async def _measure(
        self, run: AnalysisRun, metric: Metric, task: Task, secrets: tuple[str, ...]
    ) -> Judged:
        started = (task.previous.started_at if task.previous else None) or self._clock()
        try:
            async with self._room, asyncio.timeout(MEASUREMENT_LIMIT.total_seconds()):
                provider = provider_of(metric, self._providers)
                if task.do == "terminate" and task.previous is not None:
                    taken = await provider.terminate(run, metric, task.previous)
                    if taken.phase == "Successful":
                        taken = taken.model_copy(update={"message": "Metric Terminated"})
                else:
                    taken = await provider.measure(run, metric, task.previous)
        except TimeoutError:
            taken = _failed(started, f"no measurement within {MEASUREMENT_LIMIT}")
        except RolloutsError as error:
            taken = _failed(started, str(error))
        now = self._clock()
        return _shown(conclude(run, metric, sound(taken, started, now), now), secrets)

    async def _expire(self, seen: Object, now: datetime) -> timedelta | None:
        """Delete a finished run once its time is over; until then nothing about it changes any more."""
        run = parse(AnalysisRun, seen)
        seconds = time_to_live(run)
        if seconds is None or run.status.completed_at is None:
            return None
        left = run.status.completed_at + timedelta(seconds=seconds) - now
        if left > timedelta():
            return left
        try:
            metadata = run.metadata
            await self._client.delete(ANALYSIS_RUNS, metadata.name, metadata.namespace, uid=metadata.uid)
        except NotFound:
            pass  # It is gone already, which is what was wanted.
        return None


def time_to_live(run: AnalysisRun) -> int | None:
    """Seconds that a finished run stays, or None for as long as its owner wants it."""
    strategy = run.spec.ttl_strategy
    if strategy is None:
        return None
    special = {
        "Successful": strategy.seconds_after_success,
        "Failed": strategy.seconds_after_failure,
    }.get(run.status.phase)
    return special if special is not None else strategy.seconds_after_completion


def _shown(judged: Judged, secrets: tuple[str, ...]) -> Judged:
    """As it may be shown: words of the source or of the spec without secrets, and not too many of them.

    The notes of a judge hold numbers and times, which must stay as they are.
    """
    measurement, evidence = judged.measurement, judged.evidence
    shown = measurement.model_copy(
        update={
            "message": clipped(arguments.redact(measurement.message, secrets)),
            "value": arguments.redact(measurement.value, secrets),
            "metadata": {
                name: arguments.redact(text, secrets) for name, text in measurement.metadata.items()
            },
        }
    )
    if evidence is not None:
        texts = {
            name: clipped(arguments.redact(getattr(evidence, name), secrets)) for name in ("query", "reason")
        }
        evidence = evidence.model_copy(update=texts)
    return replace(judged, measurement=shown, evidence=evidence)


def _failed(started: datetime, message: str) -> Measurement:
    return Measurement(phase="Error", message=message, started_at=started)
