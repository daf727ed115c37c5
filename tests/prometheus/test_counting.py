"""The queries of the built-in metrics, evaluated by Prometheus: each request counts in exactly one window."""

import subprocess
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from analysis.providers.traffic.queries import ROUTERS, Asked, arm, of_window
from tests.prometheus.server import program

pytestmark = [pytest.mark.cluster, pytest.mark.prometheus]

LABELS = {
    "k8s.io/ingress-nginx": 'namespace="shop",service="web",canary="",status="{code}"',
    "istio.io/gateway-controller": (
        'reporter="source",destination_service_namespace="shop",destination_service_name="web",'
        'response_code="{code}"'
    ),
    "istio.io/ingress-controller": (
        'reporter="source",destination_service_namespace="shop",destination_service_name="web",'
        'response_code="{code}"'
    ),
    "kgateway.dev/kgateway": 'envoy_cluster_name="kube_shop_web_80",envoy_response_code="{code}"',
    "linkerd.io/policy-controller": (
        'backend_kind="Service",backend_namespace="shop",backend_name="web",http_status="{code}"'
    ),
    "projectcontour.io/gateway-controller": ('envoy_cluster_name="shop_web_80",envoy_response_code="{code}"'),
    "traefik.io/gateway-controller": 'service="shop-web-80@kubernetesgateway",code="{code}"',
    "traefik.io/ingress-controller": 'service="shop-web-http@kubernetes",code="{code}"',
}
"""How each router labels what it counts for Service `web` in namespace `shop`."""
OTHERS = {
    "k8s.io/ingress-nginx": [
        'namespace="shop",service="web-canary",canary=""',
        'namespace="shop",service="web",canary="shop-web-canary-80"',
        'namespace="other",service="web",canary=""',
    ],
    "kgateway.dev/kgateway": ['envoy_cluster_name="kube_shop_web-canary_80"'],
    "projectcontour.io/gateway-controller": ['envoy_cluster_name="shop_web-canary_80"'],
    "traefik.io/gateway-controller": ['service="shop-web-canary-80@kubernetesgateway"'],
    "traefik.io/ingress-controller": ['service="shop-web-canary-80@kubernetes"'],
}
"""What is counted for others."""
ROUTER = "projectcontour.io/gateway-controller"
MINUTE = timedelta(minutes=1)


def evaluated(
    folder: Path, series: dict[str, str], expected: list[tuple[str, str, dict[str, float]]]
) -> None:
    """Have promtool evaluate expressions at times over series with a sample each 15 s."""
    samples = [
        {
            "expr": query,
            "eval_time": at,
            "exp_samples": [{"labels": labels, "value": value} for labels, value in values.items()],
        }
        for query, at, values in expected
    ]
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": samples,
    }
    (folder / "test.yaml").write_text(yaml.safe_dump({"evaluation_interval": "15s", "tests": [test]}))
    command = [program("promtool"), "test", "rules", "test.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("controller", ROUTERS)
def test_each_router_is_asked_for_what_it_counts_for_the_service_alone(
    tmp_path: Path, controller: str
) -> None:
    counters = ROUTERS[controller](Asked(namespace="shop", service="web"))
    made = arm(counters, MINUTE, latency=False)
    slow = arm(counters, MINUTE, latency=True)
    alone = of_window(counters, MINUTE, 0.5)
    median = 0.26 * 1000 / counters.per_second
    labels = LABELS[controller]
    series = {
        f"{counters.counter}{{{labels.format(code=200)}}}": "100+9x8",
        f"{counters.counter}{{{labels.format(code=503)}}}": "5+1x8",
    }
    for le, step in (("0.1", 3), ("0.5", 8), ("+Inf", 10)):
        series[f'{counters.buckets}{{le="{le}",{labels.format(code=200)}}}'] = f"7+{step}x8"
    for other in OTHERS.get(controller, []):
        series[f'{counters.counter}{{{counters.code}="500",{other}}}'] = "0+1000x8"
        series[f'{counters.buckets}{{le="+Inf",{other}}}'] = "0+1000x8"
    evaluated(
        tmp_path,
        series,
        [
            (made.requests, "2m", {"{}": 40}),
            (made.errors, "2m", {"{}": 4}),
            (slow.buckets, "2m", {'{le="0.1"}': 12, '{le="0.5"}': 32, '{le="+Inf"}': 40}),
            (alone.requests, "2m", {"{}": 40}),
            (alone.success_rate, "2m", {"{}": 0.9}),
            (alone.latency, "2m", {"{}": median}),
        ],
    )


def test_the_canary_of_ingress_nginx_is_told_by_its_upstream(tmp_path: Path) -> None:
    counters = ROUTERS["k8s.io/ingress-nginx"](Asked(namespace="shop", service="web-canary", canary=True))
    made = arm(counters, MINUTE, latency=False)
    name, upstream = counters.counter, 'canary="shop-web-canary-80"'
    series = {
        f'{name}{{namespace="shop",service="web",{upstream},status="200"}}': "0+9x8",
        f'{name}{{exported_namespace="shop",namespace="ingress",{upstream},status="500"}}': "0+1x8",
        f'{name}{{namespace="shop",service="web",canary="",status="500"}}': "0+100x8",
    }
    evaluated(tmp_path, series, [(made.requests, "2m", {"{}": 40}), (made.errors, "2m", {"{}": 4})])


@pytest.mark.parametrize("controller", ROUTERS)
def test_labels_that_scraping_has_renamed_are_found_too(tmp_path: Path, controller: str) -> None:
    counters = ROUTERS[controller](Asked(namespace="shop", service="web"))
    if len(counters.selectors) == 1:
        assert not {"namespace", "service"} & {
            part.partition("=")[0] for part in counters.selectors[0].split(",")
        }
        return
    labels = LABELS[controller].format(code=200)
    renamed = labels.replace("namespace=", "exported_namespace=").replace("service=", "exported_service=")
    series = {f'{counters.counter}{{namespace="ingress",service="controller",{renamed}}}': "0+1x8"}
    evaluated(tmp_path, series, [(arm(counters, MINUTE, latency=False).requests, "2m", {"{}": 4})])


def test_a_service_that_nobody_asked_anything_has_no_requests_and_an_empty_bucket(tmp_path: Path) -> None:
    counters = ROUTERS[ROUTER](Asked(namespace="shop", service="web"))
    made, slow = (arm(counters, MINUTE, latency=latency) for latency in (False, True))
    evaluated(
        tmp_path,
        {"up": "1x8"},
        [
            (made.requests, "2m", {"{}": 0}),
            (made.errors, "2m", {"{}": 0}),
            (slow.buckets, "2m", {'{le="+Inf"}': 0}),
        ],
    )


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        pytest.param("100+10x12", [40, 40, 40], id="steady"),
        pytest.param("100 100 100 100 100 101 101 101 101 101 101 101 150", [0, 1, 49], id="single requests"),
        pytest.param("_ _ _ _ _ _ 5 6 7 8 9 9 9", [0, 7, 2], id="a series that appears counts from nothing"),
        pytest.param("100+10x4 stale _ _ _ _ _ _ _", [40, 0, 0], id="a series that vanishes stands still"),
        pytest.param(
            "100 110 120 stale _ _ _ 170 180 190 200 210 220", [20, 60, 40], id="a scrape that failed"
        ),
        pytest.param("100+10x4 _x3 180+10x4", [40, 40, 40], id="samples that are missing"),
        pytest.param("100 110 120 130 140 3 13 23 33 43 53 63 73", [40, 33, 40], id="a reset"),
        pytest.param("100 110 120 130 140 0 0 0 0 0 0 0 0", [40, 0, 0], id="a reset to nothing"),
    ],
)
def test_windows_that_follow_each_other_count_each_request_once(
    tmp_path: Path, values: str, counts: list[int]
) -> None:
    """Windows of one minute, whose ends fall between scrapes."""
    counters = ROUTERS[ROUTER](Asked(namespace="shop", service="web"))
    query = arm(counters, MINUTE, latency=False).requests
    labels = LABELS[ROUTER].format(code=200)
    ends = [(query, f"{minute}m7s", {"{}": count}) for minute, count in zip((1, 2, 3), counts, strict=True)]
    evaluated(tmp_path, {f"{counters.counter}{{{labels}}}": values}, ends)


def test_windows_of_any_length_add_up_to_what_the_counter_grew_by(tmp_path: Path) -> None:
    counters = ROUTERS[ROUTER](Asked(namespace="shop", service="web"))
    labels = LABELS[ROUTER].format(code=200)
    grown = [0, 3, 3, 4, 9, 9, 9, 20, 21, 40, 40, 41, 55, 60, 61, 70, 70, 71, 80, 81, 99]
    ends = [0, 15, 16, 31, 59, 60, 100, 107, 108, 200, 300]
    expected = []
    for begin, end in pairwise(ends):
        query = arm(counters, timedelta(seconds=end - begin), latency=False).requests
        value = grown[end // 15] - grown[begin // 15]
        expected.append((query, f"{end}s", {"{}": float(value)}))
    evaluated(tmp_path, {f"{counters.counter}{{{labels}}}": " ".join(map(str, grown))}, expected)
