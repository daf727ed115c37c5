"""The informer keeps the store equal to the API, whatever the watch does."""

import asyncio

from rollouts.api.meta import Object
from rollouts.embedded.virtual_time import run
from rollouts.kube.client import Client
from rollouts.kube.errors import Unreachable
from rollouts.kube.informer import Informer
from rollouts.kube.resources import PODS
from rollouts.kube.store import Writer
from tests.kube.scripted import HANG, Scripted, added, bookmark, changed, deleted, page, pod, refusal

Told = list[tuple[str | None, str | None]]


def follow(
    script: Scripted, *, seconds: float = 1, optional: bool = False
) -> tuple[dict[str, str], Told, Informer]:
    """Run an informer against a script for a while; the store as name -> version, and what was told."""
    store, told = Writer(), []

    async def main() -> Informer:
        informer = Informer(Client(script), PODS, store, optional=optional)
        informer.on_change(lambda old, new: told.append((_version(old), _version(new))))
        task = asyncio.create_task(informer.run())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return informer

    informer = run(main())
    return {obj["metadata"]["name"]: _version(obj) or "" for obj in store.list(PODS)}, told, informer


def _version(obj: Object | None) -> str | None:
    return obj["metadata"]["resourceVersion"] if obj else None


def queries(script: Scripted) -> list[dict[str, str]]:
    return [dict(request.query) for request in script.requests]


def test_the_initial_list_comes_over_the_watch_and_appears_at_once() -> None:
    script = Scripted(streams=[[added("x", 1), added("y", 2), bookmark(5, end=True), changed("x", 6)]])
    store, told, informer = follow(script)
    assert store == {"x": "6", "y": "2"}
    assert told == [(None, "1"), (None, "2"), ("1", "6")]
    assert informer.synced.is_set()
    assert queries(script)[0]["sendInitialEvents"] == "true"


def test_what_changes_while_the_list_streams_is_not_lost() -> None:
    """A server may tell news of an object before it says that the initial list is complete."""
    script = Scripted(
        streams=[
            [added("x", 1), added("y", 2), changed("x", 3), deleted("y", 4), bookmark(5, end=True), HANG]
        ]
    )
    store, told, _ = follow(script)
    assert store == {"x": "3"}
    assert told == [(None, "3")]


def test_nothing_is_shown_before_the_list_is_complete() -> None:
    store, told, informer = follow(Scripted(streams=[[added("x", 1), HANG]]))
    assert (store, told, informer.synced.is_set()) == ({}, [], False)


def test_a_server_that_does_not_stream_lists_is_paged() -> None:
    script = Scripted(
        streams=[[refusal(422, "Invalid")], [deleted("x", 9), HANG]],
        answers=[page(pod("x", 1), version=7, token="more"), page(pod("y", 2), version=7)],
    )
    store, _, informer = follow(script)
    assert store == {"y": "2"}
    assert informer.synced.is_set()
    assert [query.get("continue") for query in queries(script)] == [None, None, "more", None]
    assert queries(script)[3]["resourceVersion"] == "7"


def test_a_server_that_ignores_the_wish_and_falls_silent_is_paged_as_well() -> None:
    script = Scripted(streams=[[added("x", 1), HANG], [HANG]], answers=[page(pod("x", 1), version=7)])
    store, _, informer = follow(script, seconds=200)
    assert store == {"x": "1"}
    assert informer.synced.is_set()


def test_gone_leads_to_a_new_list_and_only_the_differences_are_told() -> None:
    expired = {"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}}
    script = Scripted(
        streams=[
            [added("kept", 1), added("lost", 2), bookmark(5, end=True), expired],
            [added("kept", 1), added("new", 8), bookmark(9, end=True), HANG],
        ]
    )
    store, told, _ = follow(script)
    assert store == {"kept": "1", "new": "8"}
    assert told == [(None, "1"), (None, "2"), (None, "8"), ("2", None)]


def test_a_watch_that_ends_is_opened_again_where_it_stopped() -> None:
    script = Scripted(streams=[[added("x", 1), bookmark(5, end=True), bookmark(8)], [changed("x", 9), HANG]])
    store, _, _ = follow(script, seconds=5)
    assert store == {"x": "9"}
    assert queries(script)[1]["resourceVersion"] == "8"


def test_a_watch_that_falls_silent_is_opened_again() -> None:
    script = Scripted(streams=[[bookmark(5, end=True), HANG], [added("x", 6), HANG]])
    store, _, _ = follow(script, seconds=200)
    assert store == {"x": "6"}


def test_a_broken_connection_is_tried_again_with_growing_delay_and_the_store_is_kept() -> None:
    broken = [[Unreachable("reset")] for _ in range(8)]
    first = [added("x", 1), bookmark(5, end=True), Unreachable("reset")]
    script = Scripted(streams=[first, *broken])
    store, told, _ = follow(script, seconds=4)
    assert store == {"x": "1"}
    assert told == [(None, "1")]
    assert 4 <= len(script.requests) <= 6


def test_a_kind_that_the_server_does_not_know_counts_as_empty_until_it_appears() -> None:
    script = Scripted(streams=[[refusal(404)], [added("x", 1), bookmark(2, end=True), HANG]])
    store, _, informer = follow(script, seconds=1)
    assert (store, informer.synced.is_set()) == ({}, True)
    script = Scripted(streams=[[refusal(404)], [added("x", 1), bookmark(2, end=True), HANG]])
    store, _, _ = follow(script, seconds=60)
    assert store == {"x": "1"}


def test_a_refusal_is_no_empty_list_unless_the_kind_is_optional() -> None:
    assert not follow(Scripted(streams=[[refusal(403)]]))[2].synced.is_set()
    assert follow(Scripted(streams=[[refusal(403)]]), optional=True)[2].synced.is_set()


def test_managed_fields_are_dropped_and_the_object_of_the_transport_is_left_alone() -> None:
    event = added("x", 1, managedFields=[{"manager": "m"}])
    store = Writer()

    async def main() -> None:
        informer = Informer(Client(Scripted(streams=[[event, bookmark(2, end=True), HANG]])), PODS, store)
        task = asyncio.create_task(informer.run())
        await informer.synced.wait()
        task.cancel()

    run(main())
    stored = store.get(PODS, "x", "a")
    assert stored is not None
    assert "managedFields" not in stored["metadata"]
    assert "managedFields" in event["object"]["metadata"]


def test_whoever_waits_for_a_write_is_woken_when_the_store_shows_it() -> None:
    async def main() -> float:
        slow = Scripted(streams=[[bookmark(5, end=True), HANG]])
        informer = Informer(Client(slow), PODS, Writer())
        task = asyncio.create_task(informer.run())
        await informer.synced.wait()
        await informer.reached("5")  # seen already: returns at once
        waiting = asyncio.create_task(informer.reached("6"))
        await asyncio.sleep(1)
        assert not waiting.done()
        informer._advance("7")
        await waiting
        task.cancel()
        return asyncio.get_running_loop().time()

    assert run(main()) < 2


def test_a_server_whose_lists_are_outdated_at_once_is_not_pressed() -> None:
    """Each list succeeds, and the watch that goes on from it is gone."""
    expired = {"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}}
    script = Scripted(streams=[[added("x", 1), bookmark(5, end=True), expired] for _ in range(1000)])
    store, _, _ = follow(script, seconds=60)
    assert store == {"x": "1"}
    assert len(script.requests) < 20
