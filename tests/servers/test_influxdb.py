"""What comes of the answers of a real InfluxDB to queries in Flux."""

import json

import pytest

from rollouts.api.analysis import Measurement
from tests.servers.conftest import Measure, example
from tests.servers.influxdb import PASSWORD, Influxdb

pytestmark = pytest.mark.servers

LAST = 'from(bucket: "shop") |> range(start: -1h) |> filter(fn: (r) => r._measurement == "web")'


@pytest.fixture(scope="module", autouse=True)
def points(influxdb_server: Influxdb) -> None:
    influxdb_server.write(
        "shop",
        r'web,pod=a errors=0.25,requests=300i,ready=true,version="v2, \"new\""',
        "web,pod=b errors=0.5,requests=100i,ready=false",
    )


async def flux(measured: Measure, server: Influxdb, query: str, success: str, token: str = "") -> Measurement:
    secret = {"address": f"{server.url}/", "authToken": token or server.token, "org": "any"}
    return await measured({"influxdb": {"query": query}}, success, {"influxdb": secret})


async def test_all_values_are_measured_table_after_table(
    influxdb_server: Influxdb, measured: Measure
) -> None:
    query = f'{LAST} |> filter(fn: (r) => r._field == "errors") |> sort(columns: ["pod"])'
    found = await flux(measured, influxdb_server, query, "len(result) == 2 && all(result, # <= 0.5)")
    assert (found.phase, json.loads(found.value)) == ("Successful", [0.25, 0.5])


async def test_the_query_of_the_example_is_answered(influxdb_server: Influxdb, measured: Measure) -> None:
    influxdb_server.write(
        "shop", "http,service=web,pod=a error_rate=0.004", "http,service=web,pod=b error_rate=0"
    )
    metric = example("influxdb")
    secret = {"influxdb": {"address": influxdb_server.url, "authToken": influxdb_server.token, "org": "any"}}
    for condition, phase in ((metric["successCondition"], "Successful"), ("result[0] < 0.002", "Failed")):
        found = await measured(metric["provider"], condition, secret, {"service": "web"})
        assert (found.phase, found.value) == (phase, "[0.002]")


async def test_a_value_that_is_too_high_fails(influxdb_server: Influxdb, measured: Measure) -> None:
    query = f'{LAST} |> filter(fn: (r) => r._field == "errors") |> group() |> max()'
    found = await flux(measured, influxdb_server, query, "result[0] < 0.5")
    assert (found.phase, found.value) == ("Failed", "[0.5]")


@pytest.mark.parametrize(
    ("field", "value"), [("requests", 300), ("ready", True), ("version", 'v2, "new"'), ("errors", 0.25)]
)
async def test_a_value_keeps_its_type(
    influxdb_server: Influxdb, measured: Measure, field: str, value: object
) -> None:
    query = f'{LAST} |> filter(fn: (r) => r.pod == "a" and r._field == "{field}")'
    found = await flux(measured, influxdb_server, query, "len(result) == 1")
    assert (found.phase, json.loads(found.value)) == ("Successful", [value])
    assert type(json.loads(found.value)[0]) is type(value)


async def test_a_query_that_finds_nothing_is_never_a_success(
    influxdb_server: Influxdb, measured: Measure
) -> None:
    query = f'{LAST} |> filter(fn: (r) => r._field == "none")'
    found = await flux(measured, influxdb_server, query, "true")
    assert (found.phase, found.value) == ("Error", "")
    assert found.message.endswith("no results returned from flux query")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (f"{LAST} |> nothing()", "undefined identifier"),
        ('from(bucket: "none") |> range(start: -1h)', "no database"),
        (f'{LAST} |> keep(columns: ["pod"])', 'the Flux query gives no column "_value"'),
    ],
)
async def test_a_query_that_cannot_be_answered_is_an_error_that_says_why(
    influxdb_server: Influxdb, measured: Measure, query: str, said: str
) -> None:
    found = await flux(measured, influxdb_server, query, "true")
    assert (found.phase, found.value) == ("Error", "")
    assert said in found.message


async def test_a_token_that_is_wrong_is_an_error_and_is_not_shown(
    influxdb_server: Influxdb, measured: Measure
) -> None:
    found = await flux(measured, influxdb_server, LAST, "true", "reader:another-password")
    assert found.phase == "Error"
    assert "received non 2xx response code: 401" in found.message
    assert "another-password" not in found.model_dump_json()
    assert PASSWORD not in found.model_dump_json()
