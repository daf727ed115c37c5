"""Counts of canary and stable (and baseline pods) since the look before, for judges that compare them.

A look ends where the next one begins, whatever happens in between: what it saw is noted in the measurement.
With Envoy that is its counters; with Prometheus it is the moment, by the server's clock, up to which it has
counted.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from analysis.providers import arms
from analysis.providers.answers import Clock, no_data, running, value
from analysis.providers.counts import Arm, counts
from analysis.providers.looks import fewest, kept, remaining
from analysis.providers.query import Target
from analysis.providers.traffic import counters, envoy, queries
from analysis.providers.traffic.routes import Route
from analysis.providers.traffic.settings import window_of
from rollouts.api.analysis import AnalysisRun, Measurement, Metric
from rollouts.api.duration import format_duration
from rollouts.api.errors import InvalidSpec
from rollouts.api.providers import TrafficMetric
from rollouts.kube.client import Client

NOTES = (("since", "arms"), ("asked",))
"""What the next look begins with: time and counters, or the moment that Prometheus was asked about."""

Value = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One measurement of a metric that compares."""

    run: AnalysisRun
    metric: Metric
    spec: TrafficMetric
    previous: Measurement | None
    started: datetime

    @property
    def services(self) -> Mapping[str, str]:
        """The Services by side; that of the baseline pods where the run has them.

        Raises:
            InvalidSpec: two sides are the same Service.
        """
        baseline = self.run.spec.baseline
        found = {"canary": self.spec.service, "stable": self.spec.stable_service}
        if baseline is not None and baseline.service:
            found["baseline"] = baseline.service
        if len(set(found.values())) < len(found):
            raise InvalidSpec(
                ".provider.traffic.stableService",
                f"two sides of the comparison are the same Service, got {', '.join(found.values())}",
                self.spec.stable_service,
            )
        return found

    @property
    def latency(self) -> bool:
        """Whether buckets are counted, and not errors."""
        return self.spec.metric == "latency"

    def kept(self) -> Mapping[str, str]:
        """What the look before has noted; what a look that fails must note again."""
        found = (kept(self.run, self.metric, self.previous, names) for names in NOTES)
        return next((notes for notes in found if notes is not None), {})


async def from_envoy(client: Client, clock: Clock, look: Look) -> Measurement:
    """Counters of now without those of the look before; the first look only notes them."""
    window = window_of(look.spec, look.metric)
    services = look.services
    found = await envoy.stats(client, look.run.metadata.namespace, services.values())
    now = clock()
    after = {side: found[service] for side, service in services.items()}
    noted = _noted(look)
    if noted is None:
        return running(look.started, now + window, _notes(now, after, look))
    # A side that is new has no past, and a clock that was set back no future.
    since, before = min(noted[0], now), {side: noted[1].get(side, after[side]) for side in after}
    if left := remaining(since, now, window):
        return running(look.started, now + left, _notes(since, before, look))
    counted = {
        side: counters.arm(counters.between(before[side], after[side]), latency=look.latency)
        for side in after
    }
    new, old = _notes(now, after, look), _notes(since, before, look)
    return conclude(look, counted, clock(), now - since, counted_now=new, counted_before=old)


def _noted(look: Look) -> tuple[datetime, Mapping[str, counters.Counters]] | None:
    notes = kept(look.run, look.metric, look.previous, NOTES[0])
    if notes is None:
        return None
    at, packed = read_time(notes["since"]), counters.unpack_all(notes["arms"])
    return None if at is None or packed is None else (at, packed)


def _notes(at: datetime, found: Mapping[str, counters.Counters], look: Look) -> Mapping[str, str]:
    return {"since": at.isoformat(), "arms": counters.pack_all(found, latency=look.latency)}


async def from_prometheus(
    target: Target, clock: Clock, look: Look, routes: Mapping[str, Route]
) -> Measurement:
    """What the router's counters grew by, up to a moment that the next look begins at."""
    window = window_of(look.spec, look.metric)
    asked = {
        side: queries.Asked(
            namespace=look.run.metadata.namespace, service=service, canary=routes[side].canary
        )
        for side, service in look.services.items()
    }
    at = await arms.moment(target)
    notes = kept(look.run, look.metric, look.previous, NOTES[1])
    noted = read_time(notes["asked"]) if notes else None
    if noted is None:
        return running(look.started, clock() + window, {"asked": at.isoformat()})
    since = min(noted, at)
    if left := remaining(since, at, window):
        return running(look.started, clock() + left, {"asked": since.isoformat()})
    controllers = {side: queries.ROUTERS[routes[side].controller](one) for side, one in asked.items()}
    made = {side: queries.arm(each, at - since, latency=look.latency) for side, each in controllers.items()}
    found = await asyncio.gather(
        *(
            arms.counted(target, side, made[side], at, per_second=controllers[side].per_second)
            for side in made
        )
    )
    counted = dict(zip(made, found, strict=True))
    query = made["canary"].buckets if look.latency else made["canary"].errors
    told = {"ResolvedPrometheusQuery": query}
    new, old = {"asked": at.isoformat(), **told}, {"asked": since.isoformat(), **told}
    return conclude(look, counted, clock(), at - since, counted_now=new, counted_before=old)


def read_time(text: str) -> datetime | None:
    """The time that a look has noted; None if it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def conclude(
    look: Look,
    counted: Mapping[str, Arm],
    now: datetime,
    length: timedelta,
    *,
    counted_now: Mapping[str, str],
    counted_before: Mapping[str, str],
) -> Measurement:
    """The counts, or that the canary had too few requests: then they count in the next look."""
    result = counts(counted)
    canary, least = result["canary"]["requests"], fewest(look.metric, look.spec.min_requests)
    took = {"window": format_duration(length)}
    if canary >= least:
        return value(look.started, now, result, {**counted_now, **took})
    message = (
        f'Service "{look.spec.service}" answered {canary:g} requests in {format_duration(length)}, '
        f"fewer than {least}"
    )
    # Without any request of the canary there is nothing to keep for it, and stable's would only grow old.
    return no_data(look.started, now, message, {**(counted_before if canary else counted_now), **took})
