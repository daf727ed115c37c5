"""`provider.graphite`: the points of one series that Graphite renders."""

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import httpx

from analysis.providers.answers import Clock
from analysis.providers.http import Request, fetch_json
from analysis.providers.numbers import number
from analysis.providers.oneshot import Failed, Found, OneShot
from rollouts.api.analysis import AnalysisRun, Metric
from rollouts.api.errors import InvalidSpec

TIMEOUT = 10.0
"""Seconds, as upstream."""


class GraphiteProvider(OneShot):
    """Measures the list of the points that have a value; a name and password may stand in the address."""

    def __init__(self, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> None:
        super().__init__(clock)
        self._transport = transport

    async def ask(self, run: AnalysisRun, metric: Metric, now: datetime) -> Found:
        spec = metric.provider.graphite
        if spec is None:
            raise InvalidSpec(".provider.graphite", "is missing")
        request = Request(url=render_url(spec.address, spec.query), timeout=TIMEOUT)
        points = read(await fetch_json(request, self._transport))
        return Found(result=points) if points else Found(result=None, message="no values found")


def render_url(address: str, query: str) -> str:
    """Where to ask: the query is what follows `/render?`, such as `target=a.b&from=-5min`."""
    one_line = " ".join(query.split())
    pairs = [pair for pair in parse_qsl(one_line, keep_blank_values=True) if pair[0] != "format"]
    pairs.append(("format", "json"))
    return f"{address.rstrip('/')}/render?{urlencode(pairs, quote_via=quote)}"


def read(answer: Any) -> list[float]:
    """The values of the series in an answer; a point without one is left out.

    Raises:
        Failed: this is no answer of Graphite, or one with several series.
    """
    if not isinstance(answer, list):
        raise Failed("Graphite answered with something else than a list of series")
    if len(answer) > 1:
        raise Failed(
            f"Graphite answered with {len(answer)} series instead of one; combine them in the query, "
            "as with sumSeries or averageSeries"
        )
    try:
        return [number(value) for series in answer for value, _ in series["datapoints"] if value is not None]
    except (KeyError, TypeError, ValueError):
        raise Failed("Graphite answered with points that are none") from None
