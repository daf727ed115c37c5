"""The AnalysisRun controller against an API server, in virtual time."""

import asyncio
from datetime import timedelta

import pytest

from analysis.providers.answers import running, value
from rollouts.api.analysis import Measurement
from rollouts.kube.errors import Conflict, NotFound
from rollouts.kube.resources import ANALYSIS_RUNS
from tests.analysis.bench import KEY, NAMESPACE, Bench
from tests.controller.api import virtually


@virtually
async def test_a_good_metric_makes_a_successful_run():
    bench = Bench({"m": [0.99]})
    await bench.start({"name": "m", "successCondition": "result >= 0.95"})
    await bench.look()
    status = await bench.status()
    assert status["phase"] == "Successful"
    assert status["startedAt"] == status["completedAt"] == "2026-01-01T00:00:00Z"
    assert status["runSummary"] == {"count": 1, "successful": 1}
    (measurement,) = (await bench.metric())["measurements"]
    assert (measurement["value"], measurement["phase"]) == ("0.99", "Successful")
    assert bench.said.reasons == ["MetricSuccessful", "AnalysisRunSuccessful"]


@virtually
async def test_a_bad_measurement_fails_the_run_and_says_so():
    bench = Bench({"error-rate": [0.01, 0.2]})
    await bench.start({"name": "error-rate", "interval": "10s", "successCondition": "result < 0.05"})
    await bench.look()
    assert (await bench.status())["phase"] == "Running"
    assert await bench.look() == 10
    await asyncio.sleep(10)
    await bench.look()
    assert (await bench.status())["message"] == (
        'Metric "error-rate" assessed Failed due to failed (1) > failureLimit (0)'
    )
    assert bench.said.events[-1][0::2] == ("AnalysisRunFailed", "Warning")


@virtually
async def test_a_source_that_is_down_is_asked_every_ten_seconds_and_then_given_up():
    bench = Bench({"m": [OSError("refused")]})
    await bench.start({"name": "m", "interval": "1h", "successCondition": "result < 1"})
    for _ in range(4):
        await bench.look()
        assert (await bench.status())["phase"] == "Running"
        assert await bench.look() == 10
        await asyncio.sleep(10)
    await bench.look()
    status = await bench.status()
    assert status["phase"] == "Error"
    assert status["message"].endswith(
        'due to consecutiveErrors (5) > consecutiveErrorLimit (4): "Error Message: refused"'
    )


@virtually
async def test_a_run_whose_spec_is_made_unsound_while_it_is_under_way_ends_in_error():
    bench = Bench({"m": [0.99]})
    await bench.start({"name": "m", "interval": "10s", "successCondition": "result >= 0.95"})
    await bench.look()
    assert (await bench.status())["phase"] == "Running"
    metric = {**(await bench.run())["spec"]["metrics"][0], "successCondition": "result >=", "count": 9}
    await bench.change({"spec": {"metrics": [metric]}})
    await bench.look()
    status = await bench.status()
    assert status["phase"] == "Error"
    assert "successCondition" in status["message"]


@virtually
async def test_no_data_is_no_success():
    bench = Bench({"m": [None]})
    await bench.start({"name": "m"})
    await bench.look()
    assert (await bench.status())["phase"] == "Running"
    (measurement,) = (await bench.metric())["measurements"]
    assert measurement["phase"] == "Error"
    assert measurement["message"] == (
        "metric result is nil or empty: no data returned from the metric provider"
    )


@virtually
async def test_a_finished_run_is_not_touched_again():
    bench = Bench({"m": [1]})
    await bench.start({"name": "m"})
    await bench.look()
    before = await bench.run()
    await asyncio.sleep(1000)
    assert await bench.look() is None
    assert await bench.run() == before


@pytest.mark.parametrize(
    ("value", "ttl", "seconds"),
    [
        (1, {"secondsAfterSuccess": 60}, 60),
        (1, {"secondsAfterSuccess": 60, "secondsAfterCompletion": 30}, 60),
        (1, {"secondsAfterFailure": 60}, None),
        (0, {"secondsAfterFailure": 60}, 60),
        (0, {"secondsAfterCompletion": 30}, 30),
        (0, {"secondsAfterSuccess": 60}, None),
        (0, {"secondsAfterSuccess": 60, "secondsAfterCompletion": 30}, 30),
        (1, {"secondsAfterFailure": 60, "secondsAfterCompletion": 30}, 30),
        (0, {"secondsAfterFailure": 60, "secondsAfterCompletion": 30}, 60),
        ("no number", {"secondsAfterFailure": 60, "secondsAfterSuccess": 60}, None),
        ("no number", {"secondsAfterFailure": 60, "secondsAfterCompletion": 30}, 30),
    ],
)
@virtually
async def test_a_finished_run_is_deleted_when_its_time_is_over(value, ttl, seconds):
    bench = Bench({"m": [value]})
    metric = {"name": "m", "successCondition": "result > 0", "consecutiveErrorLimit": 0}
    await bench.start(metric, ttlStrategy=ttl)
    await bench.look()
    assert await bench.look() == seconds
    await asyncio.sleep(seconds or 0)
    await bench.look()
    if seconds is None:
        assert await bench.run()
        return
    with pytest.raises(NotFound):
        await bench.run()


@virtually
async def test_terminating_a_run_ends_it():
    bench = Bench({"m": [1]})
    await bench.start({"name": "m", "interval": "60s"})
    await bench.look()
    await bench.change({"spec": {"terminate": True}})
    await bench.look()
    status = await bench.status()
    assert (status["phase"], status["message"]) == ("Successful", "Run Terminated")


@virtually
async def test_runs_of_another_controller_are_left_alone():
    bench = Bench({"m": [1]}, instance_id="blue")
    await bench.start({"name": "m"})
    assert await bench.look() is None
    assert await bench.status() == {}
    label = {"argo-rollouts.argoproj.io/controller-instance-id": "blue"}
    await bench.change({"metadata": {"labels": label}})
    await bench.look()
    assert (await bench.status())["phase"] == "Successful"


@virtually
async def test_a_run_that_is_gone_needs_nothing():
    bench = Bench()
    assert await bench.look() is None


@virtually
async def test_a_run_that_is_being_deleted_is_left_alone():
    bench = Bench({"m": [1]})
    await bench.start({"name": "m"})
    await bench.change({"metadata": {"finalizers": ["shop.test/hold"]}})
    await bench.client.delete(ANALYSIS_RUNS, KEY.name, NAMESPACE)
    assert await bench.look() is None
    assert await bench.status() == {}


@virtually
async def test_an_unknown_provider_is_an_error_that_names_the_known_ones():
    bench = Bench()
    await bench.start({"name": "m", "provider": {"plugin": {"acme/x": {}}}})
    await bench.look()
    (measurement,) = (await bench.metric())["measurements"]
    assert measurement["phase"] == "Error"
    assert 'unknown provider "acme/x"; this controller has: web' in measurement["message"]


@virtually
async def test_a_run_with_a_bad_condition_ends_in_error_before_anything_is_measured():
    bench = Bench({"m": [1]})
    await bench.start({"name": "m", "successCondition": "result >"})
    await bench.look()
    status = await bench.status()
    assert status["phase"] == "Error"
    assert status["message"].startswith("Analysis spec invalid: .spec.metrics[0].successCondition")
    assert "metricResults" not in status


@virtually
async def test_a_decision_on_an_old_run_is_not_written():
    bench = Bench({"m": [1]})
    await bench.start({"name": "m"})
    old = await bench.run()
    await bench.change({"metadata": {"labels": {"touched": "yes"}}})
    bench.store.put(ANALYSIS_RUNS, old)
    with pytest.raises(Conflict):
        await bench.reconciler.reconcile(KEY)
    assert await bench.status() == {}


class Slow:
    """Answers after a while, in one go or in two."""

    def __init__(self, clock, seconds=0.0, resume=0.0):
        self._clock, self._seconds, self._resume = clock, seconds, resume
        self.ended = []

    async def measure(self, run, metric, previous):
        started = self._clock()
        await asyncio.sleep(self._seconds)
        if previous is None and self._resume:
            return running(started, started + timedelta(seconds=self._resume), {"job-name": "j"})
        return value(started, self._clock(), 1)

    async def terminate(self, run, metric, previous):
        self.ended.append(previous.metadata["job-name"])
        return Measurement(phase="Inconclusive", finished_at=self._clock(), metadata=previous.metadata)


@virtually
async def test_metrics_of_a_run_are_measured_at_the_same_time():
    bench = Bench()
    bench.reconciler._providers = {"web": Slow(bench.clock, seconds=20)}
    await bench.start({"name": "a"}, {"name": "b"}, {"name": "c"})
    loop = asyncio.get_running_loop()
    before = loop.time()
    await bench.look()
    assert loop.time() - before == pytest.approx(20)
    assert (await bench.status())["phase"] == "Successful"


@virtually
async def test_a_provider_that_hangs_is_given_up():
    bench = Bench()
    bench.reconciler._providers = {"web": Slow(bench.clock, seconds=1e9)}
    await bench.start({"name": "m"})
    await bench.look()
    (measurement,) = (await bench.metric())["measurements"]
    assert (measurement["phase"], measurement["message"]) == ("Error", "no measurement within 0:06:00")


@virtually
async def test_a_provider_that_hangs_holds_up_no_verdict_of_another():
    bench = Bench({"bad": [0], "good": [1]})
    hangs = Slow(bench.clock, seconds=1e9)
    bench.reconciler._providers = {**bench.reconciler._providers, "job": hangs}
    job = {"job": {"spec": {"template": {"spec": {}}}}}
    await bench.start(
        {"name": "slow", "provider": job}, {"name": "bad", "successCondition": "result > 0"}, {"name": "good"}
    )
    loop = asyncio.get_running_loop()
    before = loop.time()
    await bench.look()
    assert loop.time() - before == pytest.approx(2)
    status = await bench.status()
    assert status["phase"] == "Failed"
    assert [each["name"] for each in status["metricResults"]] == ["bad", "good"]


@virtually
async def test_a_measurement_under_way_survives_the_death_of_the_controller():
    bench = Bench()
    bench.reconciler._providers = {"web": Slow(bench.clock, resume=30)}
    await bench.start({"name": "m"})
    await bench.look()
    assert (await bench.status())["phase"] == "Running"
    assert await bench.look() == 30
    # Another process, which knows nothing but the object.
    other = Bench()
    other.client, other.store = bench.client, bench.store
    reconciler = type(bench.reconciler)(
        bench.client, bench.store, bench.said, bench.clock, providers={"web": Slow(bench.clock, resume=30)}
    )
    bench.reconciler = reconciler
    await asyncio.sleep(30)
    await bench.look()
    assert (await bench.status())["phase"] == "Successful"
    assert len((await bench.metric())["measurements"]) == 1


@virtually
async def test_a_measurement_under_way_is_ended_when_another_metric_fails():
    bench = Bench({"bad": [0]})
    slow = Slow(bench.clock, resume=600)
    bench.reconciler._providers = {**bench.reconciler._providers, "job": slow}
    job = {"spec": {"template": {"spec": {}}}}
    await bench.start(
        {"name": "job", "provider": {"job": job}}, {"name": "bad", "successCondition": "result > 0"}
    )
    assert await bench.look() == 0
    assert (await bench.status())["phase"] == "Running"
    await bench.look()
    assert slow.ended == ["j"]
    status = await bench.status()
    assert status["phase"] == "Failed"
    assert status["message"].startswith('Metric "bad" assessed Failed')


class Broken:
    """A provider with a mistake in it."""

    async def measure(self, run, metric, previous):
        raise KeyError("hunter2")

    async def terminate(self, run, metric, previous):
        raise AssertionError


@virtually
async def test_a_mistake_in_a_provider_is_an_error_of_its_metric_alone():
    bench = Bench({"good": [1]})
    bench.reconciler._providers = {**bench.reconciler._providers, "acme/x": Broken()}
    await bench.start({"name": "bad", "provider": {"plugin": {"acme/x": {}}}}, {"name": "good"})
    await bench.look()
    (measurement,) = (await bench.metric("bad"))["measurements"]
    assert (measurement["phase"], measurement["message"]) == (
        "Error",
        "the provider failed unexpectedly: KeyError",
    )
    assert (await bench.metric("good"))["phase"] == "Successful"


class Endless:
    """A provider whose measurement is under way until somebody ends it."""

    def __init__(self, clock, phase):
        self._clock, self._phase = clock, phase

    async def measure(self, run, metric, previous):
        now = self._clock()
        return running(now, now + timedelta(seconds=60), {"job-name": "j"})

    async def terminate(self, run, metric, previous):
        return Measurement(phase=self._phase, message="gone", finished_at=self._clock())


@pytest.mark.parametrize(("answer", "phase"), [(0, "Failed"), (1, "Inconclusive"), (None, "Error")])
@virtually
async def test_whatever_ends_a_run_early_a_metric_under_way_is_ended_too_and_says_so(answer, phase):
    bench = Bench({"bad": [answer]})
    endless = Endless(bench.clock, "Successful")
    bench.reconciler._providers = {**bench.reconciler._providers, "job": endless}
    job = {"job": {"spec": {"template": {"spec": {}}}}}
    conditions = {"successCondition": "result > 1", "failureCondition": "result < 1"}
    await bench.start(
        {"name": "job", "provider": job}, {"name": "bad", "consecutiveErrorLimit": 0, **conditions}
    )
    await bench.look()
    await bench.look()
    assert (await bench.status())["phase"] == (await bench.metric("bad"))["phase"] == phase
    ended = await bench.metric("job")
    for told in (ended, *ended["measurements"]):
        assert (told["phase"], told["message"]) == ("Successful", "Metric Terminated")


@pytest.mark.parametrize(
    ("phase", "run_phase", "message"),
    [
        ("Successful", "Successful", "Run Terminated"),
        (
            "Inconclusive",
            "Inconclusive",
            'Metric "m" assessed Inconclusive due to inconclusive (1)',
        ),
    ],
)
@virtually
async def test_a_terminated_run_keeps_upstreams_phase_and_says_that_it_was_terminated(
    phase, run_phase, message
):
    bench = Bench()
    bench.reconciler._providers = {"web": Endless(bench.clock, phase)}
    await bench.start({"name": "m"})
    await bench.look()
    await bench.change({"spec": {"terminate": True}})
    await bench.look()
    status = await bench.status()
    assert (status["phase"], status["terminated"]) == (run_phase, True)
    assert status["message"].partition(" > ")[0] == message
    (measurement,) = (await bench.metric())["measurements"]
    assert measurement["message"] == ("Metric Terminated" if phase == "Successful" else "gone")


@virtually
async def test_a_run_that_ends_by_itself_as_it_is_terminated_was_not_terminated():
    """One metric has failed, and the other is still to be ended for it."""
    bench = Bench({"bad": [0]})
    endless = Endless(bench.clock, "Successful")
    bench.reconciler._providers = {**bench.reconciler._providers, "job": endless}
    job = {"job": {"spec": {"template": {"spec": {}}}}}
    await bench.start({"name": "job", "provider": job}, {"name": "bad", "successCondition": "result > 0"})
    await bench.look()
    assert (await bench.status())["phase"] == "Running"
    await bench.change({"spec": {"terminate": True}})
    await bench.look()
    status = await bench.status()
    assert status["phase"] == "Failed"
    assert status["message"].startswith('Metric "bad" assessed Failed')
    assert "terminated" not in status


class SinceTheLook:
    """Seven requests of the canary a second, for the time since the newest look that was written down."""

    def __init__(self, clock):
        self._clock = clock

    async def measure(self, run, metric, previous):
        now = self._clock()
        written = [each for result in run.status.metric_results for each in result.measurements]
        since = max((each.finished_at for each in written), default=run.status.started_at)
        requests = 7 * (now - since).total_seconds()
        sides = {side: {"requests": requests, "errors": 0} for side in ("canary", "stable")}
        return value(now, now, sides, {"from": since.isoformat(), "at": now.isoformat()})

    async def terminate(self, run, metric, previous):
        raise AssertionError


@virtually
async def test_a_look_whose_status_is_not_written_counts_with_the_next_one_and_once():
    bench = Bench()
    bench.reconciler._providers = {"web": SinceTheLook(bench.clock)}
    judge = {"judge": {"sequential": {}}, "warmUp": "0s"}
    await bench.start({"name": "m", "interval": "60s", "initialDelay": "60s", **judge})
    await bench.look()
    await asyncio.sleep(60)
    await bench.look()
    await asyncio.sleep(60)
    old = await bench.run()
    await bench.change({"metadata": {"labels": {"touched": "yes"}}})
    bench.store.put(ANALYSIS_RUNS, old)
    with pytest.raises(Conflict):
        await bench.reconciler.reconcile(KEY)
    await asyncio.sleep(5)
    await bench.look()
    evidence = (await bench.metric())["evidence"]
    assert (evidence["looks"], evidence["canary"]["requests"]) == (2, 7 * 125)
