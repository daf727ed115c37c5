"""`provider.prometheus`: the value of a PromQL query."""

import os
from collections.abc import Mapping
from datetime import datetime

from analysis.conditions import ConditionError, moment
from analysis.providers.answers import Clock, error, hide, hush, public, value
from analysis.providers.aws.credentials import Aws, Signer
from analysis.providers.http import Request
from analysis.providers.oauth import token
from analysis.providers.query import ADDRESS_VARIABLE, QueryFailed, Span, Target, ask
from rollouts.api.analysis import AnalysisRun, Measurement, Metric
from rollouts.api.errors import InvalidSpec, Unavailable
from rollouts.api.providers import PrometheusMetric, Sigv4Config

TIMEOUT = 30
"""Seconds, unless the metric says otherwise."""
AMAZON = "aps-workspaces"
"""In every address of Amazon Managed Service for Prometheus."""
MAX_TIMEOUT = 300
"""Seconds; a longer one would only pile up measurements."""


class PrometheusProvider:
    """A scalar is measured as a number, a vector or range as a list of numbers; an empty list is no data."""

    def __init__(self, clock: Clock, environ: Mapping[str, str] | None = None) -> None:
        hush("httpx", "httpcore", "urllib3")
        self._clock = clock
        self._environ = os.environ if environ is None else environ
        self._aws = Aws(clock=clock, environ=self._environ)

    async def measure(self, run: AnalysisRun, metric: Metric, previous: Measurement | None) -> Measurement:
        started = self._clock()
        spec = metric.provider.prometheus
        if spec is None:
            raise InvalidSpec(".provider.prometheus", "is missing")
        try:
            target = await self._target(spec)
            answer = await ask(target, spec.query, _span(spec, started))
        except (Unavailable, InvalidSpec) as failure:
            return error(started, self._clock(), hide(str(failure), _credentials(spec)))
        shown = public(run, metric).provider.prometheus
        metadata = {"ResolvedPrometheusQuery": shown.query} if shown else {}
        if answer.warnings:
            metadata["warnings"] = hide("; ".join(answer.warnings)[:500], _credentials(spec))
        return value(started, self._clock(), answer.result, metadata)

    async def terminate(self, run: AnalysisRun, metric: Metric, previous: Measurement) -> Measurement:
        return error(previous.started_at or self._clock(), self._clock(), "a query is never under way")

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
