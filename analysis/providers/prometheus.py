"""`provider.prometheus`: the value of a PromQL query, or what several say of canary and stable."""

import asyncio
import os
from collections.abc import Mapping
from datetime import datetime

from analysis.conditions import ConditionError, moment
from analysis.providers import arms
from analysis.providers.answers import Clock, error, hide, hush, no_data, public, running, value
from analysis.providers.aws.credentials import Aws, Signer
from analysis.providers.http import Request
from analysis.providers.looks import Ended, Look, conclude, fewest
from analysis.providers.oauth import token
from analysis.providers.query import ADDRESS_VARIABLE, QueryFailed, Span, Target, ask
from analysis.validation import interval
from rollouts.api.analysis import AnalysisRun, Measurement, Metric, RunBaseline
from rollouts.api.duration import parse_duration
from rollouts.api.errors import InvalidSpec, Unavailable
from rollouts.api.providers import PrometheusArm, PrometheusArms, PrometheusMetric, Sigv4Config

TIMEOUT = 30
"""Seconds, unless the metric says otherwise."""
AMAZON = "aps-workspaces"
"""In every address of Amazon Managed Service for Prometheus."""
MAX_TIMEOUT = 300
"""Seconds; a longer one would only pile up measurements."""


WINDOW = "1m"
"""Of the first look at counts of a metric without an interval."""


class PrometheusProvider:
    """A scalar is measured as a number, a vector or range as a list of numbers; an empty list is no data.

    With `arms` the value holds both sides: their points over rangeQuery, or their counts since the look
    before. The first look at counts only notes when it was.
    """

    def __init__(self, clock: Clock, environ: Mapping[str, str] | None = None) -> None:
        hush("httpx", "httpcore", "urllib3")
        self._clock = clock
        self._environ = os.environ if environ is None else environ
        self._aws = Aws(clock=clock, environ=self._environ)

    async def measure(self, run: AnalysisRun, metric: Metric, previous: Measurement | None) -> Measurement:
        started = (previous.started_at if previous else None) or self._clock()
        spec = metric.provider.prometheus
        if spec is None:
            raise InvalidSpec(".provider.prometheus", "is missing")
        look = Look(run=run, metric=metric, previous=previous, started=started)
        notes = look.kept(*arms.NOTES)
        try:
            target = await self._target(spec)
            if spec.arms is not None and spec.range_query is not None:
                return await self._series(target, look, spec.arms, _span(spec, started))
            if spec.arms is not None:
                return await self._counts(target, look, spec.arms)
            answer = await ask(target, spec.query, _span(spec, started))
        except arms.NoAnswer as nothing:
            return no_data(started, self._clock(), str(nothing), notes)
        except (Unavailable, InvalidSpec) as failure:
            asked = {} if spec.arms is not None else _resolved(run, metric)
            return error(started, self._clock(), hide(str(failure), _credentials(spec)), {**notes, **asked})
        metadata = _resolved(run, metric)
        if answer.warnings:
            metadata["warnings"] = hide("; ".join(answer.warnings), target.credentials())[:500]
        return value(started, self._clock(), answer.result, metadata)

    async def terminate(self, run: AnalysisRun, metric: Metric, previous: Measurement) -> Measurement:
        """Nothing is left behind; a window that is not over is no answer."""
        now = self._clock()
        return Measurement(
            phase="Successful",
            message="Metric Terminated",
            started_at=previous.started_at or now,
            finished_at=now,
        )

    async def _series(
        self, target: Target, look: Look, spec: PrometheusArms, span: Span | None
    ) -> Measurement:
        if span is None:
            raise InvalidSpec("rangeQuery", "is missing")
        baseline = look.run.spec.baseline
        sides = {
            side: arms.filled(arm, span.end - span.start, baseline)
            for side, arm in _sides(spec, baseline).items()
        }
        found = await asyncio.gather(
            *(arms.series(target, f"{side}.query", arm.query, span) for side, arm in sides.items())
        )
        told = _told(look, "query")
        return value(look.started, self._clock(), dict(zip(sides, found, strict=True)), told)

    async def _counts(self, target: Target, look: Look, spec: PrometheusArms) -> Measurement:
        least = interval(look.metric) or parse_duration(WINDOW)
        window = await arms.window(target, look.kept(*arms.NOTES), least)
        if window.left:
            return running(look.started, self._clock() + window.left, window.notes(window.since))
        baseline = look.run.spec.baseline
        sides = {
            side: arms.filled(arm, window.length, baseline) for side, arm in _sides(spec, baseline).items()
        }
        found = await asyncio.gather(
            *(arms.counted(target, side, arm, window.at) for side, arm in sides.items())
        )
        told = _told(look, "errors" if spec.canary.errors else "buckets")
        ended = Ended(
            started=look.started,
            now=self._clock(),
            length=window.length,
            after={**window.notes(window.at), **told},
            before={**window.notes(window.since), **told},
        )
        counted = dict(zip(sides, found, strict=True))
        return conclude(counted, ended, who="the canary", least=fewest(look.metric))

    async def _target(self, spec: PrometheusMetric) -> Target:
        address = spec.address or self._environ.get(ADDRESS_VARIABLE, "")
        if not address:
            raise QueryFailed(
                "no address of Prometheus: set provider.prometheus.address in the metric, "
                f"or {ADDRESS_VARIABLE} for the controller"
            )
        timeout = min(spec.timeout or TIMEOUT, MAX_TIMEOUT)
        headers = {header.key: header.value for header in spec.headers}
        if spec.authentication.oauth2.token_url:
            limits = Request(url=address, timeout=timeout, insecure=spec.insecure)
            headers["Authorization"] = f"Bearer {await token(spec.authentication.oauth2, limits)}"
        basic = spec.authentication.basic_auth
        return Target(
            address=address,
            headers=headers,
            username=basic.username if basic else "",
            password=basic.password if basic else "",
            insecure=spec.insecure,
            timeout=timeout,
            sign=await self._signer(spec, address),
        )

    async def _signer(self, spec: PrometheusMetric, address: str) -> Signer | None:
        """As upstream: for Amazon Managed Service for Prometheus, and for nobody else."""
        sigv4 = spec.authentication.sigv4
        if AMAZON in address:
            return await self._aws.signer(sigv4, address, "aps")
        if sigv4 != Sigv4Config():
            raise InvalidSpec(
                "authentication.sigv4",
                f"is for Amazon Managed Service for Prometheus, whose addresses hold {AMAZON}; remove it",
            )
        return None


def _resolved(run: AnalysisRun, metric: Metric) -> dict[str, str]:
    """What was asked, as the metric shows it whatever came of it."""
    shown = public(run, metric).provider.prometheus
    return {"ResolvedPrometheusQuery": shown.query} if shown else {}


def _sides(spec: PrometheusArms, baseline: RunBaseline | None) -> Mapping[str, PrometheusArm]:
    """The sides by name; the baseline pods only where the run has some."""
    found = {"canary": spec.canary, "stable": spec.stable}
    return {**found, "baseline": spec.baseline} if spec.baseline and baseline else found


def _told(look: Look, query: str) -> Mapping[str, str]:
    """What the canary was asked, as it may be shown; `{{window}}` is told apart."""
    shown = public(look.run, look.metric).provider.prometheus
    return {"ResolvedPrometheusQuery": getattr(shown.arms.canary, query)} if shown and shown.arms else {}


def _span(spec: PrometheusMetric, now: datetime) -> Span | None:
    """The span of a range query: its ends are expressions, as in conditions."""
    if spec.range_query is None:
        return None
    ends: list[datetime] = []
    for name in ("start", "end"):
        text = getattr(spec.range_query, name)
        try:
            ends.append(moment(text, now))
        except ConditionError as problem:
            raise InvalidSpec(f"rangeQuery.{name}", f'"{text}": {problem}', text) from None
    return Span(start=ends[0], end=ends[1], step=spec.range_query.step)


def _credentials(spec: PrometheusMetric) -> tuple[str, ...]:
    basic = spec.authentication.basic_auth
    return (
        *(header.value for header in spec.headers),
        basic.password if basic else "",
        spec.authentication.oauth2.client_secret,
    )
