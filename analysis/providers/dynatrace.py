"""`provider.dynatrace`: one number out of Dynatrace's metrics API, version 2."""

from datetime import datetime
from typing import Any

from analysis.providers.accounts import account
from analysis.providers.http import Request, fetch_json, with_query
from analysis.providers.lookback import lookback
from analysis.providers.numbers import number
from analysis.providers.oneshot import Failed, Found, WithAccount
from rollouts.api.analysis import AnalysisRun, Metric
from rollouts.api.errors import InvalidSpec

SECRET = "dynatrace"  # noqa: S105  the name of one
TOKEN = "dynatrace_token"  # noqa: S105  the key of one, as Flagger's


class DynatraceProvider(WithAccount):
    """Measures the value of the only series, over the whole time as one point."""

    async def ask(self, run: AnalysisRun, metric: Metric, now: datetime) -> Found:
        spec = metric.provider.dynatrace
        if spec is None:
            raise InvalidSpec(".provider.dynatrace", "is missing")
        back = lookback(metric, spec.interval)
        found = await account(
            self._client, run, spec.secret_ref, spec.address, default=SECRET, environ=self._environ
        )
        query = {
            "metricSelector": spec.query,
            "resolution": "Inf",
            "from": _milliseconds(now - back),
            "to": _milliseconds(now),
        }
        request = Request(
            url=with_query(f"{found.address}/api/v2/metrics/query", query),
            headers={"Authorization": f"Api-Token {found.secret.require(TOKEN)}"},
        )
        value = read(await fetch_json(request, self._transport))
        return Found(result=value, message="" if value is not None else "no values found")


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp()) * 1000)


def read(answer: Any) -> float | None:
    """The value of the only series in an answer; None for none.

    Raises:
        Failed: there are several, or this is no answer of Dynatrace.
    """
    try:
        series = [each for metric in answer["result"] for each in metric["data"]]
        if len(series) > 1:
            raise Failed(
                f"Dynatrace answered with {len(series)} series instead of one; merge them in the selector, "
                "as with :splitBy():sum"
            )
        values = [number(value) for each in series for value in each["values"] if value is not None]
    except (KeyError, TypeError, ValueError):
        raise Failed("Dynatrace answered with something else than its API") from None
    return values[-1] if values else None
