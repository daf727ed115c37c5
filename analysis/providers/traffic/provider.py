"""Counts over a window: taken from Envoy twice and subtracted, or asked from Prometheus."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from analysis.providers import arms
from analysis.providers.answers import Clock, error, no_data, running, value
from analysis.providers.looks import remaining
from analysis.providers.query import ADDRESS_VARIABLE, QueryFailed, Target, ask, single
from analysis.providers.traffic import compare, counters, envoy, routes
from analysis.providers.traffic.queries import NOT_APART, ROUTERS, Asked, of_window
from analysis.providers.traffic.settings import checked, floor, quantile, window_of
from rollouts.api.analysis import AnalysisRun, Measurement, Metric
from rollouts.api.duration import format_duration
from rollouts.api.errors import RolloutsError
from rollouts.api.providers import TrafficMetric
from rollouts.kube.client import Client

TIMEOUT = 15
"""Seconds for looking up the route and reading the counters."""


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
        notes: Mapping[str, str] = {}
        try:
            spec = checked(metric.provider.traffic)
            look = compare.Look(run=run, metric=metric, spec=spec, previous=previous, started=started)
            async with asyncio.timeout(TIMEOUT):
                if spec.stable_service:
                    notes = look.notes
                    return await self._compare(look)
                namespace = run.metadata.namespace
                found = (await routes.find(self._client, namespace, spec.service))[spec.service]
                if any(route.controller == envoy.CONTROLLER for route in found):
                    return await self._from_envoy(run, metric, spec, previous, started)
                return await self._from_prometheus(run, metric, spec, found, started)
        except TimeoutError:
            message = f"the traffic router did not answer within {TIMEOUT} s"
            return error(started, self._clock(), message, notes)
        except arms.NoAnswer as nothing:
            return no_data(started, self._clock(), f"traffic: {nothing}", notes)
        except RolloutsError as failure:
            return error(started, self._clock(), f"traffic: {failure}", notes)

    async def _compare(self, look: compare.Look) -> Measurement:
        services = look.services
        found = await routes.find(self._client, look.run.metadata.namespace, *services.values())
        sides = {side: found[service] for side, service in services.items()}
        if all(any(route.controller == envoy.CONTROLLER for route in routes) for routes in sides.values()):
            return await compare.from_envoy(self._client, self._clock, look)
        everywhere = set.intersection(*({route.controller for route in found} for found in sides.values()))
        known = next((name for name in ROUTERS if name in everywhere), None)
        if known is None:
            raise _uncounted([route for found in sides.values() for route in found])
        chosen = {
            side: next(route for route in found if route.controller == known) for side, found in sides.items()
        }
        return await compare.from_prometheus(self._target(chosen["canary"]), self._clock, look, chosen)

    async def terminate(self, run: AnalysisRun, metric: Metric, previous: Measurement) -> Measurement:
        """Nothing is left behind in the cluster; the unfinished window is no answer."""
        now = self._clock()
        return Measurement(
            phase="Successful",
            message="Metric Terminated",
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
        window = window_of(spec, metric)
        latency = spec.metric == "latency"
        after = (await envoy.stats(self._client, run.metadata.namespace, (spec.service,)))[spec.service]
        now = self._clock()
        base = _base(previous) or _base(_last_finished(run, metric), not_before=now - 2 * window)
        if base is None:
            packed = counters.pack(after, latency=latency)
            return running(started, now + window, {"at": now.isoformat(), "counters": packed})
        at, before = min(base[0], now), base[1]
        if left := remaining(at, now, window):
            packed = counters.pack(before, latency=latency)
            return running(started, now + left, {"at": at.isoformat(), "counters": packed})
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
        known = next((route for route in found if route.controller in ROUTERS), None)
        if known is None:
            raise _uncounted(found)
        target = self._target(known)
        asked = Asked(namespace=run.metadata.namespace, service=spec.service, canary=known.canary)
        window = window_of(spec, metric)
        queries = of_window(ROUTERS[known.controller](asked), window, quantile(spec))
        chosen = {"success-rate": queries.success_rate, "latency": queries.latency}.get(spec.metric)
        count = single(await ask(target, queries.requests)) or 0.0
        metadata = {"ResolvedPrometheusQuery": chosen or queries.requests}
        if count < floor(spec):
            return no_data(started, self._clock(), _too_few(spec, count, window), metadata)
        result = count if chosen is None else single(await ask(target, chosen))
        return value(started, self._clock(), result, metadata)

    def _target(self, route: routes.Route) -> Target:
        address = self._environ.get(ADDRESS_VARIABLE, "")
        if not address:
            raise QueryFailed(
                f"{route.name} is measured by Prometheus ({route.controller}): set {ADDRESS_VARIABLE} "
                "for the controller"
            )
        return Target(address=address, timeout=TIMEOUT)


def _uncounted(found: Sequence[routes.Route]) -> routes.NoRoute:
    seen = ", ".join(dict.fromkeys(f"{route.name} by {route.controller}" for route in found))
    why = [NOT_APART[route.controller] for route in found if route.controller in NOT_APART]
    if all(route.controller in (envoy.CONTROLLER, *ROUTERS) for route in found):
        why = ["to compare them, one controller must route to all"]
    reason = f" ({why[0]})" if why else ""
    return routes.NoRoute(
        f"no built-in metrics for {seen}{reason}; there are some for "
        f"{', '.join((envoy.CONTROLLER, *ROUTERS))}; "
        "use provider.prometheus with a query of your own"
    )


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
    if count < floor(spec):
        return no_data(started, now, _too_few(spec, count, length), metadata)
    if latency:
        return value(started, now, counters.quantile(counted, quantile(spec)), metadata)
    return value(
        started, now, count if spec.metric == "request-count" else counters.success_rate(counted), metadata
    )


def _too_few(spec: TrafficMetric, count: float, length: timedelta) -> str:
    return (
        f'Service "{spec.service}" answered {count:g} requests in {format_duration(length)}, '
        f"fewer than minRequests ({floor(spec)})"
    )
