"""Arguments of an analysis: what `{{args.name}}` stands for. Pure; a secret is a value too, or hidden."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from rollouts.api.analysis import Argument, Metric
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import dump

REDACTED = "*****"
"""Stands where a secret stood, and where one is not known yet."""

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)

LATER: Mapping[str, frozenset[str]] = {
    "arms": frozenset({"window", "baseline.service", "baseline.podTemplateHash"})
}
"""What is known only when a query is sent: by the field below which it may stand."""


def merge(template: Sequence[Argument], incoming: Mapping[str, str]) -> tuple[Argument, ...]:
    """Put the values that a rollout hands over into the arguments of its templates.

    Values for arguments that no template knows are passed over, as upstream does.

    Raises:
        InvalidSpec: an argument has no value from either side, or has two.
    """
    merged = tuple(
        Argument(name=argument.name, value=incoming[argument.name]) if argument.name in incoming else argument
        for argument in template
    )
    require(merged)
    return merged


def require(arguments: Sequence[Argument]) -> None:
    """See that every argument has exactly one value, or one place to take it from.

    Raises:
        InvalidSpec: one has none, or has both; names it.
    """
    for place, argument in enumerate(arguments):
        field = f".spec.args[{place}]"
        if argument.value is None and argument.value_from is None:
            raise InvalidSpec(field, f"args.{argument.name} was not resolved", argument.name)
        if argument.value_from is not None and argument.value_from.field_ref is not None:
            raise InvalidSpec(
                f"{field}.valueFrom.fieldRef",
                f"args.{argument.name} refers to a field of an owner, and this run has none; give its value",
                argument.name,
            )
        if argument.value is not None and argument.value_from is not None:
            raise InvalidSpec(
                field, f"arg {argument.name} has both Value and ValueFrom fields", argument.name
            )


def combine(lists: Iterable[Sequence[Argument]]) -> tuple[Argument, ...]:
    """Join the arguments of several templates, each name once.

    Raises:
        InvalidSpec: two templates give one argument different values.
    """
    combined: dict[str, Argument] = {}
    for arguments in lists:
        for argument in arguments:
            known = combined.get(argument.name)
            if known is None or (known.value is None and known.value_from is None):
                combined[argument.name] = argument
            elif argument.value is not None and known.value is not None and argument.value != known.value:
                raise InvalidSpec(
                    ".spec.args",
                    f"Argument `{argument.name}` specified multiple times with different values: "
                    f"'{known.value}', '{argument.value}'",
                    argument.name,
                )
    return tuple(combined.values())


def known_values(arguments: Sequence[Argument]) -> dict[str, str]:
    """The values that are no secrets; a secret's place is taken by REDACTED."""
    return {
        argument.name: argument.value if argument.value is not None else REDACTED for argument in arguments
    }


def open_values(arguments: Sequence[Argument]) -> dict[str, str]:
    """The values that are no secrets; a secret's place stays open, and what depends on it is not judged."""
    return {
        argument.name: argument.value if argument.value is not None else f"{{{{args.{argument.name}}}}}"
        for argument in arguments
    }


def resolve(metric: Metric, values: Mapping[str, str]) -> Metric:
    """The metric with every `{{args.name}}` replaced by its value.

    Raises:
        InvalidSpec: a name between braces is no argument.
    """
    if "{{" not in metric.model_dump_json(exclude_defaults=True):
        return metric
    return Metric.model_validate(_replace(dump(metric), values, metric.name))


def _replace(node: Any, values: Mapping[str, str], metric: str, later: frozenset[str] = frozenset()) -> Any:
    """Replace in every string, and so without any need to quote."""
    if isinstance(node, str):
        return _TAG.sub(
            lambda tag: tag[0] if tag[1].strip() in later else _value(tag[1], values, metric), node
        )
    if isinstance(node, list):
        return [_replace(item, values, metric, later) for item in node]
    if isinstance(node, dict):
        return {
            _replace(key, values, metric): _replace(item, values, metric, LATER.get(key, later))
            for key, item in node.items()
        }
    return node


def _value(tag: str, values: Mapping[str, str], metric: str) -> str:
    name = tag.strip().removeprefix("args.")
    if not tag.strip().startswith("args.") or name not in values:
        known = ", ".join(f"args.{name}" for name in sorted(values)) or "none"
        raise InvalidSpec(
            f".spec.metrics[{metric}]",
            f"failed to resolve {{{{{tag}}}}}; the arguments are: {known}",
            tag.strip(),
        )
    return values[name]


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, also as JSON and URLs spell them."""
    spellings = {
        spelling
        for secret in secrets
        for spelling in (
            secret,
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            quote(secret),
        )
    }
    # The longest first: one may hold another.
    for spelling in sorted(spellings, key=len, reverse=True):
        if spelling:
            text = text.replace(spelling, REDACTED)
    return text
