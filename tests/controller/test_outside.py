"""What the controller shows to the outside: metrics, health and log lines."""

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from rollouts.api.meta import Object
from rollouts.api.rollout_status import RolloutDuration
from rollouts.controller import health, logs
from rollouts.controller.metrics import Metrics
from rollouts.controller.reconciler import Key
from rollouts.kube.resources import ANALYSIS_RUNS, APPLICATIONS, ROLLOUTS
from rollouts.kube.store import Writer
from rollouts.kube.traffic import Call, Traffic


def obj(name: str, **rest: object) -> Object:
    return {"metadata": {"name": name, "namespace": "web"}, **rest}


def metrics() -> tuple[Metrics, Writer]:
    store = Writer()
    return Metrics(store), store


def test_a_rollout_shows_with_its_strategy_router_phase_and_replicas() -> None:
    shown, store = metrics()
    strategy = {"canary": {"trafficRouting": {"nginx": {"stableIngress": "x"}, "managedRoutes": []}}}
    conditions = [{"type": "Progressing", "reason": "NewReplicaSetAvailable"}]
    counts = {"replicas": 3, "availableReplicas": 2, "updatedReplicas": 1}
    status = {"phase": "Healthy", "conditions": conditions, **counts}
    store.put(ROLLOUTS, obj("shop", spec={"replicas": 3, "strategy": strategy}, status=status))
    text = shown.render().decode()
    labels = 'name="shop",namespace="web",phase="Completed",strategy="canary",traffic_router="Nginx"'
    assert f"rollout_info{{{labels}}} 1.0" in text
    for what, number in (("available", 2), ("unavailable", 1), ("desired", 3), ("updated", 1)):
        assert f'rollout_info_replicas_{what}{{name="shop",namespace="web"}} {number}.0' in text


@pytest.mark.parametrize(
    ("conditions", "phase"),
    [
        ([], "Progressing"),
        ([{"type": "Progressing", "reason": "RolloutPaused"}], "Paused"),
        ([{"type": "Progressing", "reason": "RolloutAborted"}], "Abort"),
        ([{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}], "Timeout"),
        ([{"type": "Progressing", "reason": "RolloutPaused"}, {"type": "InvalidSpec"}], "InvalidSpec"),
    ],
)
def test_the_phase_of_the_metrics_is_upstreams(conditions: list[Object], phase: str) -> None:
    shown, store = metrics()
    store.put(ROLLOUTS, obj("shop", spec={}, status={"conditions": conditions}))
    labels = f'name="shop",namespace="web",phase="{phase}",strategy="none",traffic_router=""'
    assert f"rollout_info{{{labels}}} 1.0" in shown.render().decode()


def test_what_is_gone_is_shown_no_more() -> None:
    shown, store = metrics()
    store.put(ROLLOUTS, obj("shop", spec={}))
    store.remove(ROLLOUTS, obj("shop"))
    assert "shop" not in shown.render().decode()


def test_runs_and_applications_show_with_their_phases() -> None:
    shown, store = metrics()
    result = {"name": "rate", "phase": "Failed"}
    store.put(ANALYSIS_RUNS, obj("run", status={"phase": "Failed", "metricResults": [result]}))
    spec = {"project": "default", "destination": {"namespace": "prod"}}
    store.put(APPLICATIONS, obj("app", spec=spec, status={"sync": {"status": "Synced"}}))
    text = shown.render().decode()
    assert 'analysis_run_info{name="run",namespace="web",phase="Failed"} 1.0' in text
    assert 'metric="rate"' in text
    assert 'sync_status="Synced"' in text
    assert 'health_status="Unknown"' in text


def test_requests_to_the_api_server_are_counted_by_kind_verb_and_answer() -> None:
    traffic = Traffic()
    traffic.answers[Call("Patch", "rollouts"), 409] += 2
    traffic.sent[Call("Patch", "rollouts")] += 300
    text = Metrics(Writer(), traffic).render().decode()
    labels = 'kind="rollouts",status_code="409",verb="Patch"'
    assert f"controller_clientset_k8s_request_total{{{labels}}} 2.0" in text
    assert 'controller_clientset_k8s_sent_bytes_total{kind="rollouts",verb="Patch"} 300.0' in text


async def test_a_scrape_shows_the_same_and_holds_up_nobody_meanwhile() -> None:
    shown, store = metrics()
    for number in range(3000):
        store.put(ROLLOUTS, obj(f"shop-{number}", spec={}))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    text = (await shown.scrape()).decode()
    other.cancel()
    assert text.count("rollout_info{") == 3000
    assert turns > 3


def test_passes_and_events_are_counted_without_a_series_for_each_object() -> None:
    shown, store = metrics()
    store.put(ROLLOUTS, obj("shop", spec={}))
    shown.reconciled(ROLLOUTS, Key("web", "shop"), 0.2, None)
    shown.reconciled(ROLLOUTS, Key("web", "other"), 3, ValueError("no"))
    shown.recorded(obj("shop"), "Warning", "RolloutAborted")
    text = shown.render().decode()
    assert 'rollout_reconcile_bucket{le="0.25"} 1.0' in text
    assert 'rollout_reconcile_bucket{le="+Inf"} 2.0' in text
    assert "rollout_reconcile_error 1.0" in text
    assert "rollout_events_total{" in text
    store.remove(ROLLOUTS, obj("shop"))
    assert "rollout_events_total{" not in shown.render().decode()
    assert "_created" not in text


def test_an_update_that_ended_is_counted_by_how_and_without_the_time_that_humans_took() -> None:
    shown, _ = metrics()
    began = datetime(2026, 1, 1, tzinfo=UTC)
    shown.ended(
        RolloutDuration(
            rollout_started_at=began,
            finished_at=began + timedelta(seconds=300),
            total_manual_pause_duration_seconds=60,
            completion_status="Promoted",
        )
    )
    text = shown.render().decode()
    for name, seconds, below, above in (
        ("rollout_duration_seconds", 300, 120, 300),
        ("rollout_progression_duration_seconds", 240, 120, 300),
        ("rollout_manual_pause_duration_seconds", 60, 0, 60),
    ):
        assert f'{name}_bucket{{le="{below}",status="Promoted"}} 0.0' in text
        assert f'{name}_bucket{{le="{above}",status="Promoted"}} 1.0' in text
        assert f'{name}_bucket{{le="+Inf",status="Promoted"}} 1.0' in text
        assert f'{name}_sum{{status="Promoted"}} {seconds}.0' in text


async def test_health_and_metrics_answer_on_their_ports() -> None:
    state = {"ready": False}

    async def metrics() -> bytes:
        return b"metrics 1\n"

    port = unused_port()
    async with (
        health.serve(
            address="127.0.0.1",
            health_port=port,
            metrics_port=port,
            ready=lambda: state["ready"],
            metrics=metrics,
        ),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        assert (await session.get("/healthz")).status == 200
        assert (await session.get("/readyz")).status == 503
        state["ready"] = True
        assert (await session.get("/readyz")).status == 200
        assert await (await session.get("/metrics")).text() == "metrics 1\n"


async def test_a_port_of_zero_is_not_opened() -> None:
    shown, _ = metrics()
    async with health.serve(
        address="256.0.0.1", health_port=0, metrics_port=0, ready=bool, metrics=shown.scrape
    ):
        pass


@pytest.fixture
def record() -> logging.LogRecord:
    made = logging.LogRecord("here", logging.WARNING, "x.py", 1, "it %s", ("failed\nbadly",), None)
    made.kind, made.object = "Rollout", "shop"
    return made


def test_a_line_of_text_names_the_object_and_stays_one_line(record: logging.LogRecord) -> None:
    line = logs._KeyValue().format(record)
    assert "\n" not in line
    assert 'level=warning msg="it failed\\nbadly" logger=here kind=Rollout object=shop' in line


def test_a_line_of_json_has_the_same_fields(record: logging.LogRecord) -> None:
    fields = json.loads(logs._Json().format(record))
    assert fields["msg"] == "it failed\nbadly"
    assert (fields["kind"], fields["object"], fields["level"]) == ("Rollout", "shop", "warning")
