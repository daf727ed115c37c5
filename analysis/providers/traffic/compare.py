"""Counts of canary and stable (and baseline pods) since the look before, for judges that compare them.

A look ends where the next one begins, whatever happens in between: what it saw is noted in the measurement.
With Envoy that is its counters; with Prometheus it is the moment, by the server's clock, up to which it has
counted.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from analysis.providers import arms, looks
from analysis.providers.answers import Clock, running
from analysis.providers.counts import Arm
from analysis.providers.looks import Ended, conclude, fewest, read_time, remaining
from analysis.providers.query import Target
from analysis.providers.traffic import counters, envoy, queries
from analysis.providers.traffic.routes import Route
from analysis.providers.traffic.settings import window_of
from rollouts.api.analysis import Measurement
from rollouts.api.errors import InvalidSpec
from rollouts.api.providers import TrafficMetric
from rollouts.kube.client import Client

NOTES = ("since", "arms")
"""What the next look begins with: the time, and Envoy's counters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look(looks.Look):
    """One measurement of a metric that compares Services."""

    spec: TrafficMetric

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

    @property
    def notes(self) -> Mapping[str, str]:
        """What the look before has noted, by whichever of the two ways; a look that fails notes it again."""
        return self.kept(*NOTES) or self.kept(*arms.NOTES)


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
    ended = Ended(
        started=look.started,
        now=now,
        length=now - since,
        after=_notes(now, after, look),
        before=_notes(since, before, look),
    )
    return _conclude(look, counted, ended)


def _noted(look: Look) -> tuple[datetime, Mapping[str, counters.Counters]] | None:
    notes = look.kept(*NOTES)
    if not notes:
        return None
    at, packed = read_time(notes["since"]), counters.unpack_all(notes["arms"])
    return None if at is None or packed is None else (at, packed)


def _notes(at: datetime, found: Mapping[str, counters.Counters], look: Look) -> Mapping[str, str]:
    return {"since": at.isoformat(), "arms": counters.pack_all(found, latency=look.latency)}


async def from_prometheus(
    target: Target, clock: Clock, look: Look, routes: Mapping[str, Route]
) -> Measurement:
    """What the router's counters grew by, up to a moment that the next look begins at."""
    asked = {
        side: queries.Asked(
            namespace=look.run.metadata.namespace, service=service, canary=routes[side].canary
        )
        for side, service in look.services.items()
    }
    window = await arms.window(target, look.kept(*arms.NOTES), window_of(look.spec, look.metric))
    if window.left:
        return running(look.started, clock() + window.left, window.notes(window.since))
    controllers = {side: queries.ROUTERS[routes[side].controller](one) for side, one in asked.items()}
    made = {
        side: queries.arm(each, window.length, latency=look.latency) for side, each in controllers.items()
    }
    found = await asyncio.gather(
        *(
            arms.counted(target, side, made[side], window.at, per_second=controllers[side].per_second)
            for side in made
        )
    )
    counted = dict(zip(made, found, strict=True))
    query = made["canary"].buckets if look.latency else made["canary"].errors
    told = {"ResolvedPrometheusQuery": query}
    ended = Ended(
        started=look.started,
        now=clock(),
        length=window.length,
        after={**window.notes(window.at), **told},
        before={**window.notes(window.since), **told},
    )
    return _conclude(look, counted, ended)


def _conclude(look: Look, counted: Mapping[str, Arm], ended: Ended) -> Measurement:
    least = fewest(look.metric, look.spec.min_requests)
    return conclude(counted, ended, who=f'Service "{look.spec.service}"', least=least)
