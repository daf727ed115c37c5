"""What looks come to."""

import json

import pytest

from analysis.judges.sequential.judge import judge
from rollouts.api.judges import SequentialJudge
from tests.analysis.judges.sequential.looks import counts, histogram, judged, minute

GOOD = counts((300, 3), (2700, 27))
BAD = counts((300, 9), (2700, 27))
DOWN = counts((5, 5), (45, 0))


def test_three_times_the_errors_fail_the_canary_and_the_sentence_has_the_numbers():
    _, verdict = judged(*[BAD] * 5)
    assert verdict.outcome == "failed"
    assert verdict.reason == (
        "45 of 1,500 (3%) canary requests failed, and 135 of 13,500 (1%) of stable: "
        "at least 1.67 times as many, with 95% confidence; maxRatio is 1.1"
    )


def test_as_few_errors_as_stable_prove_the_canary():
    _, verdict = judged(*[GOOD] * 8)
    assert verdict.outcome == "proven"
    assert verdict.evidence.ratio_at_most < 2.1


def test_one_look_at_a_rare_error_is_undecided():
    _, verdict = judged(counts((300, 1), (2700, 1)))
    assert verdict.outcome == "undecided"


@pytest.mark.parametrize(
    "look", [DOWN, counts((5, 5), (5, 0)), counts((5, 5), (95, 1)), counts((8, 7), (8, 0))]
)
def test_a_canary_that_is_down_fails_at_a_handful_of_requests(look):
    assert judged(look)[1].outcome == "failed"


def test_four_requests_conclude_nothing_though_all_failed():
    memory, verdict = judged(counts((4, 4), (1000, 0)))
    assert verdict.outcome == "undecided"
    assert judged(counts((1, 1), (250, 0)), memory=memory, start=1)[1].outcome == "failed"


def test_a_failure_that_both_share_fails_the_canary_by_its_own_rate():
    down = counts((30, 30), (270, 270))
    assert judged(down)[1].outcome == "failed"
    assert judged(down, max_error_rate=1)[1].outcome != "failed"
    assert judged(down, max_error_rate=None)[1].outcome != "failed"


def test_slow_requests_fail_the_canary_by_the_edge_that_tells():
    look = {"canary": histogram(300, 150, 18, 9), "stable": histogram(2700, 1350, 81, 0)}
    _, verdict = judged(look)
    assert verdict.outcome == "failed"
    assert "9 of 300 (3%) canary requests took more than 1 s" in verdict.reason


def test_a_latency_like_that_of_stable_is_proven_by_the_edges_that_tell():
    look = {"canary": histogram(300, 135, 15, 0), "stable": histogram(2700, 1215, 135, 0)}
    assert judged(*[look] * 8)[1].outcome == "proven"


def test_nothing_is_proven_about_edges_that_hardly_any_request_is_above():
    look = {"canary": histogram(300, 0, 0, 0), "stable": histogram(2700, 1, 0, 0)}
    assert judged(*[look] * 60)[1].outcome == "undecided"


def test_the_baseline_takes_the_place_of_stable():
    look = counts((300, 15), (2400, 24), baseline=(300, 15))
    _, verdict = judged(*[look] * 10)
    assert verdict.outcome == "proven"
    assert verdict.evidence.against == "baseline"
    assert verdict.evidence.reference.bad == 150


def test_a_look_that_is_not_newer_than_the_last_changes_nothing():
    memory, before = judged(BAD, BAD)
    for moment in (minute(2), minute(1), minute(-600)):
        after, verdict = judge(SequentialJudge(), 0.05, memory, json.dumps(BAD), moment)
        assert after == memory
        assert (verdict.look, verdict.outcome) == ("late", before.outcome)
        assert verdict.evidence == before.evidence
        assert "is not newer than" in verdict.reason


def test_a_gap_between_looks_costs_nothing_but_time():
    memory, _ = judged(BAD, BAD)
    _, sooner = judged(BAD, memory=memory, start=2)
    _, later = judged(BAD, memory=memory, start=200)
    assert sooner.evidence == later.evidence


@pytest.mark.parametrize(
    ("look", "says"),
    [
        (counts((0, 0), (2700, 27)), "canary had no requests"),
        (counts((300, 3), (0, 0)), "stable had no requests"),
        (counts((300, 3), (2700, 27), baseline=(0, 0)), "baseline had no requests"),
        ({"stable": {"requests": 1, "errors": 0}}, "no counts of canary"),
        ({"canary": None, "stable": None}, "no counts of canary"),
    ],
)
def test_an_arm_without_traffic_is_no_data_and_changes_nothing(look, says):
    memory, _ = judged(BAD)
    after, verdict = judged(look, memory=memory, start=1)
    assert after == memory
    assert (verdict.look, verdict.outcome, verdict.reason) == ("noData", "undecided", says)


def test_before_the_first_look_that_counts_there_is_no_evidence():
    memory, verdict = judged("nonsense")
    assert (memory, verdict.look, verdict.outcome, verdict.evidence) == ("", "invalid", "undecided", None)


def test_buckets_that_change_are_left_out_and_the_reason_says_so():
    first = {"canary": histogram(300, 9, 6, 3), "stable": histogram(2700, 80, 50, 20)}
    other = {
        "canary": histogram(300, 9, 6, 3, edges=(0.1, 0.5, 2)),
        "stable": histogram(2700, 80, 50, 20, edges=(0.1, 0.5, 2)),
    }
    memory, _ = judged(first)
    memory, verdict = judged(other, memory=memory, start=1)
    assert verdict.look == "counted"
    assert verdict.reason.startswith("only 0.1, 0.5 could be compared this time; ")
    _, verdict = judged(GOOD, memory=memory, start=2)
    assert (verdict.look, verdict.reason) == (
        "invalid",
        "counts of errors cannot join those of 0.1, 0.5, 1",
    )


def test_of_a_histogram_with_a_hundred_buckets_sixteen_are_taken():
    edges = tuple(range(1, 101))
    arm = histogram(1000, *range(500, 400, -1), edges=edges)
    memory, verdict = judged(*[{"canary": arm, "stable": arm}] * 3)
    assert verdict.look == "counted"
    assert len(json.loads(memory)["signals"]) == 16
    assert len(memory) < 16 * 1024


@pytest.mark.parametrize("memory", ["{", "[]", "null", '{"version":1}', '{"version":99}', "x" * 10**6])
def test_a_memory_that_cannot_be_read_starts_the_test_anew_and_says_so(memory):
    after, verdict = judged(BAD, memory=memory)
    assert after == judged(BAD)[0]
    assert verdict.reason.startswith("started anew, for what the judge remembers is of no use: ")


def test_other_bounds_start_the_test_anew():
    memory, _ = judged(*[BAD] * 5)
    _, verdict = judged(GOOD, memory=memory, start=5, max_ratio=1.5)
    assert (verdict.outcome, verdict.evidence.looks) == ("undecided", 1)
    assert "maxRatio or proveRatio has changed" in verdict.reason


def test_alpha_is_the_price_of_a_verdict():
    looks = [BAD] * 3
    assert judged(*looks, alpha=0.05)[1].outcome == "failed"
    assert judged(*looks, alpha=1e-6)[1].outcome == "undecided"


def test_fractions_count_three_quarters_because_prometheus_extrapolates():
    whole = judged(*[counts((300, 9), (2700, 27))] * 2)[1].evidence
    fractions = judged(*[counts((300.4, 9), (2700, 27))] * 2)[1].evidence
    assert fractions.harm < whole.harm
    assert fractions.canary.bad == 18
