"""The canary annotations decide as ingress-nginx's balancer does."""

import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.embedded.manifests import ingress
from tests.embedded.proxy.routing import Request, config_of, shares

HEADER, COOKIE = "X-Canary", "canary"
BY_HEADER = {"canary_by_header": HEADER}
BY_VALUE = {**BY_HEADER, "canary_by_header_value": "beta"}
BY_PATTERN = {**BY_HEADER, "canary_by_header_pattern": "b.ta|alpha"}
BY_COOKIE = {"canary_by_cookie": COOKIE}
HALF = {"canary_weight": "50"}
NO, ALL, WEIGHTED = Fraction(0), Fraction(1), Fraction(1, 2)


def share(rules: dict[str, str], header: str | None, cookie: str | None, **services: Any) -> Fraction:
    """The canary's share of such requests."""
    config = config_of(
        **(services or {"ready": ("stable", "canary")}),
        ingresses=[ingress("main", "stable"), ingress("main-canary", "canary", canary="true", **rules)],
    )
    request = Request(
        headers={} if header is None else {HEADER: header}, cookies={} if cookie is None else {COOKIE: cookie}
    )
    return shares(config, request).get("canary", NO)


@pytest.mark.parametrize(
    ("rules", "header", "cookie", "expected"),
    [
        pytest.param({}, None, None, NO, id="a canary without rules gets nothing"),
        pytest.param(HALF, None, None, WEIGHTED, id="the weight splits"),
        pytest.param({"canary_weight": "0"}, None, None, NO, id="weight 0 is nothing"),
        pytest.param({"canary_weight": "100"}, None, None, ALL, id="weight 100 is everything"),
        pytest.param({"canary_weight": "250"}, None, None, ALL, id="a weight over the total is everything"),
        pytest.param({"canary_weight": "soon"}, None, None, NO, id="a weight that is no number is 0"),
        pytest.param(
            {"canary_weight": "50", "canary_weight_total": "1000"}, None, None, Fraction(1, 20), id="a total"
        ),
        pytest.param(
            {"canary_weight": "5", "canary_weight_total": "10"}, None, None, Fraction(1, 20), id="small total"
        ),
        pytest.param({**HALF, **BY_HEADER}, "always", None, ALL, id="header always"),
        pytest.param({**HALF, **BY_HEADER}, "never", None, NO, id="header never"),
        pytest.param({**HALF, **BY_HEADER}, "maybe", None, WEIGHTED, id="another header value falls through"),
        pytest.param({**HALF, **BY_VALUE}, "beta", None, ALL, id="the configured header value"),
        pytest.param(
            {**HALF, **BY_VALUE}, "always", None, WEIGHTED, id="always means nothing beside a value"
        ),
        pytest.param({**HALF, **BY_VALUE}, "never", None, WEIGHTED, id="never means nothing beside a value"),
        pytest.param({**HALF, **BY_PATTERN}, "my beta 1", None, ALL, id="a pattern matches anywhere"),
        pytest.param(
            {**HALF, **BY_PATTERN}, "gamma", None, WEIGHTED, id="a pattern that fails falls through"
        ),
        pytest.param({**BY_VALUE, **BY_PATTERN, **HALF}, "alpha", None, WEIGHTED, id="value before pattern"),
        pytest.param(
            {**HALF, **BY_HEADER, "canary_by_header_pattern": "("}, "x", None, NO, id="a bad pattern: primary"
        ),
        pytest.param({**HALF, **BY_COOKIE}, None, "always", ALL, id="cookie always"),
        pytest.param({**HALF, **BY_COOKIE}, None, "never", NO, id="cookie never"),
        pytest.param({**HALF, **BY_COOKIE}, None, "beta", WEIGHTED, id="another cookie falls through"),
        pytest.param({**BY_HEADER, **BY_COOKIE}, "never", "always", NO, id="the header before the cookie"),
        pytest.param({**BY_HEADER, **BY_COOKIE}, "always", "never", ALL, id="and the other way round"),
        pytest.param({**BY_VALUE, **BY_COOKIE}, "other", "always", ALL, id="then the cookie"),
        pytest.param({"canary_by_header_value": "beta", **HALF}, "beta", None, WEIGHTED, id="a value alone"),
    ],
)
def test_the_share_of_the_canary(
    rules: dict[str, str], header: str | None, cookie: str | None, expected: Fraction
) -> None:
    assert share(rules, header, cookie) == expected


@pytest.mark.parametrize(("header", "cookie"), [("always", None), (None, "always"), (None, None)])
def test_a_canary_without_pods_gets_nothing_not_even_by_header_or_cookie(
    header: str | None, cookie: str | None
) -> None:
    rules = {**BY_HEADER, **BY_COOKIE, "canary_weight": "100"}
    assert share(rules, header, cookie, ready=("stable",), idle=("canary",)) == NO


def as_nginx(rules: dict[str, str], header: str | None, cookie: str | None) -> Fraction:
    """The algorithm in nginx's order, written from its description and not from the routes."""
    if "canary_by_header" in rules and header is not None:
        if rules.get("canary_by_header_value"):
            if header == rules["canary_by_header_value"]:
                return ALL
        elif rules.get("canary_by_header_pattern"):
            if re.search(rules["canary_by_header_pattern"], header):
                return ALL
        elif header in ("always", "never"):
            return ALL if header == "always" else NO
    if "canary_by_cookie" in rules and cookie in ("always", "never"):
        return ALL if cookie == "always" else NO
    total = max(100, int(rules.get("canary_weight_total", "100")))
    return min(ALL, Fraction(int(rules.get("canary_weight", "0")), total))


WORDS = st.sampled_from(["always", "never", "beta", "alpha", "x beta y", ""])
RULES = st.fixed_dictionaries(
    {},
    optional={
        "canary_by_header": st.just(HEADER),
        "canary_by_header_value": st.sampled_from(["beta", "always", ""]),
        "canary_by_header_pattern": st.sampled_from(["^be", "a$", "[ab]+", "never", ""]),
        "canary_by_cookie": st.just(COOKIE),
        "canary_weight": st.integers(0, 120).map(str),
        "canary_weight_total": st.integers(1, 1000).map(str),
    },
)


@given(rules=RULES, header=st.none() | WORDS, cookie=st.none() | WORDS)
def test_every_combination_of_rules_decides_as_nginx_does(
    rules: dict[str, str], header: str | None, cookie: str | None
) -> None:
    assert share(rules, header, cookie) == as_nginx(rules, header, cookie)


@given(rules=RULES, header=st.none() | WORDS, cookie=st.none() | WORDS)
def test_no_request_meets_a_service_without_pods_while_the_primary_has_some(
    rules: dict[str, str], header: str | None, cookie: str | None
) -> None:
    assert share(rules, header, cookie, ready=("stable",), idle=("canary",)) == NO
