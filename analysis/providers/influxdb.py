"""`provider.influxdb`: the values of a Flux query."""

from datetime import datetime

from analysis.providers import flux
from analysis.providers.http import Request, fetch, json_content, with_query
from analysis.providers.oneshot import Found, WithAccount, hiding
from analysis.providers.secrets import controller_namespace, read
from rollouts.api.analysis import AnalysisRun, Metric
from rollouts.api.errors import InvalidSpec

SECRET = "influxdb"  # noqa: S105  the name of one
"""In the controller's namespace, with the keys `address`, `authToken` and `org`, as upstream."""
TIMEOUT = 30.0
"""Seconds, as upstream."""


class InfluxdbProvider(WithAccount):
    """Measures the list of all `_value`s of the answer, table after table; an empty cell is null."""

    async def ask(self, run: AnalysisRun, metric: Metric, now: datetime) -> Found:
        spec = metric.provider.influxdb
        if spec is None:
            raise InvalidSpec(".provider.influxdb", "is missing")
        secret = await read(self._client, spec.profile or SECRET, controller_namespace(self._environ))
        address, token, org = (secret.require(key) for key in ("address", "authToken", "org"))
        request = Request(
            method="POST",
            url=with_query(f"{address.rstrip('/')}/api/v2/query", {"org": org}),
            headers={
                "Authorization": f"Token {token}",
                "Content-Type": "application/json",
                "Accept": "application/csv",
            },
            content=json_content({"query": spec.query, "type": "flux", "dialect": flux.DIALECT}),
            timeout=TIMEOUT,
        )
        content = await fetch(request, self._transport)
        with hiding(request.credentials()):
            values = flux.values(content)
        if not values:
            return Found(result=None, message="no results returned from flux query")
        return Found(result=values)
