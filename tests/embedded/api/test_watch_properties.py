"""What a watch tells adds up to what a list shows, whatever happens."""

from hypothesis import given
from hypothesis import strategies as st

from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.virtual_time import run
from rollouts.kube.client import Client
from rollouts.kube.errors import AlreadyExists, NotFound
from rollouts.kube.resources import CONFIG_MAPS
from tests.embedded.api.conftest import Clock
from tests.embedded.api.objects import config_map

NAMES = st.sampled_from("abc")
LABELS = st.sampled_from(["web", "db", None])
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), NAMES, LABELS),
        st.tuples(st.just("label"), NAMES, LABELS),
        st.tuples(st.just("delete"), NAMES, st.none()),
    ),
    max_size=25,
)


async def act(client, action, name, label):
    try:
        if action == "create":
            body = config_map(name)
            body["metadata"]["labels"] = {"tier": label} if label else {}
            await client.create(CONFIG_MAPS, body, "default")
        elif action == "label":
            await client.patch(CONFIG_MAPS, name, {"metadata": {"labels": {"tier": label}}}, "default")
        else:
            await client.delete(CONFIG_MAPS, name, "default")
    except (AlreadyExists, NotFound):
        return


@given(actions=ACTIONS, begin=st.integers(0, 25), selector=st.sampled_from(["", "tier=web", "tier!=web"]))
def test_events_add_up_to_the_list(actions, begin, selector):
    """From any moment on, with any selector: list, watch, and the sum is the next list."""

    async def story():
        client = Client(InProcess(ApiServer(Clock(), seed=1)))
        for action in actions[:begin]:
            await act(client, *action)
        first = await client.list(CONFIG_MAPS, "default", label_selector=selector)
        known = {item["metadata"]["name"]: item for item in first["items"]}
        for action in actions[begin:]:
            await act(client, *action)
        start = first["metadata"]["resourceVersion"]
        versions = [int(start)]
        async for event in client.watch(
            CONFIG_MAPS, "default", resourceVersion=start, labelSelector=selector, timeoutSeconds="1"
        ):
            name = event["object"]["metadata"]["name"]
            versions.append(int(event["object"]["metadata"]["resourceVersion"]))
            if event["type"] == "ADDED":
                assert name not in known
            else:
                assert name in known
            known[name] = event["object"]
            if event["type"] == "DELETED":
                del known[name]
        last = await client.list(CONFIG_MAPS, "default", label_selector=selector)
        assert known == {item["metadata"]["name"]: item for item in last["items"]}
        assert versions == sorted(set(versions))

    run(story())
