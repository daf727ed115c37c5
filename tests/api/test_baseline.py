"""The name of the Service of baseline pods."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.api.baseline import service_name

SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def test_it_tells_whose_it_is() -> None:
    assert service_name("shop") == "shop-baseline"


@given(st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?", fullmatch=True))
def test_every_rollout_has_one_that_a_service_may_bear(rollout: str) -> None:
    name = service_name(rollout)
    assert SERVICE.fullmatch(name)
    assert len(name) <= 63


@pytest.mark.parametrize(("one", "other"), [("a" * 60, "a" * 61), ("1-shop", "2-shop"), ("a.b", "a.c")])
def test_rollouts_whose_names_do_not_fit_have_different_ones(one: str, other: str) -> None:
    assert service_name(one) != service_name(other)
