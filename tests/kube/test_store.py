"""The store answers by name, by namespace and by owner, and is replaced whole."""

from rollouts.api.meta import Object
from rollouts.kube.resources import PODS, REPLICA_SETS
from rollouts.kube.store import Index, Writer


def obj(name: str, namespace: str = "a", owner: str = "", version: str = "1") -> Object:
    metadata: Object = {"name": name, "namespace": namespace, "resourceVersion": version}
    if owner:
        metadata["ownerReferences"] = [{"uid": owner, "kind": "ReplicaSet", "name": "x"}]
    return {"metadata": metadata}


def names(objects: tuple[Object, ...]) -> list[str]:
    return [each["metadata"]["name"] for each in objects]


def test_an_object_is_found_by_kind_namespace_and_name() -> None:
    store = Writer()
    store.put(PODS, obj("x"))
    assert store.get(PODS, "x", "a") == obj("x")
    assert store.get(PODS, "x", "b") is None
    assert store.get(REPLICA_SETS, "x", "a") is None


def test_lists_are_in_order_and_by_namespace() -> None:
    store = Writer()
    for name, namespace in (("z", "b"), ("y", "a"), ("x", "b")):
        store.put(PODS, obj(name, namespace))
    assert names(store.list(PODS, "b")) == ["x", "z"]
    assert names(store.list(PODS)) == ["y", "x", "z"]


def test_children_are_found_by_the_uid_of_their_owner_as_it_is_now() -> None:
    store = Writer()
    store.put(PODS, obj("x", owner="one"))
    store.put(PODS, obj("y", owner="one"))
    store.put(PODS, obj("x", owner="two"))
    assert names(store.owned(PODS, "one")) == ["y"]
    assert names(store.owned(PODS, "two")) == ["x"]
    store.remove(PODS, obj("y", owner="one"))
    assert store.owned(PODS, "one") == ()


def test_a_new_list_takes_the_place_of_the_old_one_and_a_reader_keeps_what_it_read() -> None:
    store = Writer()
    store.put(PODS, obj("old", owner="one"))
    before = store.list(PODS)
    store.replace(PODS, [obj("new", owner="one")])
    assert names(before) == ["old"]
    assert names(store.list(PODS)) == ["new"]
    assert names(store.owned(PODS, "one")) == ["new"]


def test_an_index_finds_objects_as_they_are_now_whenever_it_was_asked_for() -> None:
    by_version = Index(PODS, lambda each: [each["metadata"]["resourceVersion"]])
    store = Writer()
    store.put(PODS, obj("early"))
    draft = store.draft(PODS)
    draft.put(obj("listed"))
    store.keep(by_version)
    store.put(PODS, obj("late"))
    assert names(store.find(by_version, "1")) == ["early", "late"]
    store.put(PODS, obj("late", version="2"))
    store.remove(PODS, obj("early"))
    assert names(store.find(by_version, "1")) == []
    assert names(store.find(by_version, "2")) == ["late"]
    store.swap(PODS, draft)
    assert names(store.find(by_version, "1")) == ["listed"]
    assert names(store.find(by_version, "2")) == []


def test_removing_what_is_not_there_does_nothing() -> None:
    store = Writer()
    store.remove(PODS, obj("x"))
    assert store.list(PODS) == ()
