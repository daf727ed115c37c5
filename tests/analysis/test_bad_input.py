"""Sources that stall or lie, secrets that come and go, values and expressions of any size: runs bear them."""

import asyncio
import json
import math
from datetime import timedelta

import pytest

from analysis.providers.answers import value
from rollouts.api.analysis import Measurement
from rollouts.kube.resources import SECRETS
from tests.analysis.bench import NAMESPACE, Bench
from tests.controller.api import virtually

FINAL = ("Successful", "Failed", "Error", "Inconclusive")


class Says:
    """A provider that answers with whatever it is told to."""

    def __init__(self, make):
        self._make = make
        self.asked = 0

    async def measure(self, run, metric, previous):
        self.asked += 1
        return self._make(metric)

    async def terminate(self, run, metric, previous):
        raise AssertionError


async def to_the_end(bench, passes=60):
    """Look after the run until it is over; its status."""
    for _ in range(passes):
        pause = await bench.look()
        status = await bench.status()
        if status.get("phase") in FINAL:
            return status
        assert pause is not None
        await asyncio.sleep(pause)
    raise AssertionError("the run does not end")


def saying(make):
    bench = Bench()
    bench.reconciler._providers = {"web": Says(make)}
    return bench


@virtually
async def test_ten_thousand_series_where_one_was_meant_are_an_error_and_not_kept():
    bench = Bench({"m": [[float(number) for number in range(10_000)]]})
    await bench.start({"name": "m", "successCondition": "result[0] >= 0", "consecutiveErrorLimit": 1})
    status = await to_the_end(bench)
    assert status["phase"] == "Error"
    assert "more than 16384; pick a part of it" in status["message"]
    assert len(json.dumps(status)) < 10_000


@pytest.mark.parametrize(
    ("measurement", "message"),
    [
        ({"value": "9" * 20_000}, "the result has 20000 characters"),
        ({"value": "1", "metadata": {"x": "y" * 70_000}}, "the provider's metadata has 70001 characters"),
        ({"phase": "Great"}, 'the provider answered with phase "Great", which there is not'),
    ],
)
@virtually
async def test_a_provider_that_answers_with_too_much_or_nonsense_is_an_error(measurement, message):
    bench = saying(lambda _: Measurement.model_construct(**{**Measurement().__dict__, **measurement}))
    await bench.start({"name": "m", "consecutiveErrorLimit": 0})
    status = await to_the_end(bench)
    assert status["phase"] == "Error"
    assert message in status["message"]


@pytest.mark.parametrize("answer", [None, "text", {"value": "1"}, 1])
@virtually
async def test_a_provider_that_answers_with_no_measurement_is_an_error_of_its_metric(answer):
    bench = saying(lambda _: answer)
    await bench.start({"name": "m", "consecutiveErrorLimit": 0})
    assert (await to_the_end(bench))["phase"] == "Error"


@virtually
async def test_a_long_message_is_cut():
    bench = saying(lambda _: Measurement(phase="Error", message="x" * 100_000))
    await bench.start({"name": "m", "consecutiveErrorLimit": 0})
    status = await to_the_end(bench)
    assert len(status["metricResults"][0]["message"]) == 2000
    assert len(status["metricResults"][0]["evidence"]["reason"]) == 2000


@virtually
async def test_a_measurement_from_the_future_does_not_hold_up_the_next_one():
    bench = Bench()
    later = bench.clock() + timedelta(days=400)
    bench.reconciler._providers = {"web": Says(lambda _: value(later, later, 1))}
    await bench.start({"name": "m", "interval": "10s", "count": 3})
    await bench.look()
    assert await bench.look() == 10
    assert (await to_the_end(bench))["completedAt"] == "2026-01-01T00:00:20Z"


@virtually
async def test_a_measurement_under_way_is_looked_at_again_within_the_hour_whatever_its_provider_says():
    bench = Bench()
    later = bench.clock() + timedelta(days=400)
    running = Measurement(phase="Running", resume_at=later, metadata={"job": "j"})
    bench.reconciler._providers = {"web": Says(lambda _: running)}
    await bench.start({"name": "m"})
    await bench.look()
    assert await bench.look() == 3600


@virtually
async def test_many_large_values_leave_room_in_the_object():
    """A run keeps the newest of them; an object that is too large could never be written again."""
    bench = Bench({"m": ["x" * 16_000]})
    await bench.start(
        {"name": "m", "interval": "1s", "count": 100, "successCondition": 'result contains "x"'},
        measurementRetention=[{"metricName": "m", "limit": 1000}],
    )
    status = await to_the_end(bench, 300)
    assert status["phase"] == "Successful"
    assert status["metricResults"][0]["count"] == 100
    assert 500_000 < len(json.dumps(status)) < 700_000


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "judge",
    [{"threshold": {}}, {"consecutive": {"min": 0, "threshold": 1}}, {"kayenta": {}}, {"sequential": {}}],
    ids=lambda judge: next(iter(judge)),
)
@virtually
async def test_no_number_is_no_success_for_any_judge(judge, number):
    name = next(iter(judge))
    given = {
        "kayenta": {"canary": [number] * 9, "stable": [1.0, 2.0, 3.0]},
        "sequential": {
            "canary": {"requests": number, "errors": 0},
            "stable": {"requests": 10, "errors": 0},
        },
    }.get(name, number)
    bench = Bench({"m": [given]})
    condition = {"successCondition": "result < 5 && result > -5"} if name == "threshold" else {}
    await bench.start(
        {"name": "m", "judge": judge, "consecutiveErrorLimit": 0, **condition}
        if name != "consecutive"
        else {"name": "m", "judge": judge}
    )
    assert (await to_the_end(bench, 100))["phase"] in ("Failed", "Error", "Inconclusive")


@pytest.mark.parametrize(
    "condition",
    [
        "result > 0 && " * 20_000 + "true",
        "(" * 5000 + "true" + ")" * 5000,
        "!" * 4000 + "true",
        "1" * 4000,
        '"' + "x" * 100_000 + '" == result',
    ],
    ids=["long", "deep", "many signs", "a huge number", "a huge text"],
)
@virtually
async def test_a_condition_of_hostile_size_ends_the_run_before_anything_is_measured(condition):
    bench = Bench({"m": [1]})
    await bench.start({"name": "m", "successCondition": condition})
    status = await to_the_end(bench)
    assert status["phase"] == "Error"
    assert len(json.dumps(status)) < 10_000


@pytest.mark.parametrize(
    ("condition", "given"),
    [
        ("all(result, all(result, all(result, true)))", list(range(2000))),
        ('result matches "(a+)+$"', "a" * 4000 + "b"),
        ("sum(map(1..100000, # * 2)) > 0", 1),
    ],
    ids=["nested loops", "a regular expression that explodes", "a long range"],
)
@virtually
async def test_a_condition_that_costs_too_much_is_an_error_or_false_and_soon(condition, given):
    bench = Bench({"m": [given]})
    await bench.start({"name": "m", "successCondition": condition, "consecutiveErrorLimit": 0})
    assert (await to_the_end(bench))["phase"] in ("Error", "Failed")


class Asks:
    """A provider that has a token, and repeats it everywhere."""

    def __init__(self, clock):
        self._clock = clock
        self.tokens = []

    async def measure(self, run, metric, previous):
        self.tokens.append(metric.provider.web.url)
        now = self._clock()
        return value(now, now, f"asked {metric.provider.web.url}", {"ResolvedQuery": metric.provider.web.url})

    async def terminate(self, run, metric, previous):
        raise AssertionError


@virtually
async def test_a_secret_that_is_rotated_is_used_from_the_next_measurement_on_and_never_shown():
    bench = Bench()
    asks = Asks(bench.clock)
    bench.reconciler._providers = {"web": asks}
    await bench.start(
        {
            "name": "m",
            "interval": "10s",
            "count": 3,
            "provider": {"web": {"url": "http://x/{{args.token}}"}},
            "successCondition": 'result contains "{{args.token}}"',
        },
        args=[{"name": "token", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}],
    )
    await bench.secret("keys", token="hunter2")
    await bench.look()
    await bench.client.patch(SECRETS, "keys", {"data": {"token": "Y29ycmVjdGhvcnNl"}}, NAMESPACE)
    await asyncio.sleep(10)
    await bench.look()
    await bench.client.delete(SECRETS, "keys", NAMESPACE)
    await bench.secret("keys", token="hunter2")
    status = await to_the_end(bench)
    assert asks.tokens == ["http://x/hunter2", "http://x/correcthorse", "http://x/hunter2"]
    assert (status["phase"], status["metricResults"][0]["successful"]) == ("Successful", 3)
    shown = json.dumps(await bench.run()) + str(bench.said.events)
    assert "hunter2" not in shown
    assert "correcthorse" not in shown
    assert status["metricResults"][0]["evidence"]["query"] == "http://x/*****"


@virtually
async def test_a_secret_does_not_tear_the_memory_of_a_judge():
    """A secret of one digit is in every number; what a judge remembers is its own and stays as it is."""
    given = {"canary": {"requests": 111, "errors": 1}, "stable": {"requests": 1111, "errors": 11}}
    bench = Bench({"m": [given]})
    await bench.start(
        {
            "name": "m",
            "interval": "10s",
            "count": 3,
            "warmUp": "0s",
            "judge": {"sequential": {}},
            "provider": {"web": {"url": "http://x/{{args.token}}"}},
        },
        args=[{"name": "token", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}],
    )
    await bench.secret("keys", token="1")
    status = await to_the_end(bench)
    (metric,) = status["metricResults"]
    assert metric["evidence"]["looks"] == metric["count"] == 3
    assert metric["evidence"]["canary"]["requests"] == 333
