"""The controller's account has the rights that it needs, and no others: all tests before this one tell."""

import os
from pathlib import Path

import pytest

from tests.e2e.kubernetes import rights
from tests.places import REPOSITORY

pytestmark = pytest.mark.skipif(
    "ROLLOUTS_TEST_AUDIT" not in os.environ, reason="what was asked of a cluster that is given is not known"
)

MANIFESTS = [
    REPOSITORY / "crds/install" / name for name in ("rbac.yaml", "keptn.yaml", "external-metrics.yaml")
]
"""The first is installed with the controller; the others by whoever uses what they are for."""


@pytest.fixture(scope="module")
def events() -> list[rights.Object]:
    return list(rights.requests(Path(os.environ["ROLLOUTS_TEST_AUDIT"])))


def test_nothing_that_the_controller_asked_for_was_forbidden(events: list[rights.Object]) -> None:
    assert len(events) > 1000, "run the whole lane"
    assert rights.refused(events) == []


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.name)
def test_every_right_of_the_controller_was_needed_by_a_test(
    events: list[rights.Object], manifest: Path
) -> None:
    idle = {right for right in rights.granted(manifest) if not any(map(right.covers, rights.used(events)))}
    assert not idle, f"{manifest.name} grants in vain: {', '.join(sorted(map(str, idle)))}"
