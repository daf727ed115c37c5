"""What a step can see, before there is one."""

from dataclasses import replace

import pytest

from analysis.judges.sequential.verdict import Terms
from analysis.planning import Setting, course, forecast, smallest
from rollouts.api.judges import SequentialJudge

SETTING = Setting(
    terms=Terms(SequentialJudge(), 0.05), rps=50, weight=0.1, error_rate=0.01, interval=60, warm_up=120
)


def test_twice_the_errors_take_minutes_and_a_gross_failure_one_look():
    twice, gross = (forecast(SETTING, rate, within=900) for rate in (0.02, 0.2))
    assert 480 <= twice.needed <= 1500
    assert gross.needed == 180
    assert gross.power == 1


def test_what_a_step_needs_is_what_it_must_last_to_find_it_nineteen_times_in_twenty():
    needed = forecast(SETTING, 0.02, within=60).needed
    assert forecast(SETTING, 0.02, within=needed).power >= 0.95
    assert forecast(SETTING, 0.02, within=needed - 60).power < 0.95


def test_the_least_that_is_found_in_time_is_found_in_time():
    least = smallest(SETTING, within=600)
    assert 0.02 < least < 0.05
    assert forecast(SETTING, least, within=600).power >= 0.95


@pytest.mark.parametrize(
    ("easier", "value"), [("rps", 500.0), ("weight", 0.5), ("error_rate", 0.005), ("interval", 30.0)]
)
def test_more_requests_fewer_errors_and_more_looks_make_it_no_slower(easier, value):
    plain = forecast(SETTING, 0.025, within=1800).needed
    assert forecast(replace(SETTING, **{easier: value}), 0.025, within=1800).needed <= plain


def test_a_baseline_of_the_same_share_takes_longer_than_all_of_stable():
    beside = replace(SETTING, baseline=True)
    assert forecast(beside, 0.02, within=900).needed > forecast(SETTING, 0.02, within=900).needed


def test_nothing_is_found_in_a_step_that_is_shorter_than_the_warm_up_and_one_look():
    assert smallest(SETTING, within=170) is None
    told = forecast(SETTING, 0.5, within=170)
    assert told.power == 0
    assert told.cost == pytest.approx(170 * 5 * 0.49)


def test_what_is_acceptable_is_never_a_regression_to_be_found():
    assert forecast(SETTING, 0.0105, within=3600).needed is None


def test_an_analysis_that_goes_on_over_steps_sees_more_by_the_end_of_each():
    told = course(SETTING, [(0.1, 300), (0.2, 300), (0.4, 600)], 0.02)
    first, second, third = told.found
    assert first < second < third
    assert third > forecast(replace(SETTING, weight=0.4), 0.02, within=600).power
    assert 0 < told.cost < 50 * 0.01 * (0.1 * 300 + 0.2 * 300 + 0.4 * 600)


def test_over_one_step_a_background_analysis_is_that_of_the_step():
    told, alone = course(SETTING, [(0.1, 900)], 0.02), forecast(SETTING, 0.02, within=900)
    assert (told.found, told.cost) == ((alone.power,), pytest.approx(alone.cost))


def test_a_background_analysis_that_is_over_before_its_first_look_finds_nothing():
    assert course(SETTING, [(0.1, 60), (0.2, 60)], 0.5).found == (0, 0)
