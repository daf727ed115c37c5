"""`provider.skywalking`: the data of a GraphQL query."""

from datetime import UTC, datetime
from typing import Any

import httpx

from analysis.providers.answers import Clock, quoted
from analysis.providers.http import Request, fetch_json, json_content
from analysis.providers.oneshot import Failed, Found, OneShot
from rollouts.api.analysis import AnalysisRun, Metric
from rollouts.api.duration import parse_duration
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object

INTERVAL = "5m"
"""How far back to look, unless the metric says otherwise."""
TIMEOUT = 30.0
"""Seconds, as upstream."""
_MINUTE = "%Y-%m-%d %H%M"
"""How SkyWalking writes a time for steps of a minute, in its own time zone: UTC in a cluster."""


class SkyWalkingProvider(OneShot):
    """Measures the whole `data` of the answer; the query may use the variable `$duration`."""

    def __init__(self, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> None:
        super().__init__(clock)
        self._transport = transport

    async def ask(self, run: AnalysisRun, metric: Metric, now: datetime) -> Found:
        spec = metric.provider.skywalking
        if spec is None:
            raise InvalidSpec(".provider.skywalking", "is missing")
        request = Request(
            method="POST",
            url=f"{spec.address.rstrip('/')}/graphql",
            headers={"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"},
            content=json_content({"query": spec.query, "variables": variables(spec.interval, now)}),
            timeout=TIMEOUT,
        )
        data = read(await fetch_json(request, self._transport))
        return Found(result=data, message="" if data else "no results returned from SkyWalking query")


def variables(interval: str, now: datetime) -> Object:
    """The variables of the query: the time that it is about."""
    try:
        back = parse_duration(interval or INTERVAL)
    except ValueError as problem:
        raise InvalidSpec("skywalking.interval", str(problem), interval) from None
    start, end = ((now - back).astimezone(UTC), now.astimezone(UTC))
    return {"duration": {"start": start.strftime(_MINUTE), "end": end.strftime(_MINUTE), "step": "MINUTE"}}


def read(answer: Any) -> Any:
    """The data of an answer; None for none.

    Raises:
        Failed: the server could not answer the query, or not all of it.
    """
    if not isinstance(answer, dict) or not ("data" in answer or "errors" in answer):
        raise Failed("SkyWalking answered with something else than its API")
    if errors := answer.get("errors"):
        first = errors[0] if isinstance(errors, list) else errors
        message = first.get("message") if isinstance(first, dict) else first
        raise Failed(f"graphql: {quoted(str(message))}")
    data = answer.get("data")
    if data is not None and not isinstance(data, dict):
        raise Failed("SkyWalking answered with something else than its API")
    return data or None
