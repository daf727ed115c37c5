"""A vendor's provider under the controller: its keys stand in the operator's Secret, and nowhere else."""

import asyncio
import base64
import json

from analysis.providers.datadog import DatadogProvider
from rollouts.kube.resources import SECRETS
from tests.analysis.bench import Bench
from tests.analysis.providers.contract.exchanges import Recorded, Transport
from tests.controller.api import virtually

CONTROL = "rollouts-system"
DATADOG = {"apiVersion": "v2", "query": "avg:shop.error_rate{*}"}
ANSWERS = [
    {"status": 403, "body": "no such key: {key}"},
    {"json": {"data": {"attributes": {"columns": [{"name": "query", "type": "number", "values": [0.002]}]}}}},
]


def exchange(key, response):
    headers = {"DD-API-KEY": key, "DD-APPLICATION-KEY": "application-key"}
    body = response.get("body", "").replace("{key}", key)
    answer = {**response, "body": body} if "body" in response else response
    url = "https://api.datadoghq.com/api/v2/query/scalar"
    return {"request": {"method": "POST", "url": url, "headers": headers}, "response": answer}


def encoded(**values):
    return {name.replace("_", "-"): base64.b64encode(text.encode()).decode() for name, text in values.items()}


@virtually
async def test_a_key_that_is_refused_is_an_error_and_the_one_that_takes_its_place_is_used_at_the_next_look():
    bench = Bench()
    recorded = Recorded([exchange("key-of-old", ANSWERS[0]), exchange("key-of-new", ANSWERS[1])])
    datadog = DatadogProvider(bench.client, bench.clock, Transport(recorded), {"POD_NAMESPACE": CONTROL})
    bench.reconciler._providers = {"datadog": datadog}
    await bench.start(
        {"name": "m", "provider": {"datadog": DATADOG}, "successCondition": "result < 0.01"},
    )
    await bench.look()
    missing = (await bench.metric())["measurements"][-1]["message"]
    assert missing == 'Secret "datadog" in namespace "rollouts-system" not found; create it'
    data = encoded(api_key="key-of-old", app_key="application-key")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "datadog"}, "data": data}
    await bench.client.create(SECRETS, secret, CONTROL)
    await asyncio.sleep(10)
    await bench.look()
    refused = (await bench.metric())["measurements"][-1]
    assert (refused["phase"], refused["metadata"]["httpStatusCode"]) == ("Error", "403")
    assert refused["message"] == "received authentication error response code: 403 no such key: *****"
    await bench.client.patch(SECRETS, "datadog", {"data": encoded(api_key="key-of-new")}, CONTROL)
    await asyncio.sleep(10)
    await bench.look()
    assert (await bench.status())["phase"] == "Successful"
    assert (await bench.metric())["measurements"][-1]["value"] == "0.002"
    assert recorded.mismatches == []
    written = json.dumps(await bench.run()) + str(bench.said.events)
    assert not any(key in written for key in ("key-of-old", "key-of-new", "application-key"))
