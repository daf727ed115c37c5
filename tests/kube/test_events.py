"""Events are written in the background, counted instead of repeated, and never hold anything up."""

import asyncio

from rollouts.embedded.virtual_time import VirtualClock
from rollouts.kube.client import Client
from rollouts.kube.events import Recorder
from rollouts.kube.resources import EVENTS
from tests.controller.api import running, server, virtually
from tests.kube.scripted import Scripted

ROLLOUT = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Rollout",
    "metadata": {"name": "shop", "namespace": "default", "uid": "u1"},
}


@virtually
async def test_an_event_names_the_object_and_its_source() -> None:
    _, client = server()
    recorder = Recorder(client, VirtualClock())
    async with running(recorder.run()):
        recorder.record(ROLLOUT, "RolloutAborted", "the error rate\nis too high", "Warning")
        await recorder.drain()
    (event,) = (await client.list(EVENTS, "default"))["items"]
    assert event["involvedObject"]["name"] == "shop"
    assert (event["type"], event["reason"], event["count"]) == ("Warning", "RolloutAborted", 1)
    assert event["message"] == "the error rate is too high"
    assert event["source"] == {"component": "rollouts-controller"}


@virtually
async def test_a_repeated_event_raises_the_count_also_after_a_restart() -> None:
    _, client = server()
    for _ in range(2):
        recorder = Recorder(client, VirtualClock())
        async with running(recorder.run()):
            await asyncio.sleep(60)
            recorder.record(ROLLOUT, "SwitchService", "again")
            recorder.record(ROLLOUT, "SwitchService", "again")
            await recorder.drain()
    (event,) = (await client.list(EVENTS, "default"))["items"]
    assert event["count"] == 4
    assert event["firstTimestamp"] == "2026-01-01T00:01:00Z"
    assert event["lastTimestamp"] == "2026-01-01T00:02:00Z"


@virtually
async def test_recording_neither_waits_nor_fails_when_nothing_is_written() -> None:
    recorder = Recorder(Client(Scripted()), VirtualClock())
    for number in range(2000):
        recorder.record(ROLLOUT, "Reason", f"message {number}")
    assert recorder.dropped == 1000


@virtually
async def test_a_message_longer_than_the_api_allows_is_cut() -> None:
    _, client = server()
    recorder = Recorder(client, VirtualClock())
    async with running(recorder.run()):
        recorder.record(ROLLOUT, "Reason", "x" * 5000)
        await recorder.drain()
    (event,) = (await client.list(EVENTS, "default"))["items"]
    assert len(event["message"]) == 1024
