"""`provider.cloudWatch`: the results of one GetMetricData request to Amazon CloudWatch.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html, in its JSON protocol.
Region and credentials are the controller's own, as upstream has it.
"""

import json
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from analysis.providers.answers import Clock
from analysis.providers.aws.credentials import Aws, Signer
from analysis.providers.aws.endpoints import endpoint
from analysis.providers.http import HttpFailed, Request, fetch_json, json_content
from analysis.providers.oneshot import Failed, Found, OneShot
from rollouts.api.analysis import AnalysisRun, Metric
from rollouts.api.duration import parse_duration
from rollouts.api.errors import InvalidSpec
from rollouts.api.providers import CloudWatchMetricDataQuery, Sigv4Config

INTERVAL = "5m"
"""How far back to look, unless the metric says so."""
TIMEOUT = 30.0


class CloudWatchProvider(OneShot):
    """The value is the list of MetricDataResults, newest points first; without any point there is no data."""

    def __init__(
        self,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(clock)
        self._transport = transport
        self._environ = os.environ if environ is None else environ
        self._aws = Aws(clock=clock, environ=self._environ, transport=transport)

    async def ask(self, run: AnalysisRun, metric: Metric, now: datetime) -> Found:
        spec = metric.provider.cloud_watch
        if spec is None:
            raise InvalidSpec(".provider.cloudWatch", "is missing")
        region = self._aws.region()
        start = now - parse_duration(spec.interval or INTERVAL)
        body = {
            "StartTime": int(start.timestamp()),
            "EndTime": int(now.timestamp()),
            "MetricDataQueries": [_query(query) for query in spec.metric_data_queries],
        }
        request = Request(
            url=endpoint("cloudwatch", "monitoring", region, self._environ) + "/",
            method="POST",
            headers={
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData",
            },
            content=json_content(body),
            timeout=TIMEOUT,
        )
        keys = await self._aws.keys(Sigv4Config(), region)
        sign = Signer(keys, region, "monitoring", self._clock)
        try:
            return _found(await fetch_json(sign(request), self._transport))
        except HttpFailed as failure:
            raise Failed(f"CloudWatch in {region}: {_reason(failure)}") from None


def _query(query: CloudWatchMetricDataQuery) -> dict[str, Any]:
    """A query as the API spells it; what is not set is not sent."""
    stat = query.metric_stat
    return _without_none(
        Id=query.id,
        Expression=query.expression,
        Label=query.label,
        MetricStat=stat
        and _without_none(
            Metric=_without_none(
                Dimensions=[{"Name": each.name, "Value": each.value} for each in stat.metric.dimensions]
                or None,
                MetricName=stat.metric.metric_name,
                Namespace=stat.metric.namespace,
            ),
            Period=_whole(stat.period),
            Stat=stat.stat,
            Unit=stat.unit or None,
        ),
        Period=_whole(query.period),
        ReturnData=query.return_data,
    )


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: given for name, given in fields.items() if given is not None}


def _whole(period: int | str | None) -> int | None:
    """Seconds, which may have come as text out of an argument."""
    try:
        return None if period is None else int(period)
    except ValueError:
        raise InvalidSpec("period", f'"{period}" is no number of seconds', period) from None


def _found(answer: Any) -> Found:
    results = answer.get("MetricDataResults") if isinstance(answer, dict) else None
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise Failed("CloudWatch answered with something else than its API: it has no MetricDataResults")
    messages = [*_messages(answer), *(text for each in results for text in _messages(each))]
    metadata = {"messages": "; ".join(messages)[:500]} if messages else {}
    for each in results:
        status = each.get("StatusCode", "Complete")
        if status != "Complete":
            said = f": {metadata['messages']}" if messages else ""
            raise Failed(f'CloudWatch: the result of "{each.get("Id")}" is {status}{said}', metadata)
    if not any(each.get("Values") for each in results):
        return Found(result=None, message="CloudWatch has no data points in the interval", metadata=metadata)
    return Found(result=results, metadata=metadata)


def _messages(node: Mapping[str, Any]) -> list[str]:
    found = node.get("Messages")
    if not isinstance(found, list):
        return []
    return [f"{each.get('Code')}: {each.get('Value')}" for each in found if isinstance(each, dict)]


def _reason(failure: HttpFailed) -> str:
    """What AWS says of an error: its kind and a message."""
    try:
        said = json.loads(failure.detail)
        kind, message = str(said["__type"]).rpartition("#")[2], said.get("message") or said.get("Message")
    except (ValueError, LookupError, TypeError, AttributeError):
        return str(failure)
    return f"{kind}: {message}" if message else kind
