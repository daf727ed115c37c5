"""Canary and stable, asked of Prometheus apart: exact windows, and an outcome for what is no answer."""

import json
import math
from datetime import UTC, datetime, timedelta

import pytest

from analysis.providers import arms
from analysis.providers.prometheus import PrometheusProvider
from analysis.providers.query import Answer, QueryFailed
from analysis.run import record
from rollouts.api.analysis import Argument, RunBaseline
from tests.analysis.providers.requests import run_with
from tests.analysis.providers.test_prometheus import Server

SECONDS = timedelta(seconds=1)
BOUNDS = ("0.1", "0.5", "+Inf")


def number(value, **labels):
    """A vector of one series."""
    return Answer(result=[float(value)], labels=(labels,))


def buckets(*counts, bounds=BOUNDS):
    """What `sum by (le)` gives."""
    return Answer(result=[*map(float, counts)], labels=tuple({"le": le} for le in bounds))


def points(*values, start, step=30):
    """A range of one series; None for a point that is not there."""
    found = tuple(
        (start + step * place, float(value)) for place, value in enumerate(values) if value is not None
    )
    return Answer(result=[value for _, value in found], labels=({},), points=(found,))


NOTHING = Answer(result=[])
MIXED = (
    "the buckets of canary (100, 500, +Inf) and stable (0.1, 0.5, +Inf) have other bounds: "
    "one counts in seconds, one in milliseconds"
)


class World:
    """A Prometheus whose clock is ten minutes behind the controller's, and a run that asks it."""

    def __init__(self, monkeypatch, prometheus=None, **metric):
        self.ours = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
        self.theirs = self.ours - timedelta(minutes=10)
        self.answers, self.asked = {}, []
        self.run, made = run_with({"prometheus": {"address": "http://prometheus.test", **(prometheus or {})}})
        self.metric = made.model_copy(update={"interval": "1m", **metric})
        self.previous = None
        monkeypatch.setattr(arms, "ask", self.ask)
        self.provider = PrometheusProvider(lambda: self.ours, {})

    async def ask(self, target, query, span=None, *, at=None):
        self.asked.append((query, at))
        if query == "time()":
            return Answer(result=self.theirs.timestamp())
        answer = self.answers[query]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def look(self, seconds=0):
        self.ours += seconds * SECONDS
        self.theirs += seconds * SECONDS
        self.asked.clear()
        taken = await self.provider.measure(self.run, self.metric, self.previous)
        judged = taken if taken.phase else taken.model_copy(update={"phase": "Successful"})
        self.run = record(self.run, "m", judged)
        self.previous = taken if taken.phase == "Running" else None
        return taken

    async def counted(self, **answers):
        """The outcome of one look of a minute."""
        await self.look()
        self.answers = answers
        return await self.look(60)


def side(name):
    return {"requests": f"{name}-requests", "errors": f"{name}-errors"}


ERRORS = {"arms": {"canary": side("canary"), "stable": side("stable")}}
LATENCY = {"arms": {name: {"buckets": f"{name}-buckets"} for name in ("canary", "stable")}}
SERIES = {
    "arms": {"canary": {"query": "canary"}, "stable": {"query": "stable"}},
    "rangeQuery": {"start": 'now() - duration("2m")', "end": "now()", "step": "30s"},
}


def answers(canary=(100, 2), stable=(900, 3), **more):
    found = {}
    for name, (requests, errors) in (("canary", canary), ("stable", stable), *more.items()):
        found |= {f"{name}-requests": requests, f"{name}-errors": errors}
    return {name: number(each) if isinstance(each, int | float) else each for name, each in found.items()}


async def test_the_counts_of_both_sides_are_the_value(monkeypatch):
    world = World(monkeypatch, ERRORS)
    found = await world.counted(**answers())
    assert json.loads(found.value) == {
        "canary": {"requests": 100, "errors": 2},
        "stable": {"requests": 900, "errors": 3},
    }
    assert found.metadata["ResolvedPrometheusQuery"] == "canary-errors"
    assert found.metadata["window"] == "1m0s"


async def test_buckets_are_counted_and_hold_the_requests(monkeypatch):
    world = World(monkeypatch, LATENCY)
    found = await world.counted(
        **{"canary-buckets": buckets(90, 98, 100), "stable-buckets": buckets(80, 90, 95.5)}
    )
    assert json.loads(found.value) == {
        "canary": {"requests": 100, "buckets": {"0.1": 90, "0.5": 98, "+Inf": 100}},
        "stable": {"requests": 95.5, "buckets": {"0.1": 80, "0.5": 90, "+Inf": 95.5}},
    }


async def test_windows_follow_each_other_to_the_millisecond_by_the_clock_of_the_server(monkeypatch):
    prometheus = {"arms": {name: {"requests": f"{name}[{{{{window}}}}]", "errors": "e"} for name in "cs"}}
    prometheus["arms"] = {"canary": prometheus["arms"]["c"], "stable": prometheus["arms"]["s"]}
    world = World(monkeypatch, prometheus)
    began = world.theirs - arms.LATE
    await world.look()
    world.answers = {"e": number(0)}
    for seconds, window in ((61.234, "61234ms"), (60, "60000ms"), (59.999, "59999ms"), (3600, "3600000ms")):
        world.answers |= {f"{name}[{window}]": number(10) for name in "cs"}
        taken = await world.look(seconds)
        assert taken.value, taken.message
        began += seconds * SECONDS
        moments = {at for query, at in world.asked if query != "time()"}
        assert moments == {began}, "all at one moment, where the next window begins"


async def test_the_first_look_and_one_that_comes_too_early_only_wait(monkeypatch):
    world = World(monkeypatch, ERRORS)
    first = await world.look()
    assert (first.phase, first.resume_at) == ("Running", world.ours + 60 * SECONDS)
    early = await world.look(20)
    assert (early.phase, early.resume_at) == ("Running", world.ours + 40 * SECONDS)
    assert early.metadata == first.metadata


async def test_a_server_whose_clock_was_set_back_holds_up_one_window(monkeypatch):
    world = World(monkeypatch, ERRORS)
    await world.look()
    world.theirs -= timedelta(hours=1)
    again = await world.look(60)
    assert (again.phase, again.resume_at) == ("Running", world.ours + 60 * SECONDS)
    world.answers = answers()
    assert (await world.look(60)).metadata["window"] == "1m0s"


async def test_after_looks_that_failed_the_next_one_covers_their_time(monkeypatch):
    world = World(monkeypatch, ERRORS)
    await world.look()
    world.answers = dict.fromkeys(answers(), QueryFailed("is down"))
    for _ in range(12):
        failed = await world.look(60)
        assert (failed.phase, failed.message) == ("Error", "is down")
    world.answers = answers()
    assert (await world.look(60)).metadata["window"] == "13m0s"


async def test_a_killed_controller_goes_on_with_what_the_measurement_holds(monkeypatch):
    world = World(monkeypatch, ERRORS)
    first = await world.look()
    world.previous = type(first).model_validate_json(first.model_dump_json(by_alias=True))
    world.answers = answers()
    assert (await world.look(70)).metadata["window"] == "1m10s"


async def test_fractions_of_an_extrapolated_increase_are_counted(monkeypatch):
    world = World(monkeypatch, ERRORS)
    found = json.loads((await world.counted(**answers(canary=(100.25, 1.0025)))).value)
    assert found["canary"] == {"requests": 100.25, "errors": 1.0025}


@pytest.mark.parametrize(
    ("change", "phase", "message"),
    [
        ({"canary-requests": NOTHING}, "", 'canary.requests gave nothing; where that means none, write "...'),
        ({"stable-requests": NOTHING}, "", "stable.requests gave nothing"),
        ({"canary-errors": NOTHING}, "", 'canary.errors gave nothing; where that means none, write "... or'),
        ({"stable-errors": number(math.nan)}, "", "stable.errors gave NaN"),
        ({"canary-requests": number(0), "canary-errors": number(0)}, "", "the canary answered 0 requests in"),
        ({"canary-requests": number(math.inf)}, "Error", "canary: requests is inf, which is no count"),
        ({"canary-errors": number(-3)}, "Error", "canary: errors is -3; a count is never negative: use incr"),
        ({"canary-errors": number(300)}, "Error", "canary: errors is 300 of 100 requests; are both queries"),
        (
            {"canary-requests": Answer(result=[1.0] * 10_000, labels=({},) * 10_000)},
            "Error",
            "canary.requests gave 10000 series instead of one; aggregate with sum()",
        ),
        ({"stable-errors": QueryFailed("answered 400: parse error")}, "Error", "answered 400: parse error"),
    ],
)
async def test_an_answer_that_is_no_count_is_never_a_value_and_says_why(monkeypatch, change, phase, message):
    world = World(monkeypatch, ERRORS)
    found = await world.counted(**(answers() | change))
    assert (found.value, found.phase) == ("", phase)
    assert found.message.startswith(message)


@pytest.mark.parametrize(
    ("canary", "phase", "message"),
    [
        (NOTHING, "", "canary.buckets gave nothing"),
        (buckets(1, 2, math.nan), "", 'canary.buckets gave NaN for le="+Inf"'),
        (number(5), "Error", "canary.buckets gave a number without le; write sum by (le)"),
        (Answer(result=5.0), "Error", "canary.buckets gave a number without le; write sum by (le)"),
        (buckets(1, 2, bounds=("0.1", "0.5")), "Error", 'canary: the buckets lack le="+Inf"'),
        (
            buckets(1, 2, 3, bounds=("1", "1.0", "+Inf")),
            "Error",
            'canary.buckets gave several series for le="1',
        ),
        (buckets(9, 5, 9), "Error", 'canary: the bucket le="0.5" holds 5, fewer than the 9 of a shorter one'),
        (buckets(1, 2, 3, bounds=("soon", "0.5", "+Inf")), "Error", 'a bucket has the bound le="soon"'),
        (
            buckets(90, 98, 100, bounds=("100", "500", "+Inf")),
            "Error",
            MIXED,
        ),
        (
            buckets(90, 98, 100, bounds=("0.1", "0.25", "+Inf")),
            "Error",
            "the buckets of canary (0.1, 0.25, +",
        ),
    ],
)
async def test_buckets_that_are_none_are_never_a_value_and_say_why(monkeypatch, canary, phase, message):
    world = World(monkeypatch, LATENCY)
    found = await world.counted(**{"canary-buckets": canary, "stable-buckets": buckets(80, 90, 95)})
    assert (found.value, found.phase) == ("", phase)
    assert found.message.startswith(message)


async def test_a_stable_version_without_requests_leaves_the_canary_to_be_judged_alone(monkeypatch):
    world = World(monkeypatch, LATENCY)
    found = await world.counted(
        **{"canary-buckets": buckets(90, 98, 100), "stable-buckets": buckets(0, 0, 0)}
    )
    assert json.loads(found.value)["stable"] == {"requests": 0, "buckets": dict.fromkeys(BOUNDS, 0)}


async def test_no_number_where_one_was_meant_leaves_its_time_to_the_next_look(monkeypatch):
    world = World(monkeypatch, ERRORS)
    await world.counted(**answers(canary=(NOTHING, NOTHING)))
    world.answers = answers()
    assert (await world.look(60)).metadata["window"] == "2m0s"


async def test_a_canary_without_requests_leaves_nothing_to_the_next_look(monkeypatch):
    world = World(monkeypatch, ERRORS)
    await world.counted(**answers(canary=(0, 0)))
    world.answers = answers()
    assert (await world.look(60)).metadata["window"] == "1m0s"


async def test_fewer_requests_of_the_canary_than_min_samples_count_in_the_next_look(monkeypatch):
    world = World(monkeypatch, ERRORS, min_samples=50)
    few = await world.counted(**answers(canary=(49, 0)))
    assert (few.value, few.message) == ("", "the canary answered 49 requests in 1m0s, fewer than 50")
    world.answers = answers()
    assert (await world.look(60)).metadata["window"] == "2m0s"


async def test_baseline_pods_are_asked_about_where_the_run_has_them_and_by_their_names(monkeypatch):
    of_pods = {"requests": "b-{{baseline.service}}", "errors": "b-{{ baseline.podTemplateHash }}"}
    world = World(monkeypatch, {"arms": {**ERRORS["arms"], "baseline": of_pods}})
    found = await world.counted(**answers())
    assert json.loads(found.value).keys() == {"canary", "stable"}
    pods = RunBaseline(service="web-baseline", pod_template_hash="abc")
    spec = world.run.spec.model_copy(update={"baseline": pods})
    world.run = world.run.model_copy(update={"spec": spec})
    world.answers |= {"b-web-baseline": number(10), "b-abc": number(1)}
    assert json.loads((await world.look(60)).value)["baseline"] == {"requests": 10, "errors": 1}


async def test_the_query_is_told_without_secrets_and_the_window_stays_a_place(monkeypatch):
    world = World(monkeypatch, {"arms": {**ERRORS["arms"], "canary": side("{{args.key}}-{{window}}")}})
    spec = world.run.spec.model_copy(update={"args": (Argument(name="key", value_from=None),)})
    world.run = world.run.model_copy(update={"spec": spec})
    secret = {"{{args.key}}": "hunter2"}
    prometheus = world.metric.provider.prometheus.model_dump_json(by_alias=True)
    for place, text in secret.items():
        prometheus = prometheus.replace(place, text)
    made = type(world.metric.provider.prometheus).model_validate_json(prometheus)
    provider = world.metric.provider.model_copy(update={"prometheus": made})
    world.metric = world.metric.model_copy(update={"provider": provider})
    found = await world.counted(
        **answers(), **{"hunter2-60000ms-requests": number(10), "hunter2-60000ms-errors": number(0)}
    )
    assert found.metadata["ResolvedPrometheusQuery"] == "*****-{{window}}-errors"
    assert "hunter2" not in found.model_dump_json()


async def test_an_unfinished_window_is_ended_without_a_value(monkeypatch):
    world = World(monkeypatch, ERRORS)
    ended = await world.provider.terminate(world.run, world.metric, await world.look())
    assert (ended.phase, ended.value, ended.message) == ("Successful", "", "Metric Terminated")


@pytest.mark.parametrize("now", [NOTHING, number(5), Answer(result=math.nan), Answer(result=1e300)])
async def test_a_server_that_does_not_say_what_time_it_is_is_an_error(monkeypatch, now):
    world = World(monkeypatch, ERRORS)

    async def ask(target, query, span=None, *, at=None):
        return now

    monkeypatch.setattr(arms, "ask", ask)
    found = await world.look()
    assert (found.phase, found.message) == ("Error", "http://prometheus.test does not say what time it is")


# --- series ----------------------------------------------------------------------------------------------


async def test_the_points_of_both_sides_are_the_value_and_those_that_are_missing_null(monkeypatch):
    world = World(monkeypatch, SERIES)
    start = world.ours.timestamp() - 120
    world.answers = {
        "canary": points(1, None, math.nan, 4.5, 5, start=start),
        "stable": points(1, 2, 3, 4, 5, start=start - 7),  # a server that aligns to steps of its own
    }
    found = await world.look()
    assert json.loads(found.value) == {"canary": [1, None, None, 4.5, 5], "stable": [1, 2, 3, 4, 5]}
    assert found.metadata["ResolvedPrometheusQuery"] == "canary"


async def test_a_side_without_a_series_is_all_missing(monkeypatch):
    world = World(monkeypatch, SERIES)
    world.answers = {"canary": NOTHING, "stable": points(1, 1, start=world.ours.timestamp() - 120)}
    assert json.loads((await world.look()).value)["canary"] == [None] * 5


async def test_points_outside_of_the_span_are_left_out(monkeypatch):
    world = World(monkeypatch, SERIES)
    early = points(*range(20), start=world.ours.timestamp() - 300)
    world.answers = {"canary": early, "stable": early}
    assert json.loads((await world.look()).value)["canary"] == [6, 7, 8, 9, 10]


@pytest.mark.parametrize(
    ("canary", "message"),
    [
        (
            Answer(result=[], labels=({},) * 10_000, points=(((1.0, 1.0),),) * 10_000),
            "canary.query gave 10000 series instead of one; aggregate with sum()",
        ),
        (points(1, math.inf, start=0), "canary.query is inf at 1970-01-01T00:00:30+00:00; the query must"),
        (QueryFailed("did not answer within 30 s"), "did not answer within 30 s"),
    ],
)
async def test_what_is_no_series_is_an_error_that_says_why(monkeypatch, canary, message):
    world = World(monkeypatch, SERIES)
    world.answers = {"canary": canary, "stable": NOTHING}
    found = await world.look()
    assert (found.phase, found.value) == ("Error", "")
    assert found.message.startswith(message)


async def test_a_series_of_too_many_points_is_an_error(monkeypatch):
    ranged = {**SERIES["rangeQuery"], "start": 'now() - duration("24h")', "step": "10s"}
    world = World(monkeypatch, {**SERIES, "rangeQuery": ranged})
    world.answers = {"canary": NOTHING, "stable": NOTHING}
    assert "characters, more than 16384" in (await world.look()).message


@pytest.mark.parametrize("step", ["0s", "-1m", "soon"])
async def test_a_step_that_is_no_time_is_an_error(monkeypatch, step):
    world = World(monkeypatch, {**SERIES, "rangeQuery": {**SERIES["rangeQuery"], "step": step}})
    assert (await world.look()).message.startswith("rangeQuery.step: ")


# --- on the wire -----------------------------------------------------------------------------------------


async def test_the_moment_is_sent_and_the_labels_of_the_buckets_are_read():
    server = Server()
    try:
        asked = {"canary": {"buckets": "q"}, "stable": {"buckets": "q"}}
        run, metric = run_with({"prometheus": {"address": server.address, "arms": asked}})
        provider = PrometheusProvider(lambda: datetime(2026, 1, 31, 12, 0, tzinfo=UTC), {})
        server.answer("scalar", [1769860800.25, "1769860800.25"])
        first = await provider.measure(run, metric, None)
        assert (first.phase, first.metadata) == ("Running", {"asked": "2026-01-31T11:59:55.250000+00:00"})
        window = arms.Window(
            since=datetime(2026, 1, 31, 12, 0, tzinfo=UTC),
            at=datetime(2026, 1, 31, 12, 1, 0, 500, tzinfo=UTC),
            left=timedelta(),
        )
        series = [{"metric": {"le": le}, "value": [0, count]} for le, count in (("1.0", "4"), ("+Inf", "5"))]
        server.answer("vector", series)
        target = await provider._target(metric.provider.prometheus)
        found = await arms.counted(target, "canary", metric.provider.prometheus.arms.canary, window.at)
        assert (found.requests, found.buckets) == (5, {"1": 4, "+Inf": 5})
        assert "query=q" in server.requests[-1][0]
        assert "time=1769860860.000" in server.requests[-1][0]
    finally:
        server.close()
