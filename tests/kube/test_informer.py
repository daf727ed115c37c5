"""The informer keeps the store equal to the API, whatever the watch does."""

import asyncio

import pytest

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


def test_a_server_that_comes_back_with_smaller_resource_versions_is_listed_anew() -> None:
    """It was restored, or holds its objects in memory alone."""
    script = Scripted(
        streams=[
            [added("kept", 900), added("lost", 901), bookmark(950, end=True), Unreachable("reset")],
            [refusal(504, "Timeout: Too large resource version: 950, current: 9")],
            [added("kept", 5), bookmark(9, end=True), changed("kept", 10), HANG],
        ]
    )
    store, told, informer = follow(script, seconds=5)
    assert store == {"kept": "10"}
    assert told[2:] == [("900", "5"), ("901", None), ("5", "10")]
    assert queries(script)[2].get("resourceVersion") is None
    run(_reached(informer, "10"))


async def _reached(informer: Informer, version: str) -> None:
    async with asyncio.timeout(1):
        await informer.reached(version)


def test_an_event_from_before_the_last_one_leads_to_a_new_list() -> None:
    script = Scripted(
        streams=[
            [added("x", 900), bookmark(950, end=True), changed("x", 7)],
            [added("x", 7), bookmark(8, end=True), changed("x", 9), HANG],
        ]
    )
    assert follow(script, seconds=5)[0] == {"x": "9"}


def test_an_object_of_another_incarnation_is_told_though_its_version_is_the_same() -> None:
    script = Scripted(
        streams=[
            [added("x", 7, uid="a"), bookmark(7, end=True), refusal(410)],
            [added("x", 7, uid="b"), bookmark(7, end=True), HANG],
        ]
    )
    assert follow(script, seconds=5)[1] == [(None, "7"), ("7", "7")]


def test_whoever_waits_for_a_write_to_a_server_that_was_replaced_is_let_go() -> None:
    async def main() -> None:
        script = Scripted(
            streams=[[bookmark(950, end=True), refusal(410)], [bookmark(9, end=True), changed("x", 10), HANG]]
        )
        informer = Informer(Client(script), PODS, Writer())
        waiting = asyncio.create_task(informer.reached("951"))
        await asyncio.sleep(0)
        task = asyncio.create_task(informer.run())
        async with asyncio.timeout(5):
            await waiting
        later = asyncio.create_task(informer.reached("11"))
        await asyncio.sleep(5)
        assert not later.done(), "what the new server has written is waited for"
        later.cancel()
        task.cancel()

    run(main())


def test_a_watch_that_ends_with_410_after_every_list_is_opened_ever_more_slowly() -> None:
    def lists() -> list[object]:
        return [added("x", 1), bookmark(5, end=True), refusal(410)]

    script = Scripted(streams=[lists() for _ in range(200)])
    store, told, _ = follow(script, seconds=120)
    assert store == {"x": "1"}
    assert told == [(None, "1")]
    assert 8 <= len(script.requests) <= 25


def test_pages_that_are_forgotten_before_they_are_read_are_asked_for_at_once() -> None:
    script = Scripted(
        streams=[[refusal(422)]],
        answers=[
            page(pod("x", 1), version=7, token="more"),
            refusal(410),
            page(pod("x", 1), pod("y", 2), version=8),
        ],
    )
    assert follow(script, seconds=5)[0] == {"x": "1", "y": "2"}
    assert [query.get("limit") for query in queries(script)[1:4]] == ["500", "500", None]


def test_a_list_that_never_ends_is_an_error_and_no_busy_loop() -> None:
    pages = [page(pod("x", 1), version=7, token=f"more-{number}") for number in range(1000)]
    script = Scripted(streams=[[refusal(422)]], answers=list(pages))
    store, _, informer = follow(script, seconds=60)
    assert (store, informer.synced.is_set()) == ({}, False)
    assert len(script.requests) < 50


NAMELESS = {"type": "ADDED", "object": {"kind": "Pod", "metadata": {}}}


@pytest.mark.parametrize(
    "event",
    [
        NAMELESS,
        {"type": "ADDED", "object": {"kind": "Pod"}},
        {"type": "ADDED", "object": {"metadata": "x"}},
        {"type": "ADDED", "object": {"metadata": {"name": 5, "resourceVersion": "9"}}},
        {"type": "ADDED"},
        {"type": "RENAMED", "object": pod("y", 9)},
        {"object": pod("y", 9)},
        {"type": "ERROR"},
        [],
        "ADDED",
        7,
    ],
)
def test_an_event_that_is_none_is_told_and_leads_to_a_new_list_that_loses_nothing(
    event: object, caplog: pytest.LogCaptureFixture
) -> None:
    good = [added("x", 1), bookmark(5, end=True)]
    script = Scripted(streams=[[*good, event], [added("x", 1), added("y", 6), bookmark(7, end=True), HANG]])
    assert follow(script, seconds=30)[0] == {"x": "1", "y": "6"}
    assert caplog.text.count("watch of pods failed") == 1


@pytest.mark.parametrize("status", [{}, {"code": "x"}, {"code": 500, "details": "x"}, {"code": 429}])
def test_an_error_in_a_watch_is_gone_on_from_whatever_its_status_says(status: Object) -> None:
    failed = {"type": "ERROR", "object": status}
    script = Scripted(streams=[[added("x", 1), bookmark(5, end=True), failed], [added("y", 6), HANG]])
    assert follow(script, seconds=30)[0] == {"x": "1", "y": "6"}


def test_a_bookmark_without_a_version_is_no_progress_and_no_harm() -> None:
    blank = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"creationTimestamp": None}}}
    script = Scripted(streams=[[added("x", 1), bookmark(5, end=True), blank, changed("x", 6), blank], [HANG]])
    assert follow(script, seconds=5)[0] == {"x": "6"}
    assert queries(script)[1]["resourceVersion"] == "6"


def test_resource_versions_that_are_no_numbers_are_passed_on_and_nobody_waits_for_them() -> None:
    def worded(name: str, version: str) -> Object:
        return {
            "type": "ADDED",
            "object": pod(name, 0) | {"metadata": {"name": name, "resourceVersion": version}},
        }

    end = bookmark(0, end=True)
    end["object"]["metadata"]["resourceVersion"] = "c"
    script = Scripted(streams=[[worded("x", "a"), end, worded("y", "d")], [HANG]])
    store, _, informer = follow(script, seconds=5)
    assert store == {"x": "a", "y": "d"}
    assert queries(script)[1]["resourceVersion"] == "d"
    run(_reached(informer, "zzz"))


def test_a_refused_token_is_no_missing_right() -> None:
    """A kind that may be absent is not taken for absent because the credentials have expired."""
    script = Scripted(streams=[[refusal(401)], [added("x", 1), bookmark(5, end=True), HANG]])
    store, _, _ = follow(script, optional=True, seconds=2)
    assert store == {"x": "1"}


def test_a_kind_that_was_there_is_not_given_up_because_of_one_answer() -> None:
    """An API server that starts up does not know all its kinds yet."""
    script = Scripted(
        streams=[
            [added("x", 1), bookmark(5, end=True), Unreachable("reset")],
            [refusal(404)],
            [added("x", 1), bookmark(5, end=True), HANG],
        ]
    )
    assert follow(script, seconds=5)[1] == [(None, "1")]
    gone = Scripted(
        streams=[[added("x", 1), bookmark(5, end=True), Unreachable("reset")], *[[refusal(404)]] * 9]
    )
    assert follow(gone, seconds=5)[1] == [(None, "1"), ("1", None)]


def test_the_limit_of_silence_can_be_chosen() -> None:
    async def main() -> None:
        script = Scripted(streams=[[bookmark(5, end=True), HANG], [added("x", 6), HANG]])
        store = Writer()
        informer = Informer(Client(script), PODS, store, silence=3)
        task = asyncio.create_task(informer.run())
        await asyncio.sleep(3.5)
        task.cancel()
        assert store.get(PODS, "x", "a") is not None

    run(main())


def test_a_watch_that_breaks_after_each_event_still_gets_on() -> None:
    first = [added("x", 1), bookmark(5, end=True), Unreachable("reset")]
    script = Scripted(streams=[first, *([changed("x", 6 + n), Unreachable("reset")] for n in range(40))])
    assert follow(script, seconds=20)[0] == {"x": "45"}


def test_a_server_whose_streamed_lists_always_break_is_paged() -> None:
    broken = [[added("x", 1), Unreachable("reset")] for _ in range(3)]
    script = Scripted(streams=[*broken, [HANG]], answers=[page(pod("x", 1), version=7)])
    assert follow(script, seconds=10)[0] == {"x": "1"}
