"""A metric provider as a plugin: the rate of errors of a service, from a server that only Acme has.

OneShot makes every error of ours a measurement in phase Error; `http` bounds the request in time and size
and shows none of its credentials; `secrets` reads a Secret anew for each measurement.
"""

from datetime import datetime

from analysis.providers.http import Request, fetch_json, with_query
from analysis.providers.oneshot import Failed, Found, OneShot
from analysis.providers.secrets import read
from rollouts.api.analysis import AnalysisRun, Metric
from rollouts.api.errors import InvalidSpec
from rollouts.kube.client import Client


class AcmeRate(OneShot):
    """`provider.plugin: {acme/rate: {service, secret, timeoutSeconds}}`; measures a number, 0 to 1."""

    def __init__(self, client: Client, clock) -> None:
        super().__init__(clock)
        self._client = client

    async def ask(self, run: AnalysisRun, metric: Metric, now: datetime) -> Found:
        settings = metric.provider.plugin["acme/rate"]
        for name in ("service", "secret"):
            if not settings.get(name):
                raise InvalidSpec(f'plugin["acme/rate"].{name}', "must be set")
        secret = await read(self._client, settings["secret"], run.metadata.namespace)
        request = Request(
            url=with_query(f"{secret.require('address')}/v1/errors", {"service": settings["service"]}),
            headers={"Authorization": f"Bearer {secret.require('token')}"},
            timeout=settings.get("timeoutSeconds", 10),
        )
        answer = await fetch_json(request)
        if not isinstance(answer, dict) or "rate" not in answer:
            raise Failed("Acme answered with something else than its API")
        rate = answer["rate"]
        if rate is None:
            return Found(result=None, message="no requests in the window")
        if isinstance(rate, bool) or not isinstance(rate, int | float):
            raise Failed(f"Acme answered with a rate that is no number: {str(rate)[:40]!r}")
        return Found(result=rate)
