"""When automated sync starts a sync, and what it plans."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollouts.api.application import SyncPolicy
from rollouts.api.application_operation import Backoff, Operation, RetryStrategy, SyncOperation
from rollouts.api.application_status import OperationState, SyncOperationResult
from rollouts.api.errors import InvalidSpec
from rollouts.gitops.automation import decide, retry_delay
from rollouts.gitops.options import parse_options
from rollouts.gitops.plan import Comparison, compare, prepare, prune_order
from rollouts.gitops.tracking import ref_of, stamp

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Object = dict[str, Any]


def obj(kind: str, name: str, *, api: str = "v1", wave: int | None = None, **annotations: str) -> Object:
    if wave is not None:
        annotations["argocd.argoproj.io/sync-wave"] = str(wave)
    metadata = {"name": name, "namespace": "shop", "annotations": annotations}
    return {"apiVersion": api, "kind": kind, "metadata": metadata}


def comparison(git: list[Object], live: list[Object]) -> Comparison:
    targets = prepare("shop", git, "shop", lambda each: each["kind"] != "Namespace")
    return compare("shop", targets.objects, {ref_of(each): stamp("shop", each) for each in live})


def policy(**automated: bool) -> SyncPolicy:
    return SyncPolicy.model_validate({"automated": automated})


def state(phase: str, revision: str = "r1", *, attempts: int = 0, ago: int = 0) -> OperationState:
    return OperationState(
        operation=Operation(sync=SyncOperation(auto_heal_attempts_count=attempts)),
        phase=phase,
        message="it broke",
        sync_result=SyncOperationResult(revision=revision),
        finished_at=NOW - timedelta(seconds=ago),
    )


A, B = obj("ConfigMap", "a"), obj("ConfigMap", "b")
NEW = comparison([A, B], [A])
SAME = comparison([A], [A])
EXTRA = comparison([A], [A, B])
NONE = comparison([], [A, B])


@pytest.mark.parametrize(
    ("automated", "beside", "last", "held", "starts"),
    [
        pytest.param(policy(), NEW, None, False, True, id="never synced"),
        pytest.param(None, NEW, None, False, False, id="no policy"),
        pytest.param(policy(enabled=False), NEW, None, False, False, id="switched off"),
        pytest.param(policy(), SAME, None, False, False, id="synced"),
        pytest.param(policy(), NEW, None, True, False, id="rejected"),
        pytest.param(policy(), NEW, state("Running"), False, False, id="a sync is under way"),
        pytest.param(policy(), EXTRA, None, False, False, id="only pruning, and that is off"),
        pytest.param(policy(prune=True), EXTRA, None, False, True, id="only pruning"),
        pytest.param(policy(prune=True), NONE, None, False, False, id="it would delete everything"),
        pytest.param(policy(prune=True, allowEmpty=True), NONE, None, False, True, id="that is meant"),
        pytest.param(policy(), NEW, state("Succeeded"), False, False, id="done once"),
        pytest.param(policy(), NEW, state("Succeeded", "r0"), False, True, id="another revision"),
        pytest.param(policy(selfHeal=True), NEW, state("Succeeded"), False, True, id="self-heal"),
        pytest.param(policy(selfHeal=True), NEW, state("Failed"), False, False, id="failed once"),
    ],
)
def test_automated_sync_starts(
    automated: SyncPolicy | None, beside: Comparison, last: OperationState | None, held: bool, starts: bool
) -> None:
    decision = decide(automated, beside, "r1", last, NOW, held=held)
    assert (decision.operation is not None) == starts


@pytest.mark.parametrize(
    ("attempts", "wait"), [(1, 2), (2, 6), (3, 18), (4, 54), (5, 162), (6, 300), (99, 300)]
)
def test_self_heal_waits_ever_longer(attempts: int, wait: int) -> None:
    last = state("Succeeded", attempts=attempts)
    decision = decide(policy(selfHeal=True), NEW, "r1", last, NOW, held=False)
    assert decision.again_after == timedelta(seconds=wait)
    late = state("Succeeded", attempts=attempts, ago=331)
    decision = decide(policy(selfHeal=True), NEW, "r1", late, NOW, held=False)
    assert decision.operation is not None
    assert decision.operation.sync is not None
    assert decision.operation.sync.auto_heal_attempts_count == 1
    assert [resource.name for resource in decision.operation.sync.resources] == ["b"]


@pytest.mark.parametrize(("count", "seconds"), [(0, 5), (1, 10), (2, 20), (5, 160), (6, 180), (400, 180)])
def test_retries_wait_longer_up_to_three_minutes(count: int, seconds: int) -> None:
    assert retry_delay(RetryStrategy(limit=-1), count) == timedelta(seconds=seconds)


def test_retries_end_at_the_limit_and_follow_their_backoff() -> None:
    retry = RetryStrategy(limit=2, backoff=Backoff(duration="1m", factor=3, max_duration="2m"))
    delays = [retry_delay(retry, count) for count in range(3)]
    assert delays == [timedelta(minutes=1), timedelta(minutes=2), None]


def test_objects_are_applied_by_wave_then_kind_then_name_and_pruned_backwards() -> None:
    git = [
        obj("Ingress", "i", api="networking.k8s.io/v1"),
        obj("Rollout", "r", api="argoproj.io/v1alpha1"),
        obj("Service", "b"),
        obj("Service", "a"),
        obj("ConfigMap", "late", wave=1),
        obj("Deployment", "early", api="apps/v1", wave=-1),
        obj("Namespace", "n"),
    ]
    resources = comparison(git, []).resources
    order = [resource.ref.name for resource in resources]
    assert order == ["early", "n", "a", "b", "i", "r", "late"]
    assert [resource.ref.name for resource in prune_order(resources)] == order[::-1]


def test_an_object_whose_annotation_was_copied_is_not_pruned() -> None:
    copied = stamp("shop", A)
    copied["metadata"] = {**copied["metadata"], "name": "copy"}
    found = compare("shop", {}, {ref_of(copied): copied})
    assert found.resources == ()


def test_an_extra_object_may_say_that_it_does_not_matter() -> None:
    extra = obj("ConfigMap", "b", **{"argocd.argoproj.io/compare-options": "IgnoreExtraneous"})
    found = comparison([A], [A, extra])
    assert found.status == "Synced"
    assert [resource.status for resource in found.resources] == ["Synced", "OutOfSync"]


def test_a_wave_that_is_no_number_is_named() -> None:
    with pytest.raises(InvalidSpec, match='"first" is not a whole number'):
        comparison([obj("ConfigMap", "a", **{"argocd.argoproj.io/sync-wave": "first"})], [])


@pytest.mark.parametrize(
    "option", ["Replace=true", "ServerSideApply=false", "Validate=false", "Nonsense=true"]
)
def test_a_sync_option_that_is_not_acted_on_is_refused_by_name(option: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        parse_options(["CreateNamespace=true", option], ".spec.syncPolicy.syncOptions")
    assert refused.value.field == ".spec.syncPolicy.syncOptions[1]"
    assert option in str(refused.value)
