"""`provider.prometheus`: the value of a PromQL query."""

import asyncio
import os
from collections.abc import Mapping

from analysis.providers.answers import Clock, error, public, value
from analysis.providers.query import QueryFailed, Target, ask
from rollouts.api.analysis import AnalysisRun, Measurement, Metric
from rollouts.api.errors import InvalidSpec
from rollouts.api.providers import PrometheusMetric

ADDRESS_VARIABLE = "ARGO_ROLLOUTS_PROMETHEUS_ADDRESS"
"""Where Prometheus is, for metrics that do not say."""
TIMEOUT = 30
"""Seconds, unless the metric says otherwise."""
MAX_TIMEOUT = 300
"""Seconds; a longer one would only pile up measurements."""


class PrometheusProvider:
    """A scalar is measured as a number, a vector as a list of numbers; an empty list is no data."""

    def __init__(self, clock: Clock, environ: Mapping[str, str] | None = None) -> None:
        self._clock = clock
        self._environ = os.environ if environ is None else environ

    async def measure(self, run: AnalysisRun, metric: Metric, previous: Measurement | None) -> Measurement:
        started = self._clock()
        spec = metric.provider.prometheus
        if spec is None:
            raise InvalidSpec(".provider.prometheus", "is missing")
        try:
            answer = await asyncio.to_thread(ask, self._target(spec), spec.query)
        except QueryFailed as failure:
            return error(started, self._clock(), str(failure))
        shown = public(run, metric).provider.prometheus
        metadata = {"ResolvedPrometheusQuery": shown.query} if shown else {}
        if answer.warnings:
            metadata["warnings"] = "; ".join(answer.warnings)[:500]
        return value(started, self._clock(), answer.result, metadata)

    async def terminate(self, run: AnalysisRun, metric: Metric, previous: Measurement) -> Measurement:
        return error(previous.started_at or self._clock(), self._clock(), "a query is never under way")

    def _target(self, spec: PrometheusMetric) -> Target:
        address = spec.address or self._environ.get(ADDRESS_VARIABLE, "")
        if not address:
            raise QueryFailed(
                "no address of Prometheus: set provider.prometheus.address in the metric, "
                f"or {ADDRESS_VARIABLE} for the controller"
            )
        basic = spec.authentication.basic_auth
        return Target(
            address=address,
            headers={header.key: header.value for header in spec.headers},
            username=basic.username if basic else "",
            password=basic.password if basic else "",
            insecure=spec.insecure,
            timeout=min(spec.timeout or TIMEOUT, MAX_TIMEOUT),
        )
