"""Runs whose arguments come from Secrets: found, missing, hidden."""

import asyncio
import json

import pytest

from analysis.providers.answers import value
from analysis.providers.secrets import values_of
from rollouts.api.analysis import Argument
from rollouts.kube.errors import ServerError, Unreachable
from rollouts.kube.resources import NAMESPACES, SECRETS
from tests.analysis.bench import NAMESPACE, Bench
from tests.controller.api import virtually

WITH_A_TOKEN = {"name": "m", "provider": {"web": {"url": "http://x/{{args.token}}"}}}
TOKEN = {"name": "token", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}


class Echo:
    """A provider that gives back what it was asked, the way a careless one would."""

    def __init__(self, clock):
        self._clock = clock

    async def measure(self, run, metric, previous):
        now = self._clock()
        url = metric.provider.web.url
        seen = value(now, now, url, {"ResolvedPrometheusQuery": url})
        return seen.model_copy(update={"message": f"saw {url}"})

    async def terminate(self, run, metric, previous):
        raise AssertionError


@pytest.mark.parametrize(
    ("token", "phase"), [("hunter2", "Successful"), ("hunter2'quoted", "Error"), ('hunter2"é', "Successful")]
)
@virtually
async def test_a_secret_reaches_the_provider_and_nothing_else(token, phase):
    bench = Bench()
    bench.reconciler._providers = {"web": Echo(bench.clock)}
    await bench.start(
        {
            "name": "m",
            "provider": {"web": {"url": "http://x/?token={{args.token}}"}},
            "successCondition": "result contains '{{args.token}}'",
        },
        args=[{"name": "token", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}],
    )
    await bench.secret("keys", token=token)
    await bench.look()
    assert "hunter2" not in json.dumps(await bench.run())
    assert "hunter2" not in str(bench.said.events)
    (measurement,) = (await bench.metric())["measurements"]
    assert measurement["phase"] == phase
    assert "*****" in measurement["message"]
    assert measurement["value"] == '"http://x/?token=*****"'
    assert measurement["metadata"] == {"ResolvedPrometheusQuery": "http://x/?token=*****"}


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (None, 'secrets "keys" not found'),
        ({"other": "x"}, "key 'token' does not exist in secret 'keys'"),
    ],
)
@virtually
async def test_a_secret_that_is_missing_ends_the_run_in_upstreams_words(held, message):
    bench = Bench({"m": [1]})
    await bench.start(WITH_A_TOKEN, args=[TOKEN])
    if held is not None:
        await bench.secret("keys", **held)
    assert await bench.look() is None
    status = await bench.status()
    assert (status["phase"], status["message"]) == (
        "Error",
        f"Unable to resolve metric arguments: {message}",
    )
    assert status["startedAt"] == status["completedAt"]
    assert "metricResults" not in status
    assert bench.said.events == [("AnalysisRunError", "Analysis Completed. Result: Error", "Warning")]


@virtually
async def test_a_secret_that_goes_while_the_run_is_under_way_ends_it_and_what_was_measured_stays():
    bench = Bench({"m": [1, 2]})
    await bench.start({**WITH_A_TOKEN, "interval": "60s"}, args=[TOKEN])
    await bench.secret("keys", token="hunter2")
    await bench.look()
    await bench.client.delete(SECRETS, "keys", NAMESPACE)
    await asyncio.sleep(60)
    await bench.look()
    assert (await bench.status())["phase"] == "Error"
    assert [each["value"] for each in (await bench.metric())["measurements"]] == ["1"]


@virtually
async def test_a_secret_that_is_no_text_ends_the_run_and_is_named():
    bench = Bench({"m": [1]})
    await bench.start(WITH_A_TOKEN, args=[TOKEN])
    body = {"metadata": {"name": "keys"}, "data": {"token": "gA=="}}
    await bench.client.create(SECRETS, body, NAMESPACE)
    await bench.look()
    status = await bench.status()
    assert status["phase"] == "Error"
    assert status["message"].endswith('key "token" of Secret "keys" is not text; write it anew')


class NoSecrets:
    """An API server that has trouble with Secrets alone, for so many requests."""

    def __init__(self, client, answers):
        self._client, self._answers = client, list(answers)

    def __getattr__(self, name):
        return getattr(self._client, name)

    async def get(self, resource, name, namespace=""):
        if resource is SECRETS and self._answers:
            raise self._answers.pop(0)
        return await self._client.get(resource, name, namespace)


@virtually
async def test_an_api_server_that_does_not_give_a_secret_out_is_asked_again():
    bench = Bench({"m": [1]})
    await bench.start(WITH_A_TOKEN, args=[TOKEN])
    await bench.secret("keys", token="hunter2")
    busy = ServerError(503, {"message": "the server is busy"})
    bench.reconciler._client = NoSecrets(bench.client, [busy, Unreachable("refused")])
    for message in ("the server is busy", "refused"):
        await bench.look()
        measurement = (await bench.metric())["measurements"][-1]
        assert measurement["phase"] == "Error"
        assert measurement["message"] == f"Unable to resolve metric arguments: {message}"
        assert (await bench.metric())["evidence"]["reason"] == measurement["message"]
        assert (await bench.metric())["evidence"]["query"] == "http://x/*****"
        assert await bench.look() == 10
        await asyncio.sleep(10)
    await bench.look()
    assert (await bench.status())["phase"] == "Successful"


@virtually
async def test_a_secret_is_handed_over_to_the_letter():
    bench = Bench()
    await bench.client.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
    await bench.secret("keys", token=" hunter2\n")
    args = (Argument.model_validate(TOKEN), Argument(name="plain", value="x"))
    assert await values_of(args, bench.client, NAMESPACE) == {"token": " hunter2\n"}
