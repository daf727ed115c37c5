"""One measurement and its conditions."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.judgement import asked, judge
from analysis.values import decode, encode
from rollouts.api.analysis import Measurement, Metric

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
NO_DATA = "metric result is nil or empty: no data returned from the metric provider"


def judged(value, success="", failure="", message=""):
    metric = Metric(name="m", success_condition=success, failure_condition=failure)
    return judge(metric, Measurement(value=encode(value), message=message, finished_at=NOW), NOW)


@pytest.mark.parametrize(
    ("success", "failure", "value", "phase"),
    [
        ("", "", 1, "Successful"),
        ("result > 1", "", 2, "Successful"),
        ("result > 1", "", 1, "Failed"),
        ("", "result > 1", 2, "Failed"),
        ("", "result > 1", 1, "Successful"),
        ("result < 1", "result > 2", 0, "Successful"),
        ("result < 1", "result > 2", 3, "Failed"),
        ("result < 1", "result > 2", 1.5, "Inconclusive"),
        ("result > 1", "result > 2", 3, "Failed"),
        ("result.ok", "", {"ok": True}, "Successful"),
        ("result == 'up'", "", "up", "Successful"),
    ],
)
def test_conditions_give_the_phase(success, failure, value, phase):
    assert judged(value, success, failure).phase == phase


@pytest.mark.parametrize("value", [None, "", [], {}, math.nan, [math.nan], [1, math.nan], [None]])
@pytest.mark.parametrize(
    ("success", "failure"),
    [
        ("", ""),
        ("result >= 0.95", ""),
        ("result[0] >= 0.95", ""),
        ("", "result < 0.95"),
        ("", "result[0] < 0.95"),
        ("all(result ?? [], # >= 0.95)", ""),
        ("default(result, 1) == 1", ""),
        ("true", ""),
        ("true", "false"),
        ("!(result < 1)", "result < 1"),
    ],
)
def test_no_data_is_never_success_whatever_the_conditions_say(value, success, failure):
    outcome = judged(value, success, failure)
    assert outcome.phase == "Error"
    assert "no data returned from the metric provider" in outcome.message


def test_no_data_fails_where_the_failure_condition_says_so():
    assert judged(math.nan, "", "isNaN(result)").phase == "Failed"
    assert judged([], "result[0] > 1", "len(result) == 0").phase == "Failed"


def test_no_data_tells_why():
    assert judged([], "result[0] > 1").message == NO_DATA
    assert (
        judged(None, message="3 requests, fewer than 10").message == f"{NO_DATA}: 3 requests, fewer than 10"
    )
    assert judged(math.nan).message.startswith("metric result is NaN: no data")


def test_a_condition_that_does_not_fit_is_an_error_that_quotes_it_and_the_result():
    outcome = judged("up", "result >= 0.95")
    assert outcome.phase == "Error"
    assert outcome.message == (
        'condition "result >= 0.95" on result "up": '
        "invalid operation: >= (mismatched types string and float64) (character 8)"
    )


@pytest.mark.parametrize(("success", "failure"), [("result.a > 0", "true"), ("true", "result.a > 0")])
def test_a_condition_that_does_not_fit_is_an_error_whatever_the_other_one_says(success, failure):
    assert judged([1], success, failure).phase == "Error"


def test_a_phase_of_the_provider_stays_and_gets_an_end():
    assert judge(Metric(name="m"), Measurement(phase="Failed"), NOW).phase == "Failed"
    assert judge(Metric(name="m"), Measurement(phase="Error", message="x"), NOW).finished_at == NOW


def test_a_measurement_under_way_is_left_alone():
    running = Measurement(phase="Running", resume_at=NOW)
    assert judge(Metric(name="m"), running, NOW) == running


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_a_value_survives_being_written_into_a_measurement(value):
    assert decode(encode(value)) == value


@pytest.mark.parametrize(
    ("text", "value"), [("+Inf", math.inf), ("-Inf", -math.inf), ("up", "up"), ("1.5", 1.5)]
)
def test_values_that_upstream_has_written_are_read(text, value):
    assert decode(text) == value


def test_a_value_nested_beyond_reading_is_taken_as_text():
    assert isinstance(decode("[" * 100_000), str)


DATADOG = {"apiVersion": "v2", "queries": {"b": "sum:hits{*}", "a": "sum:errors{*}"}, "formula": "a / b"}
STAT = {"metric": {"namespace": "app", "metricName": "errors"}, "period": 60, "stat": "Sum"}
CLOUD_WATCH = {
    "metricDataQueries": [
        {"id": "rate", "expression": "errors / 60"},
        {"id": "errors", "metricStat": STAT, "returnData": False},
    ]
}


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ({"wavefront": {"address": "x", "query": "ts(load)"}}, "ts(load)"),
        ({"web": {"url": "http://x/"}}, "http://x/"),
        ({"datadog": DATADOG}, "a / b; a = sum:errors{*}; b = sum:hits{*}"),
        ({"cloudWatch": CLOUD_WATCH}, "rate = errors / 60; errors = Sum of errors"),
        ({"job": {"spec": {}}}, ""),
    ],
)
def test_the_evidence_says_what_was_asked_also_in_several_parts(provider, said):
    metric = Metric.model_validate({"name": "m", "provider": provider})
    assert asked(metric, Measurement(value="1")) == said
