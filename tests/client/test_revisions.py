"""Which template an undo takes."""

import json
from typing import Any

import pytest

from rollouts.api.baseline import BASELINE_OF
from rollouts.client import Refused, RolloutView
from rollouts.client.revisions import find, template_of
from tests.client.samples import rollout

SHOP = RolloutView(rollout())


def replica_set(revision: int, template: dict[str, Any] | None = None, **annotations: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"shop-{revision}",
            "annotations": {"rollout.argoproj.io/revision": str(revision), **annotations},
        },
        "spec": {"template": template or {}},
    }


def test_without_a_number_it_is_the_revision_before_the_newest() -> None:
    found = find(SHOP, [replica_set(4), replica_set(1), replica_set(3)])
    assert found["metadata"]["name"] == "shop-3"


def test_a_number_names_a_revision() -> None:
    assert find(SHOP, [replica_set(4), replica_set(1)], 1)["metadata"]["name"] == "shop-1"


def test_baseline_pods_are_never_taken_for_the_revision_that_they_copy() -> None:
    copy = replica_set(3, **{BASELINE_OF: "abc"})
    copy["metadata"]["name"] = "shop-baseline"
    for sets in ([copy, replica_set(3), replica_set(4)], [replica_set(4), replica_set(3), copy]):
        assert find(SHOP, sets)["metadata"]["name"] == find(SHOP, sets, 3)["metadata"]["name"] == "shop-3"


def test_an_unknown_revision_is_refused_with_those_there_are() -> None:
    with pytest.raises(Refused, match="no revision 9; it has: 1, 4"):
        find(SHOP, [replica_set(4), replica_set(1)], 9)


@pytest.mark.parametrize("sets", [[], [replica_set(1)]])
def test_with_no_older_revision_there_is_nothing_to_go_back_to(sets: list[dict[str, Any]]) -> None:
    with pytest.raises(Refused, match="no revision before the newest"):
        find(SHOP, sets)


def test_the_template_is_as_its_author_wrote_it() -> None:
    """The hash label and the labels that the role of a canary adds are not part of it."""
    template = {
        "metadata": {
            "creationTimestamp": None,
            "labels": {"app": "shop", "rollouts-pod-template-hash": "abc", "role": "canary"},
            "annotations": {"by-role": "x"},
        },
        "spec": {"containers": [{"name": "web"}]},
    }
    added = json.dumps({"labels": {"role": "canary"}, "annotations": {"by-role": "x"}})
    written = template_of(replica_set(1, template, **{"rollout.argoproj.io/ephemeral-metadata": added}))
    assert written == {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "web"}]}}
    assert template["metadata"]["labels"]["role"] == "canary", "the object that was read is shared"
