"""What the API server asks of every object's metadata: names, labels, annotations, owners, finalizers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rollouts.api.meta import Object
from rollouts.embedded.api.kinds import Kind
from rollouts.embedded.api.status import Cause, required, too_long, wrong

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_KEY_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")

SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation"
    r" is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start"
    " and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must"
    " start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used"
    " for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_NAME_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric"
    " character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
    " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_OPTIONAL = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
_KEY_RULE = f"a valid label key {_NAME_RULE} {_OPTIONAL}"
_FINALIZER_WARNING = (
    "prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers"
)
_LABEL_NAMED = frozenset({("", "namespaces"), ("", "services")})
_RBAC = "rbac.authorization.k8s.io"
_STANDARD_FINALIZERS = frozenset({"foregroundDeletion", "orphan", "kubernetes"})
_LONGEST_ANNOTATIONS = 256 * 1024


def metadata_errors(kind: Kind, meta: Mapping[str, Any]) -> Iterator[Cause]:
    """What is wrong with the metadata of an object."""
    name = meta.get("name")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    else:
        yield from (wrong("metadata.name", name, why) for why in _name_errors(kind, name))
    yield from label_errors("metadata.labels", meta.get("labels") or {})
    total = 0
    for key, value in (meta.get("annotations") or {}).items():
        yield from _key_errors("metadata.annotations", key, key.lower())
        total += len(key) + len(value)
    if total > _LONGEST_ANNOTATIONS:
        yield too_long("metadata.annotations", _LONGEST_ANNOTATIONS)
    yield from _owner_errors(meta.get("ownerReferences") or ())
    for index, finalizer in enumerate(meta.get("finalizers") or ()):
        yield from _key_errors("metadata.finalizers", finalizer, finalizer)
        if not (_is_qualified(finalizer) or kind.custom or kind.group == "apiextensions.k8s.io"):
            why = "name is neither a standard finalizer name nor is it fully qualified"
            yield wrong(f"metadata.finalizers[{index}]", finalizer, why)


def label_errors(field: str, labels: Mapping[str, str]) -> Iterator[Cause]:
    """What is wrong with labels, wherever they stand."""
    for key, value in labels.items():
        yield from _key_errors(field, key, key)
        if len(value) > 63:
            yield wrong(field, value, "must be no more than 63 bytes")
        if not _VALUE.fullmatch(value):
            yield wrong(field, value, _VALUE_RULE)


def is_label(name: str) -> bool:
    """Whether a text is a label of DNS."""
    return len(name) <= 63 and bool(_LABEL.fullmatch(name))


def is_subdomain(name: str) -> bool:
    """Whether a text is a name of DNS."""
    return len(name) <= 253 and bool(_SUBDOMAIN.fullmatch(name))


def finalizer_warnings(kind: Kind, obj: Object, old: Object | None) -> Iterator[str]:
    """What is said of a new finalizer of a custom object that may not be its author's alone."""
    if not kind.custom:
        return
    known = (old["metadata"].get("finalizers") or ()) if old is not None else ()
    for finalizer in obj["metadata"].get("finalizers") or ():
        if finalizer not in known and not _is_qualified(finalizer):
            yield f'metadata.finalizers: "{finalizer}": {_FINALIZER_WARNING}'


def _is_qualified(finalizer: str) -> bool:
    return "/" in finalizer or finalizer in _STANDARD_FINALIZERS


def _owner_errors(owners: Sequence[Mapping[str, Any]]) -> Iterator[Cause]:
    here = "metadata.ownerReferences"
    for owner in owners:
        for key in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(key):
                yield wrong(f"{here}.{key}", owner.get(key, ""), "must not be empty")
    named = [f"{owner.get('kind')}/{owner.get('name')}" for owner in owners if owner.get("controller")]
    if len(named) > 1:
        why = 'Only one reference can have Controller set to true. Found "true" in references for'
        yield wrong(here, owners, f"{why} {named[0]} and {named[1]}")


def _name_errors(kind: Kind, name: str) -> Iterator[str]:
    if kind.group == _RBAC:
        if name in {".", ".."}:
            yield f"may not be '{name}'"
        yield from (f"may not contain '{each}'" for each in "/%" if each in name)
    elif kind.key in _LABEL_NAMED:
        if "." in name:
            yield "must not contain dots"
        elif len(name) > 63:
            yield "must be no more than 63 bytes"
        elif not _LABEL.fullmatch(name):
            yield LABEL_RULE
    else:
        if len(name) > 253:
            yield "must be no more than 253 characters"
        if not _SUBDOMAIN.fullmatch(name):
            yield SUBDOMAIN_RULE


def _key_errors(field: str, key: str, text: str) -> Iterator[Cause]:
    """What is wrong with a key, of which a text (in one case, for annotations) is judged."""
    prefix, slash, rest = text.rpartition("/")
    if "/" in prefix:
        yield wrong(field, key, _KEY_RULE)
        return
    if slash and not prefix:
        yield wrong(field, key, "prefix part must be non-empty")
    elif slash and not is_subdomain(prefix):
        yield wrong(field, key, f"prefix part {SUBDOMAIN_RULE}")
    if not rest:
        yield wrong(field, key, "name part must be non-empty")
    elif len(rest) > 63:
        yield wrong(field, key, "name part must be no more than 63 bytes")
    if not _KEY_NAME.fullmatch(rest):
        yield wrong(field, key, f"name part {_NAME_RULE}")
