"""`provider.newRelic`: a NRQL query through NerdGraph, New Relic's GraphQL API.

https://docs.newrelic.com/docs/apis/nerdgraph/examples/nerdgraph-nrql-tutorial/
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from analysis.providers import secrets
from analysis.providers.http import Request, fetch_json, json_content
from analysis.providers.oneshot import Failed, Found, WithAccount
from rollouts.api.analysis import AnalysisRun, Metric
from rollouts.api.errors import InvalidSpec

SECRET = "newrelic"  # noqa: S105  the name of a Secret, which is none
QUERY_TIMEOUT = 5
"""Seconds that New Relic works on a query, unless the metric says otherwise; its own default."""
REGIONS: Mapping[str, str] = {
    "us": "https://api.newrelic.com/graphql",
    "eu": "https://api.eu.newrelic.com/graphql",
    "jp": "https://api.jp.newrelic.com/graphql",
    "staging": "https://staging-api.newrelic.com/graphql",
}

_ON_THE_WAY = 25
"""Seconds beside those of the query."""
_QUERY = (
    "query($query: Nrql!, $accountId: Int!, $timeout: Seconds) "
    "{ actor { account(id: $accountId) { nrql(query: $query, timeout: $timeout) { results } } } }"
)


class NewRelicProvider(WithAccount):
    """One result is a map of what the query selects, several are a list of maps."""

    async def ask(self, run: AnalysisRun, metric: Metric, now: datetime) -> Found:
        spec = metric.provider.new_relic
        if spec is None:
            raise InvalidSpec(".provider.newRelic", "is missing")
        where = secrets.controller_namespace(self._environ)
        profile = await secrets.read(self._client, spec.profile or SECRET, where)
        timeout = spec.timeout or QUERY_TIMEOUT
        variables = {"query": spec.query, "accountId": _account(profile), "timeout": timeout}
        request = Request(
            url=_url(profile),
            method="POST",
            headers={"Content-Type": "application/json", "API-Key": profile.require("personal-api-key")},
            content=json_content({"query": _QUERY, "variables": variables}),
            timeout=timeout + _ON_THE_WAY,
        )
        return _found(await fetch_json(request, self._transport))


def _account(profile: secrets.Secret) -> int:
    text = profile.require("account-id")
    if not text.isdecimal():
        raise Failed(f'Secret "{profile.name}": account-id must be a number')
    return int(text)


def _url(profile: secrets.Secret) -> str:
    if given := profile.get("base-url-nerdgraph"):
        return given
    region = profile.get("region", "us").lower()
    if region not in REGIONS:
        raise Failed(f'Secret "{profile.name}": region must be one of {", ".join(REGIONS)}; got "{region}"')
    return REGIONS[region]


def _found(answer: Any) -> Found:
    if isinstance(answer, dict) and (problems := answer.get("errors")):
        raise Failed(f"New Relic: {_said(problems)}")
    here = answer
    for name in ("data", "actor", "account", "nrql", "results"):
        here = here.get(name) if isinstance(here, dict) else None
    if not isinstance(here, list) or not all(isinstance(each, dict) for each in here):
        raise Failed("New Relic answered with something else than its API: it has no results")
    if not any(value is not None for each in here for value in each.values()):
        return Found(result=None, message="no results returned from NRQL query")
    return Found(result=here[0] if len(here) == 1 else here)


def _said(problems: Any) -> str:
    """The messages of GraphQL errors, which come with code 200."""
    if not isinstance(problems, list):
        return str(problems)[:300]
    return "; ".join(str(each.get("message") if isinstance(each, dict) else each) for each in problems)[:300]
