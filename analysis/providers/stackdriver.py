"""`provider.stackdriver`: one number out of Google Cloud Monitoring, by a query in MQL."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from analysis.providers.answers import quoted
from analysis.providers.google import access_token
from analysis.providers.http import Request, fetch_json, json_content
from analysis.providers.numbers import number
from analysis.providers.oneshot import Failed, Found, WithAccount, hiding
from analysis.providers.secrets import Secret, controller_namespace, read
from rollouts.api.analysis import AnalysisRun, Metric
from rollouts.api.errors import InvalidSpec
from rollouts.api.secret_ref import SecretRef

ADDRESS = "https://monitoring.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/monitoring.read"
PROJECT, KEY = "project", "serviceAccountKey"
"""Keys of the Secret, as Flagger's."""
TIMEOUT = 30.0
"""Seconds."""


class StackdriverProvider(WithAccount):
    """Measures the newest value of the only series."""

    async def ask(self, run: AnalysisRun, metric: Metric, now: datetime) -> Found:
        spec = metric.provider.stackdriver
        if spec is None:
            raise InvalidSpec(".provider.stackdriver", "is missing")
        secret = await self._secret(run, spec.secret_ref)
        project = spec.project or (secret.require(PROJECT) if secret else "")
        if not project:
            raise InvalidSpec("stackdriver.project", "must name the project, or secretRef a Secret that does")
        token = await access_token(secret.get(KEY) if secret else "", SCOPE, now, self._transport)
        request = Request(
            method="POST",
            url=f"{ADDRESS}/v3/projects/{quote(project, safe='')}/timeSeries:query",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            content=json_content({"query": spec.query}),
            timeout=TIMEOUT,
        )
        answer = await fetch_json(request, self._transport)
        with hiding(request.credentials()):
            value = read_value(answer)
        return Found(result=value, message="" if value is not None else "no values found")

    async def _secret(self, run: AnalysisRun, ref: SecretRef) -> Secret | None:
        if not ref.name:
            return None
        namespace = run.metadata.namespace if ref.namespaced else controller_namespace(self._environ)
        return await read(self._client, ref.name, namespace)


def read_value(answer: Any) -> float | None:
    """The newest value of the only series in an answer; None for none.

    Raises:
        Failed: there are several, its values are no numbers, or this is no answer of Cloud Monitoring.
    """
    if not isinstance(answer, dict):
        raise Failed("Cloud Monitoring answered with something else than its API")
    if problems := answer.get("partialErrors"):
        raise Failed(f"Cloud Monitoring answered in part only: {quoted(str(problems))}")
    series = answer.get("timeSeriesData") or []
    try:
        if len(series) > 1 or answer.get("nextPageToken"):
            raise Failed(
                f"Cloud Monitoring answered with {len(series)} series instead of one; end the query in "
                "group_by [], with an aggregation"
            )
        points = series[0].get("pointData") or [] if series else []
        values = points[0].get("values") or [] if points else []
        if len(values) > 1:
            raise Failed(f"Cloud Monitoring answered with {len(values)} values a point; keep one column")
        return _typed(values[0]) if values else None
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):
        raise Failed("Cloud Monitoring answered with something else than its API") from None


def _typed(value: Any) -> float:
    """The number in a typed value: an int64 is written as text."""
    for name in ("doubleValue", "int64Value"):
        if name in value:
            return number(value[name])
    kind = next(iter(value), "nothing")
    raise Failed(f"Cloud Monitoring answered with a {kind}, which is no number; reduce it in the query")
