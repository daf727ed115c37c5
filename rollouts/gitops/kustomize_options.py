"""What an Application adds to a kustomization, put into it as `kustomize edit` would."""

from pathlib import Path
from string import Template
from typing import Any

import yaml

from rollouts.api.application_source import ApplicationSourceKustomize
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import dump
from rollouts.gitops.images import edit_images, parse_image
from rollouts.gitops.kustomize_guard import check_kustomization
from rollouts.gitops.manifests import parse

_FIELD = ".spec.source.kustomize"


def check(options: ApplicationSourceKustomize) -> None:
    """Refuse what is not acted on.

    Raises:
        InvalidSpec: names the field.
    """
    for field, value in (
        ("version", options.version),
        ("kubeVersion", options.kube_version),
        ("apiVersions", options.api_versions),
    ):
        if value:
            raise InvalidSpec(
                f"{_FIELD}.{field}", "is not supported yet; the built-in kustomize is used", value
            )
    check_kustomization("Application", {"spec": {"source": {"kustomize": dump(options)}}})


def edit(file: Path, options: ApplicationSourceKustomize, variables: dict[str, str]) -> None:
    """Change a kustomization file; only the copy in a folder of our own, never the repository.

    Raises:
        InvalidSpec: an option does not fit the kustomization; names the field and the remedy.
    """
    if options == ApplicationSourceKustomize():
        return
    documents = parse(file.read_bytes(), file.name)
    content: dict[str, Any] = documents[0] if documents else {}
    names = {
        "namePrefix": options.name_prefix,
        "nameSuffix": options.name_suffix,
        "namespace": options.namespace,
    }
    content.update({field: value for field, value in names.items() if value})
    for image in options.images:
        edit_images(content.setdefault("images", []), parse_image(image))
    for replica in options.replicas:
        _set_replicas(content.setdefault("replicas", []), replica.name, replica.count)
    _add_labels(content, options)
    _add_annotations(content, options, variables)
    if options.patches:
        content.setdefault("patches", []).extend(dump(patch) for patch in options.patches)
    _add_components(content, file.parent, options)
    file.write_text(yaml.safe_dump(content, sort_keys=False))


def _set_replicas(replicas: list[Any], name: str, count: int | str) -> None:
    if not str(count).isdecimal():
        raise InvalidSpec(f"{_FIELD}.replicas", f'"{count}" is not a number of replicas', count)
    for entry in replicas:
        if entry.get("name") == name:
            entry["count"] = int(count)
            return
    replicas.append({"name": name, "count": int(count)})


def _add_labels(content: dict[str, Any], options: ApplicationSourceKustomize) -> None:
    if not options.common_labels:
        return
    if not options.label_without_selector:
        _add(content, "commonLabels", options.common_labels, force=options.force_common_labels)
        return
    content.setdefault("labels", []).append(
        {
            "pairs": options.common_labels,
            "includeSelectors": False,
            "includeTemplates": options.label_include_templates,
        }
    )


def _add_annotations(
    content: dict[str, Any], options: ApplicationSourceKustomize, variables: dict[str, str]
) -> None:
    annotations = options.common_annotations
    if options.common_annotations_envsubst:
        annotations = {key: Template(value).safe_substitute(variables) for key, value in annotations.items()}
    if annotations:
        _add(content, "commonAnnotations", annotations, force=options.force_common_annotations)


def _add_components(content: dict[str, Any], folder: Path, options: ApplicationSourceKustomize) -> None:
    for number, component in enumerate(options.components):
        if (folder / component).is_dir():
            content.setdefault("components", []).append(component)
        elif not options.ignore_missing_components:
            raise InvalidSpec(
                f"{_FIELD}.components[{number}]", f'there is no folder "{component}"', component
            )


def _add(content: dict[str, Any], field: str, values: dict[str, str], *, force: bool) -> None:
    there = content.setdefault(field, {})
    for key, value in values.items():
        if not force and there.get(key, value) != value:
            name = field[0].upper() + field[1:]
            raise InvalidSpec(
                f"{_FIELD}.{field}.{key}",
                f'the kustomization says "{there[key]}" already; set force{name} to replace it',
                value,
            )
        there[key] = value
