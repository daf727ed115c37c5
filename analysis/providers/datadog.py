"""`provider.datadog`: a query to Datadog, or several with a formula over them.

https://docs.datadoghq.com/api/latest/metrics/: v1 asks for a series and takes its last point, v2 for scalars.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analysis.providers import secrets
from analysis.providers.http import HttpFailed, Request, fetch_json, json_content, with_query
from analysis.providers.numbers import number
from analysis.providers.oneshot import Failed, Found, WithAccount
from rollouts.api.analysis import AnalysisRun, Metric
from rollouts.api.duration import parse_duration
from rollouts.api.errors import InvalidSpec
from rollouts.api.providers import DatadogMetric

ADDRESS = "https://api.datadoghq.com"
INTERVAL = "5m"
TIMEOUT = "10s"
SECRET = "datadog"  # noqa: S105  the name of a Secret, which is none
MAX_GROUPS = 100
"""Groups that are shown in the metadata; all of them are in the value."""

_LONGEST_LABEL = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    address: str
    api_key: str
    app_key: str


class DatadogProvider(WithAccount):
    """A number, or for a query `by {tag}` a list of them, with the groups in the metadata."""

    async def ask(self, run: AnalysisRun, metric: Metric, now: datetime) -> Found:
        spec = metric.provider.datadog
        if spec is None:
            raise InvalidSpec(".provider.datadog", "is missing")
        account = await self._account(spec, run.metadata.namespace)
        request = _request(spec, account, now)
        try:
            answer = await fetch_json(request, self._transport)
        except HttpFailed as failure:
            raise Failed(_reason(failure, spec), _told(failure.outcome, failure.status)) from None
        try:
            found = _series(answer) if _version(spec) == "v1" else _scalars(answer)
        except Failed as failure:
            raise Failed(str(failure), _told("response_error", 200)) from None
        return Found(
            result=found.result, message=found.message, metadata={**_told("success", 200), **found.metadata}
        )

    async def _account(self, spec: DatadogMetric, namespace: str) -> _Account:
        """Whose keys: of the Secret that is named, else of the environment, else of the usual Secret."""
        ref = spec.secret_ref
        if ref.namespaced and not ref.name:
            raise InvalidSpec("secretRef.name", "secret name is required for namespaced credentials", "")
        key, app_key, address = (
            self._environ.get(f"DD_{name}", "") for name in ("API_KEY", "APP_KEY", "ADDRESS")
        )
        if not ref.name and key and app_key and address:
            return _Account(address=address, api_key=key, app_key=app_key)
        where = namespace if ref.namespaced else secrets.controller_namespace(self._environ)
        secret = await secrets.read(self._client, ref.name or SECRET, where)
        return _Account(
            address=secret.get("address", ADDRESS),
            api_key=secret.require("api-key"),
            app_key=secret.require("app-key"),
        )


def _version(spec: DatadogMetric) -> str:
    return spec.api_version or "v1"


def _request(spec: DatadogMetric, account: _Account, now: datetime) -> Request:
    end = int(now.timestamp())
    start = end - int(parse_duration(spec.interval or INTERVAL).total_seconds())
    headers = {
        "Content-Type": "application/json",
        "DD-API-KEY": account.api_key,
        "DD-APPLICATION-KEY": account.app_key,
    }
    timeout = parse_duration(spec.request_timeout or TIMEOUT).total_seconds()
    address = account.address.rstrip("/")
    if _version(spec) == "v1":
        query = {"query": spec.query, "from": str(start), "to": str(end)}
        url = with_query(f"{address}/api/v1/query", query)
        return Request(url=url, headers=headers, timeout=timeout)
    queries = {"query": spec.query} if spec.query else spec.queries
    body = {
        "data": {
            "type": "scalar_request",
            "attributes": {
                "from": start * 1000,
                "to": end * 1000,
                "queries": [
                    {
                        "aggregator": spec.aggregator or "last",
                        "data_source": "metrics",
                        "name": name,
                        "query": query,
                    }
                    for name, query in sorted(queries.items())
                ],
                "formulas": [{"formula": spec.formula}] if spec.formula else [],
            },
        }
    }
    return Request(
        url=f"{address}/api/v2/query/scalar",
        method="POST",
        headers=headers,
        content=json_content(body),
        timeout=timeout,
    )


def _series(answer: Any) -> Found:
    """Of v1: the last point of the first series."""
    series = _list(_dict(answer, "the answer").get("series"), "series")
    if problem := answer.get("error"):
        raise Failed(f"There were errors in your query: {str(problem)[:300]}")
    points = _list(_dict(series[0], "series[0]").get("pointlist"), "pointlist") if series else []
    if not points:
        return Found(result=None, message="Datadog has no data points for the query")
    point = points[-1]
    if not isinstance(point, list) or len(point) != 2:
        raise Failed("Datapoint does not have 2 values")
    if point[1] is None:
        return Found(result=None, message="Datadog has no value in the last data point")
    return Found(result=_number(point[1], "the last data point"))


def _scalars(answer: Any) -> Found:
    """Of v2: the first column of numbers, with the labels of the groups if there are any.

    It goes by the shape of the answer and not by the number of values: a query `by {tag}` is a list even if
    only one group matches.
    """
    data = _dict(_dict(answer, "the answer").get("data") or {}, "data")
    if problem := answer.get("errors") or data.get("errors"):
        raise Failed(f"There were errors in your query: {str(problem)[:300]}")
    attributes = _dict(data.get("attributes") or {}, "attributes")
    columns = [_dict(each, "a column") for each in _list(attributes.get("columns"), "columns")]
    numbers = next((each for each in columns if each.get("type", "number") in ("", "number")), {})
    labels = [_list(each.get("values"), "values") for each in columns if each.get("type") == "group"]
    found: list[float] = []
    groups: list[dict[str, Any]] = []
    for place, value in enumerate(_list(numbers.get("values"), "values")):
        if value is None:  # No data of this group.
            continue
        found.append(_number(value, f"value {place}"))
        if labels:
            groups.append({"name": _label(labels, place), "value": found[-1]})
    if not found:
        return Found(result=None, message="Datadog has no data points for the query")
    if not labels:
        return Found(result=found[0])
    return Found(result=found, metadata=_shown(groups))


def _label(columns: list[list[Any]], place: int) -> str:
    """The tags of a group: one column for each, and in it more than one where a tag has aliases."""
    parts: list[str] = []
    for column in columns:
        tags = column[place] if place < len(column) else None
        if not isinstance(tags, list) or not tags:
            raise Failed(f"could not parse group label at index {place}")
        parts += map(str, tags)
    return ",".join(parts)[:_LONGEST_LABEL]


def _shown(groups: list[dict[str, Any]]) -> dict[str, str]:
    """The groups for people; of many the lowest and the highest: which is worst is not known here."""
    kept = groups
    if len(groups) > MAX_GROUPS:
        half = MAX_GROUPS // 2
        ordered = sorted(groups, key=lambda group: group["value"])
        kept = ordered[:half] + ordered[-half:]
    text = json.dumps(kept, separators=(",", ":"), ensure_ascii=False)
    return {"groups": text, **({"groups_truncated": "true"} if kept is not groups else {})}


def _number(found: Any, what: str) -> float:
    try:
        return number(found)
    except ValueError as problem:
        raise Failed(f"Datadog answered with something else than its API: {what}: {problem}") from None


def _dict(found: Any, what: str) -> dict[str, Any]:
    if isinstance(found, dict):
        return found
    raise Failed(f"Datadog answered with something else than its API: {what} is no object")


def _list(found: Any, what: str) -> list[Any]:
    if found is None:
        return []
    if isinstance(found, list):
        return found
    raise Failed(f"Datadog answered with something else than its API: {what} is no list")


def _told(outcome: str, status: int) -> dict[str, str]:
    """What upstream tells of the request in the metadata."""
    told = {"requestOutcome": outcome, "responseReceived": "true" if status else "false"}
    return {**told, "httpStatusCode": str(status)} if status else told


def _reason(failure: HttpFailed, spec: DatadogMetric) -> str:
    """In upstream's words, as far as it has some."""
    if failure.outcome == "timeout":
        return f"Datadog API request timed out after {spec.request_timeout or TIMEOUT}"
    if not failure.status:
        return f"Datadog API request failed before receiving an HTTP response: {failure}"
    if failure.status in (401, 403):
        said = failure.detail[:200]
        return f"received authentication error response code: {failure.status} {said}".rstrip()
    return f"Datadog: {failure}"
