"""Label selectors of the built-in kinds. Pure."""

from collections.abc import Mapping

from rollouts.api.meta import Object


def matches(selector: Object | None, labels: Mapping[str, str] | None) -> bool:
    """Whether labels satisfy a LabelSelector; an absent selector selects nothing, an empty one everything."""
    if selector is None:
        return False
    have = labels or {}
    if any(have.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(term, have) for term in selector.get("matchExpressions") or ())


def _holds(term: Object, labels: Mapping[str, str]) -> bool:
    key, values = term["key"], term.get("values") or ()
    match term["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:  # DoesNotExist: the API server lets no other operator in
            return key not in labels
