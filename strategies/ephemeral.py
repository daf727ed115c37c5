"""Labels and annotations that pods carry while their version plays a role, and no longer.

They are written into the ReplicaSet's template for the pods to come, then on those that there are. What was
written stands in upstream's annotation of the ReplicaSet, which comes last: until then all is repeated.
"""

import json
from collections.abc import Mapping

from rollouts.api.canary import PodTemplateMetadata
from rollouts.api.meta import Object
from strategies import position
from strategies.model import Observed, ReplicaSet, SetPodMetadata
from strategies.revisions import Roles

ANNOTATION = "rollout.argoproj.io/ephemeral-metadata"

_NONE = PodTemplateMetadata()


def plan_metadata(seen: Observed, roles: Roles) -> tuple[SetPodMetadata, ...]:
    """Stable's where the version is stable or the first, the canary's beside it, and none on older ones."""
    blue_green, canary = seen.rollout.spec.strategy.blue_green, position.canary(seen.rollout)
    of_new, of_stable = canary.canary_metadata, canary.stable_metadata
    if blue_green is not None:
        of_new, of_stable = blue_green.preview_metadata, blue_green.active_metadata
    first = not seen.rollout.status.stable_rs
    wanted = [
        (roles.stable, of_stable),
        (None if roles.promoted else roles.new, of_stable if first else of_new),
        *((each, None) for each in roles.others),
    ]
    changes = (_change(each, asked or _NONE) for each, asked in wanted if each is not None)
    return tuple(each for each in changes if each is not None)


def _change(each: ReplicaSet, wanted: PodTemplateMetadata) -> SetPodMetadata | None:
    had = remembered(each.annotations)
    mark = spelled(wanted)
    if mark == spelled(had):
        return None
    return SetPodMetadata(
        name=each.name,
        labels=_instead(had.labels, wanted.labels),
        annotations=_instead(had.annotations, wanted.annotations),
        mark=mark,
    )


def _instead(had: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str | None]:
    return {**dict.fromkeys(had), **wanted}


def remembered(annotations: Mapping[str, str]) -> PodTemplateMetadata:
    """What an annotation of a ReplicaSet says was added to its pods; nothing where it cannot be read."""
    try:
        return PodTemplateMetadata.model_validate_json(annotations.get(ANNOTATION) or "{}")
    except ValueError:
        return _NONE


def spelled(metadata: PodTemplateMetadata) -> str:
    """As upstream writes it into the annotation; empty for nothing."""
    parts = {"labels": metadata.labels, "annotations": metadata.annotations}
    filled = {name: dict(sorted(values.items())) for name, values in parts.items() if values}
    return json.dumps(filled, separators=(",", ":")) if filled else ""


def without(template: Object, annotations: Mapping[str, str]) -> Object:
    """The template of a ReplicaSet with these annotations as its author wrote it."""
    added = remembered(annotations)
    metadata = dict(template.get("metadata") or {})
    for field, keys in (("labels", added.labels), ("annotations", added.annotations)):
        if keys and metadata.get(field):
            metadata[field] = {key: value for key, value in metadata[field].items() if key not in keys}
            if not metadata[field]:
                del metadata[field]
    return {**template, "metadata": metadata} if added != _NONE else template
