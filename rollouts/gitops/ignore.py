"""`ignoreDifferences`: fields that do not count, by JSON pointer. Pure."""

import copy
from collections.abc import Iterator
from typing import Any

from rollouts.api.application_target import ResourceIgnoreDifferences
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.gitops.tracking import ref_of

Rules = tuple[ResourceIgnoreDifferences, ...]


def check(rules: Rules) -> None:
    """Refuse what is not acted on.

    Raises:
        InvalidSpec: names the field.
    """
    for number, rule in enumerate(rules):
        where = f".spec.ignoreDifferences[{number}]"
        if rule.jq_path_expressions:
            raise InvalidSpec(f"{where}.jqPathExpressions", "is not supported yet; use jsonPointers")
        if rule.managed_fields_managers:
            raise InvalidSpec(
                f"{where}.managedFieldsManagers",
                "is not supported yet; use jsonPointers (what rollouts own is left out anyway)",
            )


def without_ignored(obj: Object, rules: Rules) -> Object:
    """The object without the fields that do not count."""
    pointers = [*_pointers(obj, rules)]
    if not pointers:
        return obj
    changed = copy.deepcopy(obj)
    for steps in pointers:
        parent = _parent(changed, steps)
        if isinstance(parent, dict):
            parent.pop(steps[-1], None)
        elif isinstance(parent, list) and steps[-1].isdecimal() and int(steps[-1]) < len(parent):
            # The place stays: what comes after it is still compared with its own like.
            parent[int(steps[-1])] = None
    return changed


def carry_ignored(target: Object, live: Object, rules: Rules) -> Object:
    """The manifest with the ignored fields as they live."""
    pointers = [*_pointers(target, rules)]
    if not pointers:
        return target
    changed = copy.deepcopy(target)
    for steps in pointers:
        theirs, mine = _parent(live, steps), _parent(changed, steps)
        if isinstance(theirs, dict) and isinstance(mine, dict):
            if steps[-1] in theirs:
                mine[steps[-1]] = theirs[steps[-1]]
            else:
                mine.pop(steps[-1], None)
    return changed


def _pointers(obj: Object, rules: Rules) -> Iterator[list[str]]:
    ref = ref_of(obj)
    for rule in rules:
        if rule.kind not in ("*", ref.kind) or rule.group not in ("*", ref.group):
            continue
        if (rule.name and rule.name != ref.name) or (rule.namespace and rule.namespace != ref.namespace):
            continue
        for pointer in rule.json_pointers:
            steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
            if steps:
                yield steps


def _parent(obj: Any, steps: list[str]) -> Any:
    here = obj
    for step in steps[:-1]:
        if isinstance(here, dict):
            here = here.get(step)
        elif isinstance(here, list) and step.isdecimal() and int(step) < len(here):
            here = here[int(step)]
        else:
            return None
    return here
