"""The controller's account has the rights that it needs, and no others: all tests before this one tell."""

import os
from pathlib import Path

import pytest

from tests.e2e.kubernetes import rights
from tests.places import REPOSITORY

pytestmark = pytest.mark.skipif(
    "ROLLOUTS_TEST_AUDIT" not in os.environ, reason="what was asked of a cluster that is given is not known"
)

MANIFEST = REPOSITORY / "crds/install/rbac.yaml"


@pytest.fixture(scope="module")
def events() -> list[rights.Object]:
    return list(rights.requests(Path(os.environ["ROLLOUTS_TEST_AUDIT"])))


def test_nothing_that_the_controller_asked_for_was_forbidden(events: list[rights.Object]) -> None:
    assert len(events) > 1000, "run the whole lane"
    assert rights.refused(events) == []


def test_every_right_of_the_controller_was_needed_by_a_test(events: list[rights.Object]) -> None:
    idle = rights.granted(MANIFEST) - rights.used(events)
    assert not idle, f"{MANIFEST.name} grants in vain: {', '.join(sorted(map(str, idle)))}"
