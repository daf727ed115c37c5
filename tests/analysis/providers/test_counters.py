"""Envoy's counters: reading, differences over resets, quantiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.providers.traffic import counters

STATS = """
# TYPE envoy_cluster_upstream_rq_xx counter
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="shop/web/80"} 90
envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="shop/web/80"} 10
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="shop/web/8080"} 5
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="shop/web-canary/80"} 7
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop/web/80"} 100
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="shop/web/80",le="10"} 50
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="shop/web/80",le="100"} 100
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="shop/web/80",le="+Inf"} 100
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="shop/web/80",le="many"} 100
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="shop/web/80"} 100
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="shop/web/81"} NaN
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="shop/web/80"} 1234
garbage
"""


def test_only_the_counters_of_the_service_are_read():
    read = counters.read(STATS, "shop", "web")
    assert read == {
        "shop/web/80": {"2": 90, "5": 10, "le=10": 50, "le=100": 100, "le=+Inf": 100},
        "shop/web/8080": {"2": 5},
    }


def test_ports_are_added_up():
    series = counters.between({}, counters.read(STATS, "shop", "web"))
    assert counters.requests(series) == 105
    assert counters.success_rate(series) == pytest.approx(95 / 105)
    assert counters.timed(series) == 100


def test_what_was_there_before_does_not_count():
    before = {"c": {"2": 80, "5": 10}}
    after = {"c": {"2": 90, "5": 10}}
    assert counters.between(before, after) == {"2": 10, "5": 0}


def test_after_a_reset_all_that_shows_counts():
    assert counters.between({"c": {"2": 1000, "5": 0}}, {"c": {"2": 10, "5": 3}}) == {"2": 10, "5": 3}


def test_a_series_that_vanished_is_a_reset_too():
    assert counters.between({"c": {"2": 3, "5": 1}}, {"c": {"2": 10}}) == {"2": 10}


def test_errors_do_not_hide_behind_a_counter_that_overtook_its_past():
    """Two errors before, three since the reset: three are counted, not one."""
    assert counters.between({"c": {"2": 1000, "5": 2}}, {"c": {"2": 10, "5": 3}})["5"] == 3


@pytest.mark.parametrize(
    ("bad", "total", "rate"), [(1, 100, 0.99), (7, 100, 0.93), (3, 60, 0.95), (0, 7, 1.0)]
)
def test_a_rate_is_exactly_what_one_would_write(bad, total, rate):
    assert counters.success_rate({"2": total - bad, "5": bad}) == rate


def test_without_requests_there_is_no_rate_and_no_quantile():
    assert counters.success_rate({}) is None
    assert counters.quantile({}, 0.5) is None
    assert counters.quantile({"le=10": 0, "le=+Inf": 0}, 0.5) is None


@pytest.mark.parametrize(("q", "expected"), [(0.5, 10.0), (0.25, 5.0), (0.75, 55.0), (0.99, 98.2)])
def test_a_quantile_is_linear_within_its_bucket(q, expected):
    series = {"le=10": 50, "le=100": 100, "le=+Inf": 100}
    assert counters.quantile(series, q) == pytest.approx(expected)


def test_a_quantile_beyond_the_last_bound_is_that_bound():
    assert counters.quantile({"le=10": 1, "le=100": 1, "le=+Inf": 100}, 0.99) == 100


@given(
    st.dictionaries(st.sampled_from(["2", "3", "4", "5"]), st.integers(0, 10**9)),
    st.dictionaries(st.sampled_from(["2", "3", "4", "5"]), st.integers(0, 10**9)),
)
def test_counts_are_never_negative_and_rates_lie_between_0_and_1(before, after):
    series = counters.between({"c": before}, {"c": after})
    assert all(count >= 0 for count in series.values())
    rate = counters.success_rate(series)
    assert rate is None or 0 <= rate <= 1


@given(st.lists(st.integers(0, 1000), min_size=3, max_size=6), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_higher_quantile_is_never_lower(steps, one, other):
    total, series = 0, {}
    for place, step in enumerate(steps):
        total += step
        bound = "+Inf" if place == len(steps) - 1 else str(10**place)
        series[f"le={bound}"] = total
    low, high = (counters.quantile(series, q) for q in sorted((one, other)))
    assert (low is None) == (high is None) == (total == 0)
    assert low is None or low <= high + 1e-9


def test_counters_survive_being_written_into_a_measurement():
    read = counters.read(STATS, "shop", "web")
    assert counters.unpack(counters.pack(read, latency=False)) == {
        "shop/web/80": {"2": 90, "5": 10},
        "shop/web/8080": {"2": 5},
    }
    assert counters.unpack(counters.pack(read, latency=True))["shop/web/80"]["le=10"] == 50


@given(
    st.lists(st.integers(0, 5), min_size=6, max_size=6), st.lists(st.integers(0, 5), min_size=6, max_size=6)
)
def test_buckets_that_are_left_out_of_a_measurement_change_nothing(first, more):
    bounds = ["1", "5", "10", "100", "1000", "+Inf"]
    before = {f"le={bound}": float(sum(first[: place + 1])) for place, bound in enumerate(bounds)}
    after = {name: before[name] + sum(more[: place + 1]) for place, name in enumerate(before)}
    packed = counters.unpack(counters.pack({"c": before}, latency=True))
    assert counters.between(packed, {"c": after}) == counters.between({"c": before}, {"c": after})


def test_a_measurement_holds_no_bucket_twice():
    series = {f"le={bound}": 7.0 for bound in range(1, 31)} | {"le=+Inf": 7.0, "2": 7.0}
    assert counters.pack({"c": series}, latency=True) == '{"c":{"le=1":7.0,"le=+Inf":7.0}}'


@pytest.mark.parametrize("text", ["", "no", "[]", '{"a": 1}', '{"a": {"2": "c"}}', "null"])
def test_what_is_no_counters_is_none(text):
    assert counters.unpack(text) is None


def test_names_that_are_none_are_passed_over():
    assert counters.unpack('{"c": {"le=many": 1, "x": 2, "5": 3}}') == {"c": {"5": 3}}


def test_the_filter_sees_raw_names():
    assert counters.filter_expression("shop", "web-canary") == (
        r"^cluster\.shop/web\-canary/\d+\.upstream_rq_(\dxx|time)$"
    )
