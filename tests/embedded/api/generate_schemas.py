"""Write `rollouts/embedded/api/builtins.json`: the shapes of the built-in kinds.

Run it after the `kubernetes` package moved on: `python tests/embedded/api/generate_schemas.py`. The
package's models know every field's name and type and which are required; which lists are merged by key is
not in them and stands in `rollouts/embedded/api/merge_keys.py`.
"""

import re
from pathlib import Path
from typing import Any

import orjson
from kubernetes import client

import rollouts

TARGET = Path(rollouts.__file__).parent / "embedded/api/builtins.json"
ROOTS = """
V1Namespace V1Pod V1Service V1Secret V1ConfigMap CoreV1Event V1Endpoints V1ServiceAccount V1Node
V1PersistentVolumeClaim V1PersistentVolume V1Deployment V1ReplicaSet V1StatefulSet V1DaemonSet
V1ControllerRevision V1Job V1CronJob V1Ingress V1IngressClass V1NetworkPolicy V1EndpointSlice
V1PodDisruptionBudget V1Role V1RoleBinding V1ClusterRole V1ClusterRoleBinding V1Lease
V2HorizontalPodAutoscaler V1CustomResourceDefinition V1Scale V1Eviction
"""
SCALARS = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "float": {"type": "number"},
    "datetime": {"type": "string", "format": "date-time"},
    "bytes": {"type": "string", "format": "byte"},
}
QUANTITIES = re.compile(r"^(limits|requests|capacity|allocatable|hard|used|overhead|allocatedResources)$")
FREE = {
    "fieldsV1", "raw", "data", "default", "example", "items", "additionalItems", "additionalProperties",
    "parameters", "value", "status", "basic", "single", "all",
}  # fmt: skip


def schema_of(text: str, field: str) -> dict[str, Any]:
    """Turn a type as the models write it (`List[V1Container]`) into a schema."""
    if inner := re.fullmatch(r"[Ll]ist\[(.*)\]", text):
        return {"type": "array", "items": schema_of(inner[1], field)}
    if inner := re.fullmatch(r"[Dd]ict\[str, (.*)\]", text):
        values = (
            {"x-kubernetes-int-or-string": True} if QUANTITIES.match(field) else schema_of(inner[1], field)
        )
        return {"type": "object", "additionalProperties": values}
    if text == "object":
        any_value = {"x-kubernetes-preserve-unknown-fields": True}
        return any_value if field in FREE else {"x-kubernetes-int-or-string": True}
    return dict(SCALARS.get(text) or {"$ref": text})


def generate() -> bytes:
    """All definitions that the roots reach, by the models' names."""
    definitions: dict[str, Any] = {}
    open_names = ROOTS.split()
    while open_names:
        name = open_names.pop()
        if name in definitions:
            continue
        model = getattr(client, name)
        properties = {
            wire: schema_of(model.openapi_types[python], wire) for python, wire in model.attribute_map.items()
        }
        required = sorted(
            f.serialization_alias or n for n, f in model.model_fields.items() if f.is_required()
        )
        definitions[name] = {"type": "object", "properties": properties}
        if required:
            definitions[name]["required"] = required
        open_names += re.findall(r'"\$ref":"(\w+)"', orjson.dumps(properties).decode())
    definitions["V1JSONSchemaProps"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return orjson.dumps(definitions, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    TARGET.write_bytes(generate())
