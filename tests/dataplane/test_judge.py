"""What the judge finds in records, and what it lets pass."""

from collections.abc import Iterable

import numpy as np

from tests.dataplane.judge import LAG, RECORD, Ledger, Records, Share, deviations, failures, trespasses

HOSTS = ["a.example.com", "b.example.com"]


def records(*rows: tuple[float, float, int, int, str]) -> Records:
    """Requests: when sent, how long, host, status, and what was said."""
    return np.array([(s, took, host, 0, status, said, "pod") for s, took, host, status, said in rows], RECORD)


def ledger(*spans: tuple[float, str], host: str = HOSTS[0]) -> Ledger:
    made = Ledger()
    for at, versions in spans:
        made.allow(host, at, *versions.split())
    made.allow(HOSTS[1], 0, "v9")
    return made


def count(found: Iterable[str]) -> int:
    return len([*found])


def test_every_answer_but_200_is_a_failure_and_so_is_none() -> None:
    seen = records(
        (1, 0.1, 0, 200, "v1"), (1, 0.1, 0, 503, ""), (1, 0.1, 1, 0, "reset"), (2, 1, 0, 404, "v1")
    )
    told = [*failures(seen, HOSTS, failing="bad")]
    assert len(told) == 3
    assert "b.example.com GET: 0 reset" in told[1]


def test_only_a_500_of_a_version_that_is_meant_to_fail_is_its_own() -> None:
    seen = records((1, 0.1, 0, 500, "bad3"), (1, 0.1, 0, 503, "bad3"), (1, 0.1, 0, 500, "v1"))
    assert count(failures(seen, HOSTS, failing="bad")) == 2


def test_an_answer_of_a_version_after_it_was_taken_back_is_a_trespass() -> None:
    seen = records((5, 0.1, 0, 200, "v2"), (10.5, 0.1, 0, 200, "v2"), (10.5, 0.1, 0, 200, "v1"))
    told = [*trespasses(seen, HOSTS, ledger((0, "v1 v2"), (10, "v1")))]
    assert len(told) == 1
    assert told[0].startswith("10.500")


def test_an_answer_of_a_version_before_its_time_is_a_trespass() -> None:
    seen = records((5, 0.1, 0, 200, "v2"), (9.95, 0.1, 0, 200, "v2"), (10.5, 0.1, 0, 200, "v2"))
    assert count(trespasses(seen, HOSTS, ledger((0, "v1"), (10, "v1 v2")))) == 1


def test_a_request_that_was_sent_before_the_version_was_taken_back_may_end_later() -> None:
    seen = records((9.7, 30, 0, 200, "v2"), (10 + LAG / 2, 0.1, 0, 200, "v2"))
    assert count(trespasses(seen, HOSTS, ledger((0, "v1 v2"), (10, "v1")))) == 0


def test_a_request_across_several_changes_may_be_answered_by_what_was_allowed_at_any_of_them() -> None:
    spans = ledger((0, "v1"), (10, "v1 v2"), (11, "v2"), (12, "v2 v3"), (13, "v3"))
    seen = records(*((9.9, 2.5, 0, 200, version) for version in ("v1", "v2", "v3", "v4")))
    assert count(trespasses(seen, HOSTS, spans)) == 1


def test_the_answers_of_another_host_are_a_trespass() -> None:
    seen = records((5, 0.1, 1, 200, "v1"), (5, 0.1, 0, 200, "v9"), (5, 0.1, 1, 200, "v9"))
    assert count(trespasses(seen, HOSTS, ledger((0, "v1")))) == 2


def test_a_share_beyond_chance_is_found_and_one_within_it_is_not() -> None:
    half = records(*((5.0, 0.1, 0, 200, "v2" if n % 2 else "v1") for n in range(1000)))
    for percent, found in ((50, 0), (52, 0), (40, 1), (60, 1)):
        held = ledger((0, "v1 v2"))
        held.shares.append(Share(host=HOSTS[0], version="v2", percent=percent, since=4, until=6))
        assert count(deviations(half, HOSTS, held)) == found, percent
