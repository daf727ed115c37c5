"""The one write of status: only the difference, only onto what was seen."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.controller.status import difference, write_status
from rollouts.kube.errors import Conflict
from rollouts.kube.resources import SERVICES
from tests.controller.api import server, virtually

_LEAF = st.integers() | st.text(max_size=3) | st.booleans() | st.lists(st.integers(), max_size=2)
_OBJECT = st.recursive(
    st.dictionaries(st.sampled_from("abc"), _LEAF, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner | _LEAF, max_size=3),
    max_leaves=8,
)


def merge(target: Any, patch: Any) -> Any:
    """RFC 7396, as it is written there."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value)
    return result


@given(_OBJECT, _OBJECT)
def test_the_difference_turns_the_one_into_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert merge(before, difference(before, after)) == after


@given(_OBJECT)
def test_equal_things_have_no_difference(one: dict[str, Any]) -> None:
    assert difference(one, one) == {}


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "x", "namespace": "default"},
    "spec": {"ports": [{"port": 80}]},
}
BUSY = {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}


@virtually
async def test_nothing_is_written_when_nothing_changes() -> None:
    _, client = server()
    seen = await client.create(SERVICES, SERVICE, "default")
    assert not await write_status(client, SERVICES, seen, dict(seen.get("status") or {}))
    assert await client.get(SERVICES, "x", "default") == seen


@virtually
async def test_a_status_decided_on_an_older_version_is_refused() -> None:
    _, client = server()
    seen = await client.create(SERVICES, SERVICE, "default")
    await client.patch(SERVICES, "x", {"metadata": {"labels": {"a": "b"}}}, "default")
    with pytest.raises(Conflict):
        await write_status(client, SERVICES, seen, BUSY)
