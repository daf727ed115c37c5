"""`provider.wavefront`: the present value of a query to Wavefront (Operations for Applications).

https://developer.broadcom.com/xapis/operations-for-applications-rest-api/latest/: GET /api/v2/chart/api.
"""

from datetime import datetime, timedelta
from typing import Any

from analysis.providers import secrets
from analysis.providers.http import Request, fetch_json, with_query
from analysis.providers.numbers import number
from analysis.providers.oneshot import Failed, Found, WithAccount
from rollouts.api.analysis import AnalysisRun, Metric
from rollouts.api.errors import InvalidSpec

SECRET = "wavefront-api-tokens"  # noqa: S105  the name of a Secret, which is none
TIMEOUT = 30.0
MAX_DRIFT = timedelta(minutes=15)
"""A point that is farther from now than this is stale: Wavefront has last values of weeks ago."""


class WavefrontProvider(WithAccount):
    """One series is measured as a number, several as a list: of each the point that is nearest to now."""

    async def ask(self, run: AnalysisRun, metric: Metric, now: datetime) -> Found:
        spec = metric.provider.wavefront
        if spec is None:
            raise InvalidSpec(".provider.wavefront", "is missing")
        where = secrets.controller_namespace(self._environ)
        token = (await secrets.read(self._client, SECRET, where)).require(spec.address)
        moment = str(int(now.timestamp()) * 1000)
        # The window has no length, so that series with points outside of it are asked for too, as upstream.
        query = {
            "q": spec.query,
            "s": moment,
            "e": moment,
            "g": "s",
            "p": "1",
            "i": "true",
            "strict": "false",
        }
        request = Request(
            url=with_query(f"https://{spec.address}/api/v2/chart/api", query),
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=TIMEOUT,
        )
        return _found(await fetch_json(request, self._transport), now)


def _found(answer: Any, now: datetime) -> Found:
    if not isinstance(answer, dict):
        raise Failed("Wavefront answered with something else than its API: no object")
    if problem := answer.get("errorType"):
        raise Failed(f"Wavefront: {str(problem)[:100]}: {str(answer.get('errorMessage'))[:300]}")
    warnings = answer.get("warnings")
    metadata = {"warnings": str(warnings)[:500]} if warnings else {}
    series = answer.get("timeseries") or []
    if not isinstance(series, list):
        raise Failed("Wavefront answered with something else than its API: timeseries is no list")
    if not series:
        message = "No TimeSeries found in response from Wavefront"
        return Found(result=None, message=message, metadata=metadata)
    points = [point for each in series if (point := _nearest(each, now)) is not None]
    if not points:
        message = f"Wavefront has no point within {MAX_DRIFT.total_seconds():g} s of now"
        return Found(result=None, message=message, metadata=metadata)
    values = [value for _, value in points]
    times = [str(int(time)) for time, _ in points]
    drifts = [str(int(time - int(now.timestamp()))) for time, _ in points]
    one = len(series) == 1
    return Found(
        result=values[0] if one else values,
        metadata={
            **metadata,
            "timestamps": times[0] if one else f"[{','.join(times)}]",
            "drift": drifts[0] if one else f"[{','.join(drifts)}]",
        },
    )


def _nearest(series: Any, now: datetime) -> tuple[float, float] | None:
    """Time and value of the point that is nearest to now; None if all are too far away."""
    try:
        found = [(number(time), number(value)) for time, value in series.get("data") or ()]
    except (ValueError, TypeError, AttributeError):
        raise Failed("Wavefront answered with something else than its API: a series without points") from None
    near = [point for point in found if abs(point[0] - now.timestamp()) <= MAX_DRIFT.total_seconds()]
    return min(near, key=lambda point: abs(point[0] - now.timestamp())) if near else None
