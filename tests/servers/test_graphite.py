"""What comes of the answers of a real Graphite."""

import json
import time

import pytest

from tests.servers.conftest import Measure, example
from tests.servers.graphite import STEP, Graphite

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module", autouse=True)
def series(graphite_server: Graphite) -> None:
    now = int(time.time())
    graphite_server.write("stats.shop.a.errors", [4, None, 2, 1], until=now)
    graphite_server.write("stats.shop.b.errors", [2, 2, 2, 3], until=now)
    graphite_server.write("stats.shop.old.errors", [7], until=now - 120 * STEP)


async def test_the_points_of_a_series_are_measured_without_its_gaps(
    graphite_server: Graphite, measured: Measure
) -> None:
    query = "target=stats.shop.a.errors&from=-10min"
    found = await measured(
        {"graphite": {"address": graphite_server.url, "query": query}}, "all(result, # < 5)"
    )
    assert (found.phase, found.value) == ("Successful", "[4.0,2.0,1.0]")


async def test_functions_over_several_lines_and_arguments_are_understood(
    graphite_server: Graphite, measured: Measure
) -> None:
    query = """
      target=sumSeries(
        stats.shop.{{args.pods}}.errors
      )&from=-10min&until=now&format=csv
    """
    spec = {"graphite": {"address": f"{graphite_server.url}/", "query": query}}
    found = await measured(spec, "result[-1] > 3", args={"pods": "{a,b}"})
    assert (found.phase, json.loads(found.value)) == ("Successful", [6, 2, 4, 4])


async def test_the_query_of_the_example_is_answered(graphite_server: Graphite, measured: Measure) -> None:
    metric = example("graphite")
    spec = {"graphite": {**metric["provider"]["graphite"], "address": graphite_server.url}}
    now = int(time.time()) - 60
    for pod in ("a", "b"):
        graphite_server.write(f"stats.web.{pod}.errors", [1, 0, 2], until=now)
        graphite_server.write(f"stats.web.{pod}.requests", [200, 400, 200], until=now)
    for condition, phase in ((metric["successCondition"], "Successful"), ("all(result, # < 0.01)", "Failed")):
        found = await measured(spec, condition, args={"service": "web"})
        assert (found.phase, json.loads(found.value)[:2]) == (phase, [0.005, 0])


async def test_a_bad_value_fails(graphite_server: Graphite, measured: Measure) -> None:
    query = "target=maxSeries(stats.shop.*.errors)&from=-10min"
    found = await measured(
        {"graphite": {"address": graphite_server.url, "query": query}}, "all(result, # < 4)"
    )
    assert found.phase == "Failed"


@pytest.mark.parametrize(
    "query",
    [
        "target=stats.shop.none.errors&from=-10min",
        "target=stats.shop.old.errors&from=-10min",
        "target=sumSeries(&from=-10min",
        "from=-10min",
    ],
)
async def test_a_series_that_is_not_there_or_has_no_points_is_never_a_success(
    graphite_server: Graphite, measured: Measure, query: str
) -> None:
    found = await measured({"graphite": {"address": graphite_server.url, "query": query}}, "len(result) >= 0")
    assert (found.phase, found.value) == ("Error", "")
    assert "no data" in found.message


async def test_several_series_where_one_was_meant_are_an_error(
    graphite_server: Graphite, measured: Measure
) -> None:
    query = "target=stats.shop.*.errors&from=-10min"
    found = await measured({"graphite": {"address": graphite_server.url, "query": query}}, "result[0] < 5")
    assert found.phase == "Error"
    assert found.message.startswith("Graphite answered with 3 series instead of one")


async def test_a_page_that_is_not_there_is_an_error(graphite_server: Graphite, measured: Measure) -> None:
    spec = {"graphite": {"address": f"{graphite_server.url}/nothing", "query": "target=a"}}
    found = await measured(spec, "true")
    assert found.phase == "Error"
    assert "received non 2xx response code: 404" in found.message
