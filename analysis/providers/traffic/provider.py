"""Counts over a window: taken from Envoy twice and subtracted, or asked from Prometheus."""

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from analysis.providers.answers import Clock, error, no_data, running, value
from analysis.providers.query import ADDRESS_VARIABLE, QueryFailed, Target, ask, single
from analysis.providers.traffic import counters, routes
from analysis.providers.traffic.queries import QUERIES, Asked
from rollouts.api.analysis import AnalysisRun, Measurement, Metric
from rollouts.api.duration import format_duration, parse_duration
from rollouts.api.errors import InvalidSpec, RolloutsError
from rollouts.api.providers import TrafficMetric
from rollouts.kube.client import Client

ENVOY_CONTROLLER = "rollouts.io/envoy"
"""The controller name of classes whose Envoy publishes its counters through the API server."""
ENVOY_STATS = "/api/v1/namespaces/rollouts-system/services/envoy:admin/proxy/stats/prometheus"
WINDOW = "30s"
"""Of a metric that names neither a window nor an interval."""
QUANTILE = 0.99
TIMEOUT = 15
"""Seconds for looking up the route and reading the counters."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_EARLY = 0.9
"""A window is over at nine tenths of it; the timers of a busy controller are not exact."""


class TrafficProvider:
    """Finds by itself who routes the traffic of a Service, and measures there.

    With Envoy's counters the window begins at the first look. What was seen then is kept in the measurement's
    metadata, so that a controller that is killed and started again goes on where the other stood; the next
    measurement begins where this one ended, so that with window equal to interval no request is left out.
    """

    def __init__(self, client: Client, clock: Clock, environ: Mapping[str, str] | None = None) -> None:
        self._client = client
        self._clock = clock
        self._environ = os.environ if environ is None else environ

    async def measure(self, run: AnalysisRun, metric: Metric, previous: Measurement | None) -> Measurement:
        started = (previous.started_at if previous else None) or self._clock()
        try:
            spec = _checked(metric.provider.traffic)
            async with asyncio.timeout(TIMEOUT):
                found = await routes.find(self._client, run.metadata.namespace, spec.service)
                if any(route.controller == ENVOY_CONTROLLER for route in found):
                    return await self._from_envoy(run, metric, spec, previous, started)
                return await self._from_prometheus(run, metric, spec, found, started)
        except TimeoutError:
            return error(started, self._clock(), f"the traffic router did not answer within {TIMEOUT} s")
        except RolloutsError as failure:
            return error(started, self._clock(), f"traffic: {failure}")

    async def terminate(self, run: AnalysisRun, metric: Metric, previous: Measurement) -> Measurement:
        """Nothing is left behind in the cluster; the unfinished window is no answer."""
        now = self._clock()
        return Measurement(
            phase="Successful",
            message="metric terminated",
            started_at=previous.started_at,
            finished_at=now,
        )

    async def _from_envoy(
        self,
        run: AnalysisRun,
        metric: Metric,
        spec: TrafficMetric,
        previous: Measurement | None,
        started: datetime,
    ) -> Measurement:
        window = _window(spec, metric)
        latency = spec.metric == "latency"
        query = {"usedonly": "", "filter": counters.filter_expression(run.metadata.namespace, spec.service)}
        text = await self._client.raw(ENVOY_STATS, query)
        now = self._clock()
        if not isinstance(text, str):
            return error(started, now, "Envoy's statistics are not in Prometheus' text format")
        after = counters.read(text, run.metadata.namespace, spec.service)
        base = _base(previous) or _base(_last_finished(run, metric), not_before=now - 2 * window)
        if base is None:
            packed = counters.pack(after, latency=latency)
            return running(started, now + window, {"at": now.isoformat(), "counters": packed})
        at, before = base
        if now - at < window * _EARLY:
            packed = counters.pack(before, latency=latency)
            return running(started, at + window, {"at": at.isoformat(), "counters": packed})
        metadata = {"at": now.isoformat(), "counters": counters.pack(after, latency=latency)}
        counted = counters.between(before, after)
        return _conclude(spec, counted, now - at, started=started, now=now, metadata=metadata)

    async def _from_prometheus(
        self,
        run: AnalysisRun,
        metric: Metric,
        spec: TrafficMetric,
        found: Sequence[routes.Route],
        started: datetime,
    ) -> Measurement:
        known = next((route for route in found if route.controller in QUERIES), None)
        if known is None:
            seen = ", ".join(f"{route.name} by {route.controller}" for route in found)
            raise routes.NoRoute(
                f"no built-in metrics for {seen}; there are some for "
                f"{', '.join((ENVOY_CONTROLLER, *QUERIES))}; "
                "use provider.prometheus with a query of your own"
            )
        address = self._environ.get(ADDRESS_VARIABLE, "")
        if not address:
            raise QueryFailed(
                f"{known.name} is measured by Prometheus ({known.controller}): set {ADDRESS_VARIABLE} "
                "for the controller"
            )
        queries = QUERIES[known.controller](
            Asked(
                namespace=run.metadata.namespace,
                service=spec.service,
                window=_window(spec, metric),
                quantile=_quantile(spec),
                canary=known.canary,
            )
        )
        target = Target(address=address, timeout=TIMEOUT)
        chosen = {"success-rate": queries.success_rate, "latency": queries.latency}.get(spec.metric)
        count = single(await ask(target, queries.requests)) or 0.0
        metadata = {"ResolvedPrometheusQuery": chosen or queries.requests}
        if count < _floor(spec):
            return no_data(started, self._clock(), _too_few(spec, count, _window(spec, metric)), metadata)
        result = count if chosen is None else single(await ask(target, chosen))
        return value(started, self._clock(), result, metadata)


def _checked(spec: TrafficMetric | None) -> TrafficMetric:
    if spec is None:
        raise InvalidSpec(".provider.traffic", "is missing")
    if not _NAME.fullmatch(spec.service):
        raise InvalidSpec(
            ".provider.traffic.service", f'"{spec.service}" is no name of a Service', spec.service
        )
    if not 0 < _quantile(spec) < 1:
        raise InvalidSpec(".provider.traffic.quantile", "must lie between 0 and 1, like 0.99", spec.quantile)
    return spec


def _quantile(spec: TrafficMetric) -> float:
    return QUANTILE if spec.quantile is None else spec.quantile


def _floor(spec: TrafficMetric) -> int:
    return 1 if spec.min_requests is None else max(spec.min_requests, 1)


def _window(spec: TrafficMetric, metric: Metric) -> timedelta:
    text = spec.window or metric.interval or WINDOW
    try:
        window = parse_duration(text)
    except ValueError as problem:
        raise InvalidSpec(".provider.traffic.window", str(problem), text) from None
    if window <= timedelta():
        raise InvalidSpec(".provider.traffic.window", f'"{text}" must be above zero', text)
    return window


def _last_finished(run: AnalysisRun, metric: Metric) -> Measurement | None:
    for result in run.status.metric_results:
        if result.name == metric.name and result.measurements:
            return result.measurements[-1]
    return None


def _base(
    measurement: Measurement | None, not_before: datetime | None = None
) -> tuple[datetime, counters.Counters] | None:
    """When the window began and what the counters were then, if that is known and not long ago."""
    if measurement is None:
        return None
    before = counters.unpack(measurement.metadata.get("counters", ""))
    try:
        at = datetime.fromisoformat(measurement.metadata.get("at", ""))
    except ValueError:
        return None
    if before is None or at.tzinfo is None or (not_before is not None and at < not_before):
        return None
    return at, before


def _conclude(
    spec: TrafficMetric,
    counted: counters.Series,
    length: timedelta,
    *,
    started: datetime,
    now: datetime,
    metadata: Mapping[str, str],
) -> Measurement:
    latency = spec.metric == "latency"
    count = counters.timed(counted) if latency else counters.requests(counted)
    metadata = {**metadata, "requests": str(count), "window": format_duration(length)}
    if count < _floor(spec):
        return no_data(started, now, _too_few(spec, count, length), metadata)
    if latency:
        return value(started, now, counters.quantile(counted, _quantile(spec)), metadata)
    return value(
        started, now, count if spec.metric == "request-count" else counters.success_rate(counted), metadata
    )


def _too_few(spec: TrafficMetric, count: float, length: timedelta) -> str:
    return (
        f'Service "{spec.service}" answered {count:g} requests in {format_duration(length)}, '
        f"fewer than minRequests ({_floor(spec)})"
    )
