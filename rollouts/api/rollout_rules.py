"""What a Rollout must satisfy beyond its shape. The rules and the messages are upstream's."""

from collections.abc import Iterator

from rollouts.api.errors import InvalidSpec
from rollouts.api.paths import wrong
from rollouts.api.pod_template_rules import role_problems, selector_problems, template_problems
from rollouts.api.rollout import BlueGreenStrategy, Rollout
from rollouts.api.strategy_rules import (
    analysis_reference_problems,
    anti_affinity_problems,
    canary_problems,
    int_or_percent,
)

DEFAULT_REVISION_HISTORY = 10
DEFAULT_PROGRESS_DEADLINE = 600


def rollout_problems(rollout: Rollout) -> tuple[InvalidSpec, ...]:
    """List what is wrong, the workload first and then its strategy."""
    return (*_workload_problems(rollout), *_strategy_problems(rollout))


def _workload_problems(rollout: Rollout) -> Iterator[InvalidSpec]:
    spec = rollout.spec
    if spec.workload_ref is not None:
        if spec.template:
            message = "template must be empty for workload reference rollout; remove one of the two"
            yield wrong(".spec.template", message, spec.template)
    elif spec.selector is None:
        yield InvalidSpec(".spec.selector", missing_field(".spec.selector"))
    else:
        yield from selector_problems(spec.selector, ".spec.selector")
        yield from template_problems(spec.template, spec.selector, ".spec.template")
    deadline = spec.progress_deadline_seconds
    deadline = DEFAULT_PROGRESS_DEADLINE if deadline is None else deadline
    if deadline <= spec.min_ready_seconds:
        message = f"must be greater than minReadySeconds ({spec.min_ready_seconds})"
        yield wrong(".spec.progressDeadlineSeconds", message, deadline)
    if spec.rollback_window is not None and spec.rollback_window.revisions < 0:
        yield wrong(".spec.rollbackWindow.revisions", "must be at least 0", spec.rollback_window.revisions)


def _strategy_problems(rollout: Rollout) -> Iterator[InvalidSpec]:
    strategy = rollout.spec.strategy
    if strategy.blue_green is None and strategy.canary is None:
        yield InvalidSpec(
            ".spec.strategy", missing_field(".spec.strategy.canary or .spec.strategy.blueGreen")
        )
    elif strategy.blue_green is not None and strategy.canary is not None:
        message = "Multiple Strategies can not be listed; keep one of blueGreen and canary"
        yield InvalidSpec(".spec.strategy", message, ["blueGreen", "canary"])
    elif strategy.canary is not None:
        yield from canary_problems(rollout, strategy.canary)
        path, selector = ".spec.strategy.canary", rollout.spec.selector
        yield from role_problems(strategy.canary.canary_metadata, selector, f"{path}.canaryMetadata")
        yield from role_problems(strategy.canary.stable_metadata, selector, f"{path}.stableMetadata")
    elif strategy.blue_green is not None:
        yield from _blue_green_problems(rollout, strategy.blue_green)
        path, selector = ".spec.strategy.blueGreen", rollout.spec.selector
        yield from role_problems(strategy.blue_green.preview_metadata, selector, f"{path}.previewMetadata")
        yield from role_problems(strategy.blue_green.active_metadata, selector, f"{path}.activeMetadata")


def _blue_green_problems(rollout: Rollout, strategy: BlueGreenStrategy) -> Iterator[InvalidSpec]:
    path = ".spec.strategy.blueGreen"
    if not strategy.active_service:
        yield InvalidSpec(f"{path}.activeService", missing_field(f"{path}.activeService"), "")
    elif strategy.active_service == strategy.preview_service:
        message = (
            "This rollout uses the same service for the active and preview services,"
            " but two different services are required."
        )
        yield wrong(f"{path}.activeService", message, strategy.active_service)
    yield from anti_affinity_problems(strategy.anti_affinity, f"{path}.antiAffinity")
    history = rollout.spec.revision_history_limit
    history = DEFAULT_REVISION_HISTORY if history is None else history
    limit = strategy.scale_down_delay_revision_limit
    if limit is not None and limit > history:
        message = (
            "This rollout's revision history limit can not be smaller than the rollout's scale down limit;"
            f" revisionHistoryLimit is {history}"
        )
        yield wrong(f"{path}.scaleDownDelayRevisionLimit", message, limit)
    if strategy.max_unavailable is not None:
        try:
            int_or_percent(strategy.max_unavailable)
        except ValueError as error:
            yield wrong(f"{path}.maxUnavailable", str(error), strategy.max_unavailable)
    for name, analysis in (
        ("prePromotionAnalysis", strategy.pre_promotion_analysis),
        ("postPromotionAnalysis", strategy.post_promotion_analysis),
    ):
        if analysis is not None:
            yield from analysis_reference_problems(analysis, f"{path}.{name}")


def missing_field(path: str) -> str:
    """The message for a field without which nothing can be done."""
    return f"Rollout has missing field '{path}'"
