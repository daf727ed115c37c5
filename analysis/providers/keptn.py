"""`provider.keptn`: a value that Keptn's metrics operator has, or an analysis that it carries out.

All of it happens with the controller's own account, so that it stays in the namespace of the run.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from analysis.providers import names
from analysis.providers.answers import Clock, error, no_data, quoted, running, value
from analysis.providers.numbers import number
from analysis.providers.oneshot import Failed
from rollouts.api.analysis import AnalysisPhase, AnalysisRun, Measurement, Metric
from rollouts.api.errors import InvalidSpec, RolloutsError
from rollouts.api.meta import API_VERSION, Object, parse_time
from rollouts.kube.client import Client
from rollouts.kube.errors import AlreadyExists, Forbidden, NotFound
from rollouts.kube.resources import Resource

METRICS = Resource("metrics.keptn.sh", "v1beta1", "KeptnMetric", "keptnmetrics")
ANALYSES = Resource("metrics.keptn.sh", "v1beta1", "Analysis", "analyses")
ANALYSIS = "keptnAnalysis"
"""Key in the measurement's metadata: the name of the Analysis."""
RECENT = "1m"
"""What an analysis looks back at, unless the query says otherwise; as Flagger."""
POLL_EVERY = timedelta(seconds=2)
LONGEST = timedelta(minutes=5)
"""After which an analysis is given up; Keptn does not run, or cannot reach its source."""
STALE = 3
"""So many times its interval may a metric be old, and half a minute."""
RIGHTS = "crds/install/keptn.yaml"
"""What gives the controller's account the rights that it needs."""
FORMAT = "<keptnmetric|analysis>/<namespace>/<name>/<duration>/<key=value;...>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is wanted of Keptn."""

    analysis: bool
    namespace: str
    name: str
    recent: str = RECENT
    args: Mapping[str, str]


class KeptnProvider:
    """A metric is measured as a number; an analysis as 1 or 0, and Keptn's own verdict is the verdict."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def measure(self, run: AnalysisRun, metric: Metric, previous: Measurement | None) -> Measurement:
        started = (previous.started_at if previous else None) or self._clock()
        spec = metric.provider.keptn
        if spec is None:
            raise InvalidSpec(".provider.keptn", "is missing")
        try:
            query = parse(spec.query)
            if query.namespace != run.metadata.namespace:
                raise InvalidSpec(
                    "keptn.query",
                    f'names namespace "{query.namespace}"; the controller reads and makes objects of Keptn '
                    f'in the namespace of the run only: "{run.metadata.namespace}"',
                )
            if not query.analysis:
                return await self._metric(query, started)
            if previous is None or not previous.metadata.get(ANALYSIS):
                return await self._begin(run, metric, query)
            return await self._follow(run, query, previous, started)
        except RolloutsError as failure:
            hint = f"; apply {RIGHTS}" if isinstance(failure, Forbidden) else ""
            failed = error(started, self._clock(), f"Keptn: {failure}{hint}")
            return failed.model_copy(update={"metadata": dict(previous.metadata) if previous else {}})

    async def terminate(self, run: AnalysisRun, metric: Metric, previous: Measurement) -> Measurement:
        with suppress(RolloutsError):  # It belongs to the run, and is gone with it at the latest.
            if name := previous.metadata.get(ANALYSIS):
                await self._client.delete(ANALYSES, name, run.metadata.namespace)
        return self._ended(previous, "Inconclusive", "", "Metric Terminated")

    async def _metric(self, query: Query, started: datetime) -> Measurement:
        found = await self._client.get(METRICS, query.name, query.namespace)
        now = self._clock()
        result = read_metric(found, now)
        if result is None:
            return no_data(started, now, f'KeptnMetric "{query.name}" has no value')
        return value(started, now, result)

    async def _begin(self, run: AnalysisRun, metric: Metric, query: Query) -> Measurement:
        now = self._clock()
        place = names.taken(run, metric) + 1
        name = names.measurement_name(run, metric, place)
        with suppress(AlreadyExists):  # An earlier pass made it and did not get to say so.
            await self._client.create(ANALYSES, order(run, name, query), query.namespace)
        if place > 1:
            with suppress(RolloutsError):  # What the measurement before came to is written by now.
                before = names.measurement_name(run, metric, place - 1)
                await self._client.delete(ANALYSES, before, query.namespace)
        return running(now, now + POLL_EVERY, {ANALYSIS: name})

    async def _follow(
        self, run: AnalysisRun, query: Query, previous: Measurement, started: datetime
    ) -> Measurement:
        name = previous.metadata[ANALYSIS]
        try:
            found = await self._client.get(ANALYSES, name, query.namespace)
        except NotFound:
            raise Failed(f'Analysis "{name}" is gone before it ended') from None
        if (found["metadata"].get("labels") or {}).get(names.UID_LABEL) != run.metadata.uid:
            raise Failed(f'Analysis "{name}" exists and belongs to something else; delete it')
        status = found.get("status") or {}
        if status.get("state") == "Completed":
            # Keptn leaves out what is false.
            if status.get("pass") is True:
                return self._ended(previous, "Successful", "1", "")
            if status.get("warning") is True:
                return self._ended(previous, "Inconclusive", "0", "passed with a warning only")
            return self._ended(previous, "Failed", "0", "")
        now = self._clock()
        if now - started > LONGEST:
            raise Failed(f'Analysis "{name}" did not complete within {LONGEST}')
        return running(started, now + POLL_EVERY, previous.metadata)

    def _ended(self, previous: Measurement, phase: AnalysisPhase, result: str, message: str) -> Measurement:
        return Measurement(
            phase=phase,
            value=result,
            message=message,
            started_at=previous.started_at,
            finished_at=self._clock(),
            metadata=previous.metadata,
        )


def parse(query: str) -> Query:
    """Read a query, in the format of Flagger.

    Raises:
        InvalidSpec: it has another format.
    """
    parts = query.strip().split("/")
    analysis = parts[0].lower() in ("analysis", "analyses")
    known = analysis or parts[0].lower() in ("keptnmetric", "keptnmetrics")
    if not known or not 3 <= len(parts) <= (5 if analysis else 3) or not all(parts[:3]):
        raise InvalidSpec("keptn.query", f"must be {FORMAT}", query)
    _, namespace, name, recent, args = (*parts, "", "")[:5]
    pairs = [pair.partition("=") for pair in args.split(";") if pair]
    if not all(key and sign for key, sign, _ in pairs):
        raise InvalidSpec("keptn.query", f"has arguments that are none; write {FORMAT}", query)
    values = {key: text for key, _, text in pairs}
    return Query(analysis=analysis, namespace=namespace, name=name, recent=recent or RECENT, args=values)


def read_metric(found: Object, now: datetime) -> float | None:
    """The value of a KeptnMetric; None for none.

    Raises:
        Failed: Keptn could not fetch it, or it is stale.
    """
    status: Any = found.get("status") or {}
    name = found["metadata"]["name"]
    if reason := status.get("errMsg"):
        raise Failed(f'KeptnMetric "{name}": {quoted(str(reason))}')
    if status.get("value") in (None, ""):
        return None
    try:
        result = number(status["value"])
        seconds = float((found.get("spec") or {}).get("fetchIntervalSeconds") or 0)
        updated = parse_time(status["lastUpdated"]) if status.get("lastUpdated") else now
    except (ValueError, TypeError):
        raise Failed(
            f'KeptnMetric "{name}" holds something else than a number: {quoted(repr(status["value"]))}'
        ) from None
    age = (now - updated).total_seconds()
    if math.isfinite(seconds) and age > STALE * seconds + 30:
        raise Failed(f'KeptnMetric "{name}" is stale: Keptn last updated it {age:.0f} s ago')
    return result


def order(run: AnalysisRun, name: str, query: Query) -> Object:
    """The Analysis that Keptn is to carry out."""
    owner = {
        "apiVersion": API_VERSION,
        "kind": "AnalysisRun",
        "name": run.metadata.name,
        "uid": run.metadata.uid,
        "controller": True,
    }
    return {
        "apiVersion": ANALYSES.api_version,
        "kind": ANALYSES.kind,
        "metadata": {
            "name": name,
            "namespace": query.namespace,
            "labels": {names.UID_LABEL: run.metadata.uid},
            "ownerReferences": [owner],
        },
        "spec": {
            "analysisDefinition": {"name": query.name},
            "timeframe": {"recent": query.recent},
            "args": dict(query.args),
        },
    }
