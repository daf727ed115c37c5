"""What an Application must satisfy beyond its shape."""

import re
from collections.abc import Iterator

from rollouts.api.application import Application, ApplicationSpec, SyncPolicy
from rollouts.api.application_operation import RetryStrategy
from rollouts.api.application_source import ApplicationSource
from rollouts.api.application_target import ApplicationDestination, ResourceIgnoreDifferences
from rollouts.api.duration import parse_duration
from rollouts.api.errors import InvalidSpec
from rollouts.api.paths import wrong


def application_problems(application: Application) -> tuple[InvalidSpec, ...]:
    """List what is wrong: the source first, then the destination and the policy."""
    return tuple(_problems(application))


def _problems(application: Application) -> Iterator[InvalidSpec]:
    spec = application.spec
    yield from _source_choice_problems(spec)
    yield from _destination_problems(spec.destination)
    for index, ignored in enumerate(spec.ignore_differences):
        yield from _ignore_problems(ignored, f".spec.ignoreDifferences[{index}]")
    if spec.revision_history_limit is not None and spec.revision_history_limit < 0:
        yield wrong(".spec.revisionHistoryLimit", "must be at least 0", spec.revision_history_limit)
    if spec.sync_policy is not None:
        yield from _policy_problems(spec.sync_policy)
    if application.operation is not None:
        yield from _retry_problems(application.operation.retry, ".operation.retry")


def _source_choice_problems(spec: ApplicationSpec) -> Iterator[InvalidSpec]:
    given = (spec.source is not None, bool(spec.sources), spec.source_hydrator is not None)
    if sum(given) != 1:
        seen = "none" if not any(given) else f"{sum(given)} of them"
        message = f"must have one of source, sources and sourceHydrator, got {seen}"
        yield InvalidSpec(".spec.source", message, seen)
    if spec.source is not None:
        yield from _source_problems(spec.source, ".spec.source")
    for index, source in enumerate(spec.sources):
        yield from _source_problems(source, f".spec.sources[{index}]")


def _destination_problems(destination: ApplicationDestination) -> Iterator[InvalidSpec]:
    if destination.server and destination.name:
        message = "application destination can't have both name and server defined; remove one"
        yield wrong(".spec.destination", message, f"{destination.name}, {destination.server}")
    if not destination.server and not destination.name:
        message = "Destination server missing from app spec; set server to https://kubernetes.default.svc"
        yield InvalidSpec(".spec.destination.server", message, "")


def _ignore_problems(ignored: ResourceIgnoreDifferences, path: str) -> Iterator[InvalidSpec]:
    if not (ignored.json_pointers or ignored.jq_path_expressions or ignored.managed_fields_managers):
        message = "must have one of jsonPointers, jqPathExpressions and managedFieldsManagers"
        yield wrong(path, message, ignored.kind)
    for index, pointer in enumerate(ignored.json_pointers):
        if pointer and not pointer.startswith("/"):
            yield wrong(f"{path}.jsonPointers[{index}]", "must start with /", pointer)


def _source_problems(source: ApplicationSource, path: str) -> Iterator[InvalidSpec]:
    if not source.repo_url or not (source.path or source.chart or source.ref):
        message = "repoURL and either path, chart, or ref are required; path . is the whole repository"
        yield wrong(path, message, source.repo_url)
    if source.path and source.chart:
        yield wrong(f"{path}.chart", "goes with a Helm repository, not with path; remove one", source.chart)
    if source.path.startswith("/") or ".." in source.path.split("/"):
        message = "must be a path within the repository, such as apps/shop"
        yield wrong(f"{path}.path", message, source.path)
    tools = [
        name for name in ("helm", "kustomize", "directory", "plugin") if getattr(source, name) is not None
    ]
    if len(tools) > 1:
        message = f"multiple application sources defined: {', '.join(tools)}; keep one"
        yield InvalidSpec(path, message, tools)


def _policy_problems(policy: SyncPolicy) -> Iterator[InvalidSpec]:
    path = ".spec.syncPolicy"
    for index, option in enumerate(policy.sync_options):
        if not re.fullmatch(r"[A-Za-z]+=[A-Za-z]+", option):
            message = "must be a name and a value, such as CreateNamespace=true"
            yield wrong(f"{path}.syncOptions[{index}]", message, option)
    if policy.retry is not None:
        yield from _retry_problems(policy.retry, f"{path}.retry")


def _retry_problems(retry: RetryStrategy, path: str) -> Iterator[InvalidSpec]:
    if retry.backoff is None:
        return
    for name, text in (("duration", retry.backoff.duration), ("maxDuration", retry.backoff.max_duration)):
        try:
            negative = bool(text) and not text.isdigit() and parse_duration(text).total_seconds() < 0
        except ValueError:
            negative = True
        if negative:
            yield wrong(f"{path}.backoff.{name}", "must be a duration such as 5s or 3m", text)
    if retry.backoff.factor is not None and retry.backoff.factor < 1:
        yield wrong(f"{path}.backoff.factor", "must be at least 1", retry.backoff.factor)
