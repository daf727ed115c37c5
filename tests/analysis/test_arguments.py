"""`{{args.name}}` and what may come of it."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.arguments import redact, resolve
from rollouts.api.analysis import Metric
from rollouts.api.errors import InvalidSpec

_text = st.text(max_size=20)


def web(**fields):
    return Metric.model_validate({"name": "m", "provider": {"web": {"url": "http://x/", **fields}}})


@given(_text)
def test_any_value_stands_where_its_name_stood(value):
    metric = web(
        url="http://x/{{ args.a }}/{{args.a}}", body="{{args.a}}", jsonBody={"k{{args.a}}": ["{{args.a}}"]}
    )
    resolved = resolve(metric, {"a": value}).provider.web
    assert resolved.url == f"http://x/{value}/{value}"
    assert resolved.body == value
    assert resolved.json_body == {f"k{value}": [value]}


def test_a_value_is_not_looked_into_again():
    assert resolve(web(body="{{args.a}}"), {"a": "{{args.b}}", "b": "x"}).provider.web.body == "{{args.b}}"


@pytest.mark.parametrize("tag", ["args.b", "arg.a", "a", "", "inputs.x"])
def test_a_name_that_is_no_argument_is_refused_with_those_that_are(tag):
    with pytest.raises(InvalidSpec) as caught:
        resolve(web(body=f"{{{{{tag}}}}}"), {"a": "1"})
    assert caught.value.message == f"failed to resolve {{{{{tag}}}}}; the arguments are: args.a"


def test_braces_alone_are_left():
    assert resolve(web(body="{{ {a: 1} }"), {}).provider.web.body == "{{ {a: 1} }"


@given(st.text('AB"\\é/', min_size=1, max_size=10), st.text("xy ", max_size=5), st.text("xy ", max_size=5))
def test_a_secret_is_gone_in_every_spelling(secret, before, after):
    for spelling in (secret, json.dumps(secret)[1:-1], quote(secret)):
        assert redact(before + spelling + after, [secret]) == f"{before}*****{after}"


def test_the_longer_of_two_secrets_goes_first():
    assert redact("token-1 token", ["token", "token-1"]) == "***** *****"


@pytest.mark.parametrize("place", ["{{window}}", "{{ window }}", "{{baseline.service}}"])
def test_what_is_known_only_when_a_query_is_sent_stays_below_arms_and_is_refused_elsewhere(place):
    arms = {side: {"requests": f"x{place}", "errors": "{{args.a}}"} for side in ("canary", "stable")}
    metric = Metric.model_validate({"name": "m", "provider": {"prometheus": {"arms": arms}}})
    found = resolve(metric, {"a": "1"}).provider.prometheus.arms.canary
    assert (found.requests, found.errors) == (f"x{place}", "1")
    with pytest.raises(InvalidSpec):
        resolve(web(body=place), {"a": "1"})
