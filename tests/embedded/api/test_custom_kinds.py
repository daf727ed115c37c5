"""Custom kinds: definitions, and schemas that fill, drop and refuse."""

import pytest

from rollouts.api.crd import crds
from rollouts.kube.errors import Invalid, NotFound
from rollouts.kube.resources import CRDS
from rollouts.kube.transport import Request
from tests.embedded.api.objects import WIDGETS, widget, widget_crd


def schema(**properties):
    return {"type": "object", "properties": properties}


async def made(client, server, spec_schema, **spec):
    server.install_crds([widget_crd(spec_schema)])
    return (await client.create(WIDGETS, widget(**spec), "default"))["spec"]


async def refused(client, server, spec_schema, **spec):
    """The causes for which a widget is refused, as pairs of field and message."""
    server.install_crds([widget_crd(spec_schema)])
    with pytest.raises(Invalid) as error:
        await client.create(WIDGETS, widget(**spec), "default")
    assert error.value.code == 422
    return [(cause["field"], cause["message"]) for cause in error.value.status["details"]["causes"]]


async def test_a_definition_is_established_at_once(client):
    crd = await client.create(CRDS, widget_crd())
    conditions = {each["type"]: each["status"] for each in crd["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert crd["status"]["acceptedNames"]["listKind"] == "WidgetList"
    assert (await client.list(WIDGETS))["kind"] == "WidgetList"


async def test_without_a_definition_there_is_no_such_kind(client):
    with pytest.raises(NotFound, match="404 page not found"):
        await client.list(WIDGETS)


async def test_defaults_fill_nested_fields(client, server):
    inner = {**schema(b={"type": "integer", "default": 2}), "default": {}}
    assert await made(client, server, schema(a=inner)) == {"a": {"b": 2}}


async def test_a_null_with_a_default_is_as_good_as_absent(client, server):
    assert await made(client, server, schema(a={"type": "integer", "default": 2}), a=None) == {"a": 2}


async def test_unknown_fields_are_dropped_with_a_warning(client, server):
    server.install_crds([widget_crd(schema(a={"type": "integer"}))])
    answer = await client.transport.request(
        Request(method="POST", path=WIDGETS.path("default"), body=widget(a=1, b=2))
    )
    assert answer.body["spec"] == {"a": 1}
    assert answer.headers["warning"] == '299 - "unknown field \\"spec.b\\""'


async def test_strict_validation_refuses_unknown_fields(client, server):
    server.install_crds([widget_crd(schema(a={"type": "integer"}))])
    answer = await client.transport.request(
        Request(
            method="POST",
            path=WIDGETS.path("default"),
            query={"fieldValidation": "Strict"},
            body=widget(a=1, b=2),
        )
    )
    assert answer.code == 400
    assert answer.body["message"].endswith('strict decoding error: unknown field "spec.b"')


async def test_preserved_fields_stay(client, server):
    free = {**schema(a={"type": "integer"}), "x-kubernetes-preserve-unknown-fields": True}
    assert await made(client, server, free, a=1, b={"c": 2}) == {"a": 1, "b": {"c": 2}}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ({"type": "integer"}, "x", 'spec.a in body must be of type integer: "string"'),
        ({"type": "integer", "minimum": 0}, -1, "should be greater than or equal to 0"),
        ({"type": "integer", "maximum": 100}, 101, "should be less than or equal to 100"),
        ({"type": "string", "enum": ["x", "y"]}, "z", 'Unsupported value: "z": supported values: "x", "y"'),
        ({"type": "string", "pattern": "^a+$"}, "b", "should match '^a+$'"),
        ({"type": "string", "minLength": 2}, "b", "should be at least 2 chars long"),
        ({"type": "string", "format": "date-time"}, "noon", "must be of type date-time"),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 1}, ["a", "b"], "at most 1 items"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"k": 1}, "must be of type string"),
        ({"x-kubernetes-int-or-string": True}, [1], "must be of type integer,string"),
    ],
)
async def test_a_wrong_value_is_named(client, server, field, value, message):
    ((at, told),) = await refused(client, server, schema(a=field), a=value)
    assert at.startswith("spec.a")
    assert message in told


@pytest.mark.parametrize("value", [3, "25%"])
async def test_int_or_string_takes_both(client, server, value):
    assert await made(client, server, schema(a={"x-kubernetes-int-or-string": True}), a=value) == {"a": value}


async def test_every_fault_is_told_at_once(client, server):
    wanted = {**schema(a={"type": "integer"}, b={"type": "string"}), "required": ["b", "c"]}
    causes = await refused(client, server, wanted, a="x")
    assert {field for field, _ in causes} == {"spec.a", "spec.b", "spec.c"}


async def test_a_fault_in_a_list_is_named_by_index(client, server):
    rows = {"type": "array", "items": {**schema(name={"type": "string"}), "required": ["name"]}}
    causes = await refused(client, server, schema(rows=rows), rows=[{"name": "a"}, {}])
    assert causes == [("spec.rows[1].name", "Required value")]


async def test_a_keyed_list_has_each_key_once(client, server):
    keyed = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    rows = {"type": "array", "items": schema(name={"type": "string"}), **keyed}
    causes = await refused(client, server, schema(rows=rows), rows=[{"name": "a"}, {"name": "a"}])
    assert causes == [("spec.rows[1]", 'Duplicate value: {"name":"a"}')]


async def test_one_of_means_exactly_one(client, server):
    one = {
        **schema(a={"type": "integer"}, b={"type": "integer"}),
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
    }
    assert await made(client, server, one, a=1) == {"a": 1}
    with pytest.raises(Invalid, match="one and only one"):
        await client.create(WIDGETS, widget("x", a=1, b=2), "default")


async def test_an_immutable_field_stays(client, server):
    rule = {"rule": "self == oldSelf", "message": "the class is for life"}
    fixed = {"type": "string", "x-kubernetes-validations": [rule]}
    await made(client, server, schema(cls=fixed, n={"type": "integer"}), cls="a", n=1)
    await client.patch(WIDGETS, "w", {"spec": {"n": 2}}, "default")
    with pytest.raises(Invalid, match=r"spec\.cls: Invalid value: \"b\": the class is for life"):
        await client.patch(WIDGETS, "w", {"spec": {"cls": "b"}}, "default")


async def test_a_rule_that_would_not_be_kept_is_refused_by_name(client):
    rule = {"type": "integer", "x-kubernetes-validations": [{"rule": "self > 3"}]}
    with pytest.raises(Invalid, match=r"properties\[a\]\.x-kubernetes-validations\[0\]\.rule.*self > 3"):
        await client.create(CRDS, widget_crd(schema(a=rule)))


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"type": []}, "type"),
        ({"type": "text"}, "type"),
        ({}, "type"),
        ({"type": "string", "pattern": "("}, "pattern"),
        ({"type": "array"}, "items"),
        ({"type": "object", "properties": []}, "properties"),
        ({"type": "object", "properties": {"b": 1}}, "properties[b]"),
        (
            {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "bag"},
            "x-kubernetes-list-type",
        ),
    ],
)
async def test_a_schema_that_cannot_be_kept_is_refused(client, bad, field):
    with pytest.raises(Invalid) as error:
        await client.create(CRDS, widget_crd(schema(a=bad)))
    at = "spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[a]"
    assert f"{at}.{field}" in {cause["field"] for cause in error.value.status["details"]["causes"]}


async def test_installing_twice_changes_nothing(client, server):
    server.install_crds([widget_crd()])
    first = await client.get(CRDS, "widgets.example.com")
    server.install_crds([widget_crd()])
    assert await client.get(CRDS, "widgets.example.com") == first


async def test_nulls_in_metadata_are_as_good_as_absent(client, server):
    server.install_crds([widget_crd()])
    body = widget(a=1)
    body["metadata"] |= {"creationTimestamp": None, "labels": None, "namespace": None}
    made = await client.create(WIDGETS, body, "default")
    assert "labels" not in made["metadata"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda crd: crd["metadata"].update(name="wrong"), "metadata.name"),
        (lambda crd: crd["spec"].update(scope="Galaxy"), "spec.scope"),
        (lambda crd: crd["spec"]["versions"][0].update(storage=False), "spec.versions"),
        (lambda crd: crd["spec"]["versions"][0].pop("schema"), "spec.versions[0].schema.openAPIV3Schema"),
        (
            lambda crd: crd["spec"]["versions"][0].update(
                additionalPrinterColumns=[{"name": "A", "type": "string", "jsonPath": ".a[?(@.b =~ 'x')]"}]
            ),
            "spec.versions[0].additionalPrinterColumns[0].jsonPath",
        ),
        (lambda crd: crd["spec"].update(conversion={"strategy": "Webhook"}), "spec.conversion.strategy"),
    ],
)
async def test_a_definition_that_cannot_be_served_is_refused(client, change, field):
    crd = widget_crd()
    change(crd)
    with pytest.raises(Invalid) as error:
        await client.create(CRDS, crd)
    assert field in {cause["field"] for cause in error.value.status["details"]["causes"]}


async def test_a_built_in_kind_cannot_be_defined_again(client):
    crd = widget_crd()
    crd["metadata"]["name"] = "gateways.gateway.networking.k8s.io"
    crd["spec"].update(group="gateway.networking.k8s.io", names={"plural": "gateways", "kind": "Gateway"})
    with pytest.raises(Invalid, match="built into the embedded server"):
        await client.create(CRDS, crd)


async def test_every_served_version_shows_the_same_object(client):
    crd = widget_crd()
    crd["spec"]["versions"].append({**crd["spec"]["versions"][0], "name": "v2", "storage": False})
    await client.create(CRDS, crd)
    await client.create(WIDGETS, widget(a=1), "default")
    shown = await client.raw("/apis/example.com/v2/namespaces/default/widgets/w")
    assert shown["apiVersion"] == "example.com/v2"
    assert shown["spec"] == {"a": 1}


def test_the_projects_own_definitions_are_accepted(server):
    server.install_crds(crds())
    assert server.registry.find("argoproj.io", "v1alpha1", "rollouts").status
    assert not server.registry.find("argoproj.io", "v1alpha1", "analysisruns").status
