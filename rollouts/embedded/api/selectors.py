"""Label and field selectors: text in, a predicate over objects out."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from rollouts.api.meta import Object
from rollouts.embedded.api.kinds import Kind
from rollouts.embedded.api.status import bad_request

Predicate = Callable[[Object], bool]
Labels = Mapping[str, str]

_KEY = r"[A-Za-z0-9][-A-Za-z0-9_./]*"
_SET_TERM = re.compile(rf"^\s*(?P<key>{_KEY})\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)\s*$")
_EQUAL_TERM = re.compile(rf"^\s*(?P<key>{_KEY})\s*(?P<op>==|!=|=|>|<)\s*(?P<value>[^\s=!<>]*)\s*$")
_KEY_TERM = re.compile(rf"^\s*(?P<not>!?)\s*(?P<key>{_KEY})\s*$")


def label_selector(text: str) -> Callable[[Labels], bool] | None:
    """Read `a=b,c!=d,e in (f,g),h,!i`; None when it selects everything.

    Raises:
        Refusal: the text is no selector (400).
    """
    if not text.strip():
        return None
    terms = tuple(_label_term(term, text) for term in _split(text))
    return lambda labels: all(term(labels) for term in terms)


def _split(text: str) -> list[str]:
    """Split at the commas outside parentheses."""
    return re.split(r",(?![^(]*\))", text)


def _label_term(term: str, whole: str) -> Callable[[Labels], bool]:
    if match := _SET_TERM.match(term):
        key, values = match["key"], frozenset(value.strip() for value in match["values"].split(","))
        if match["op"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUAL_TERM.match(term):
        return _comparison(match["key"], match["op"], match["value"], whole)
    if match := _KEY_TERM.match(term):
        key = match["key"]
        return (lambda labels: key not in labels) if match["not"] else (lambda labels: key in labels)
    raise bad_request(f'unable to parse requirement: found "{term}" in the label selector "{whole}"')


def _comparison(key: str, op: str, value: str, whole: str) -> Callable[[Labels], bool]:
    if op in {"=", "=="}:
        return lambda labels: labels.get(key) == value
    if op == "!=":
        return lambda labels: labels.get(key) != value
    if not re.fullmatch(r"-?\d+", value):
        why = "for 'Gt', 'Lt' operators, the value must be an integer"
        raise bad_request(f'unable to parse requirement: values[0]: Invalid value: "{value}": {why}')
    bound = int(value)

    def compare(labels: Labels) -> bool:
        seen = labels.get(key, "")
        if not re.fullmatch(r"-?\d+", seen):
            return False
        return int(seen) > bound if op == ">" else int(seen) < bound

    return compare


def matches(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """Whether a LabelSelector object selects these labels; an empty one selects all, a missing one none."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(term, labels) for term in selector.get("matchExpressions") or ())


def _expression(term: Mapping[str, Any], labels: Labels) -> bool:
    key, values = term.get("key", ""), term.get("values") or ()
    match term.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False


def field_selector(text: str, kind: Kind) -> Predicate | None:
    """Read `metadata.name=a,status.phase!=Running`; None when it selects everything.

    Raises:
        Refusal: no selector, or a field that this kind cannot be selected by (400).
    """
    if not text.strip():
        return None
    return _all(tuple(_field_term(term, kind) for term in text.split(",")))


def _field_term(term: str, kind: Kind) -> Predicate:
    match = re.match(r"^\s*([^=!\s]+)\s*(==|=|!=)\s*(.*?)\s*$", term)
    if match is None:
        raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    path, op, value = match.groups()
    if path not in {"metadata.name", "metadata.namespace", *kind.fields}:
        if kind.custom or kind.fields:
            raise bad_request(f"field label not supported: {path}")
        raise bad_request(
            f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"'
        )
    keys = ("source", "component") if path == "source" else tuple(path.split("."))
    wanted = op != "!="
    return lambda obj: (_read(obj, keys) == value) is wanted


def _read(obj: Object, keys: tuple[str, ...]) -> str:
    value: Any = obj
    for key in keys:
        if not isinstance(value, dict):
            return ""
        value = value.get(key)
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def selector(labels: str, fields: str, kind: Kind) -> Predicate | None:
    """Both selectors of a request as one predicate; None when everything is selected."""
    by_label, by_field = label_selector(labels), field_selector(fields, kind)
    terms: list[Predicate] = []
    if by_label is not None:
        chosen = by_label
        terms.append(lambda obj: chosen(obj["metadata"].get("labels") or {}))
    if by_field is not None:
        terms.append(by_field)
    return _all(tuple(terms)) if terms else None


def _all(terms: tuple[Predicate, ...]) -> Predicate:
    if len(terms) == 1:
        return terms[0]
    return lambda obj: all(term(obj) for term in terms)
