"""An API server that starts anew, with nothing in its memory, and a client that knew it before."""

from collections.abc import Callable
from datetime import datetime

import pytest

from rollouts.embedded.api import ApiServer, InProcess
from rollouts.kube.client import Client
from rollouts.kube.errors import Gone
from rollouts.kube.resources import CONFIG_MAPS


async def test_a_watch_from_the_life_before_is_told_to_list_again(clock: Callable[[], datetime]) -> None:
    before = Client(InProcess(ApiServer(clock, first_version=1000)))
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    known = (await before.create(CONFIG_MAPS, body, "default"))["metadata"]["resourceVersion"]
    after = Client(InProcess(ApiServer(clock, first_version=2000)))
    await after.create(CONFIG_MAPS, body, "default")
    with pytest.raises(Gone):
        await anext(after.watch(CONFIG_MAPS, resourceVersion=known))
    listed = (await after.list(CONFIG_MAPS))["metadata"]["resourceVersion"]
    await after.create(CONFIG_MAPS, {**body, "metadata": {"name": "y"}}, "default")
    event = await anext(after.watch(CONFIG_MAPS, resourceVersion=listed))
    assert event["object"]["metadata"]["name"] == "y"
