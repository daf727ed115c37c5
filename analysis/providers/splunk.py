"""`provider.splunk`: the last value that a SignalFlow program publishes, by its HTTP API."""

from datetime import datetime

from analysis.providers import signalflow
from analysis.providers.accounts import account
from analysis.providers.http import Request, fetch, with_query
from analysis.providers.lookback import lookback
from analysis.providers.oneshot import Found, WithAccount, hiding
from rollouts.api.analysis import AnalysisRun, Metric
from rollouts.api.errors import InvalidSpec

SECRET = "splunk"  # noqa: S105  the name of one
TOKEN = "sf_token_key"  # noqa: S105  the key of one, as Flagger's
TIMEOUT = 30.0
"""Seconds, for the whole computation."""


class SplunkProvider(WithAccount):
    """Measures the last value of the only series; the computation ends now, and is not waited for beyond."""

    async def ask(self, run: AnalysisRun, metric: Metric, now: datetime) -> Found:
        spec = metric.provider.splunk
        if spec is None:
            raise InvalidSpec(".provider.splunk", "is missing")
        back = lookback(metric, spec.interval)
        found = await account(
            self._client, run, spec.secret_ref, spec.address, default=SECRET, environ=self._environ
        )
        end = int(now.timestamp()) * 1000
        query = {
            "start": str(end - int(back.total_seconds()) * 1000),
            "stop": str(end),
            "immediate": "true",
        }
        request = Request(
            method="POST",
            url=with_query(f"{stream_address(found.address)}/v2/signalflow/execute", query),
            headers={
                "X-SF-Token": found.secret.require(TOKEN),
                "Content-Type": "text/plain",
                "Accept": "text/event-stream",
            },
            content=spec.query.encode(),
            timeout=TIMEOUT,
        )
        content = await fetch(request, self._transport)
        with hiding(request.credentials()):
            value = signalflow.last_value(content)
        return Found(result=value, message="" if value is not None else "no values found")


def stream_address(address: str) -> str:
    """Where programs are run, of a realm's address in any of the ways in which Flagger takes it."""
    scheme, _, rest = address.partition("://")
    host = "stream." + rest.removeprefix("api.") if rest.startswith("api.") else rest
    return f"{scheme.replace('ws', 'http', 1)}://{host}"
