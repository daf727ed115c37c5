"""Whether the analyses of a rollout can be started, told before an update depends on it.

Each template by itself is looked at in `references`; this is about templates that are joined. It costs as
much as the rest of a pass: it is to be asked again only when the rollout or a template has changed.
"""

from collections.abc import Iterator

from analysis.templates import require_startable
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.api.rollout import Rollout
from rollouts.controller import references
from rollouts.controller.proofs import find_template
from rollouts.kube.resources import ANALYSIS_TEMPLATES, CLUSTER_ANALYSIS_TEMPLATES
from rollouts.kube.store import Store

Name = tuple[bool, str]
"""Whether a template is one of the cluster, and its name."""


def problems(store: Store, rollout: Rollout) -> tuple[str, ...]:
    """Analyses of which no run could be made."""
    namespace, found = rollout.metadata.namespace, []
    for field, analysis in references.analyses_by_field(rollout):
        try:
            require_startable(
                analysis,
                lambda ref: find_template(store, namespace, ref),
                background=field == references.BACKGROUND,
            )
        except InvalidSpec as problem:
            names = ", ".join(f'"{ref.template_name}"' for ref in analysis.templates)
            found.append(f"{field}.templates: of {names}: {problem}")
    return tuple(found)


def versions(store: Store, rollout: Rollout) -> tuple[tuple[Name, str | None], ...]:
    """The templates that a rollout names, and those that they name, and their versions; None if missing."""
    seen: dict[Name, str | None] = {}
    left = [(ref.cluster_scope, ref.template_name) for ref in references.templates(rollout)]
    while left:
        name = left.pop()
        if name in seen:
            continue
        template = _get(store, rollout.metadata.namespace, name)
        seen[name] = template["metadata"].get("resourceVersion", "") if template is not None else None
        left += _nested(template or {})
    return tuple(seen.items())


def _get(store: Store, namespace: str, name: Name) -> Object | None:
    if name[0]:
        return store.get(CLUSTER_ANALYSIS_TEMPLATES, name[1])
    return store.get(ANALYSIS_TEMPLATES, name[1], namespace)


def _nested(template: Object) -> Iterator[Name]:
    for ref in (template.get("spec") or {}).get("templates") or ():
        yield bool(ref.get("clusterScope")), ref.get("templateName", "")
