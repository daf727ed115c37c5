"""Whatever a user may write is acted on, or refused by name: no field of a spec is passed over.

A new field of a model must be listed here once code acts on it; until then it stands in
`rollouts/api/unsupported.py`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollouts.api import crd
from rollouts.api.paths import find
from rollouts.api.unsupported import not_yet
from tests.places import SOURCES

DEFINITIONS = {each["spec"]["names"]["kind"]: each for each in crd.crds()}
FULL = [yaml.safe_load(path.read_text()) for path in (Path(__file__).parent / "full").glob("*.yaml")]


def under(path: str, *names: str) -> set[str]:
    """The paths of fields below a path."""
    return {f"{path}.{name}" for line in names for name in line.split()}


def analysis(path: str) -> set[str]:
    """A reference to templates, with what it hands them."""
    return {
        *under(f"{path}.templates[]", "templateName clusterScope"),
        *under(f"{path}.args[]", "name value"),
        *under(f"{path}.args[].valueFrom", "podTemplateHashValue fieldRef.fieldPath"),
        *under(path, "dryRun[].metricName measurementRetention[].metricName measurementRetention[].limit"),
        *under(f"{path}.analysisRunMetadata", "labels annotations"),
        *under(path, "onFailure onInconclusive onError"),
    }


def source(path: str) -> set[str]:
    """A folder of a repository."""
    kustomize = f"{path}.kustomize"
    return {
        *under(path, "repoURL path targetRevision"),
        *under(f"{path}.directory", "recurse include exclude"),
        *under(kustomize, "namePrefix nameSuffix images replicas[].name replicas[].count namespace"),
        *under(kustomize, "commonLabels labelWithoutSelector labelIncludeTemplates forceCommonLabels"),
        *under(kustomize, "commonAnnotations commonAnnotationsEnvsubst forceCommonAnnotations"),
        *under(kustomize, "components ignoreMissingComponents"),
        *under(f"{kustomize}.patches[]", "path patch options"),
        *under(f"{kustomize}.patches[].target", "group version kind name namespace"),
        *under(f"{kustomize}.patches[].target", "annotationSelector labelSelector"),
    }


def retry(path: str) -> set[str]:
    """How often and when a sync is tried again."""
    return under(path, "limit backoff.duration backoff.factor backoff.maxDuration")


def http(path: str) -> set[str]:
    """What goes with a request to a metrics server."""
    return {
        *under(path, "insecure headers[].key headers[].value"),
        *under(f"{path}.authentication.sigv4", "region profile roleArn"),
        *under(f"{path}.authentication.oauth2", "tokenUrl clientId clientSecret scopes"),
        *under(f"{path}.authentication.basicAuth", "username password"),
    }


METRICS_ELSEWHERE = ("AnalysisRun", "ClusterAnalysisTemplate")
"""Their metrics are an AnalysisTemplate's, and in full only in the example of that."""
BLUE_GREEN = ".spec.strategy.blueGreen"
CANARY = ".spec.strategy.canary"
KEEP_OFF = "preferredDuringSchedulingIgnoredDuringExecution.weight"
METRIC = ".spec.metrics[]"
MEASURED = {
    *under(METRIC, "name interval initialDelay count successCondition failureCondition failureLimit"),
    *under(METRIC, "inconclusiveLimit consecutiveErrorLimit consecutiveSuccessLimit"),
    *under(METRIC, "onNoData noDataDeadline minSamples startOn warmUp"),
    *under(f"{METRIC}.judge.consecutive", "min max threshold inARow"),
    *under(f"{METRIC}.judge.kayenta", "direction nanStrategy critical mustHaveData muted groups"),
    *under(f"{METRIC}.judge.kayenta.outliers", "strategy outlierFactor"),
    *under(f"{METRIC}.judge.kayenta.effectSize", "measure allowedIncrease allowedDecrease"),
    *under(f"{METRIC}.judge.kayenta.effectSize", "criticalIncrease criticalDecrease"),
    *under(f"{METRIC}.judge.sequential", "alpha maxRatio proveRatio maxErrorRate minRequests"),
    *under(f"{METRIC}.judge.sequential", "negligibleErrorRate"),
    *under(f"{METRIC}.judge.sequential", "overdispersion undecided"),
    *under(".spec.score", "groups[].name groups[].weight pass marginal"),
    *under(f"{METRIC}.provider.prometheus", "address query timeout"),
    *under(f"{METRIC}.provider.prometheus.rangeQuery", "start end step"),
    *under(f"{METRIC}.provider.prometheus.arms.canary", "query requests errors buckets"),
    *under(f"{METRIC}.provider.prometheus.arms.stable", "query requests errors buckets"),
    *under(f"{METRIC}.provider.prometheus.arms.baseline", "query requests errors buckets"),
    *http(f"{METRIC}.provider.prometheus"),
    *under(f"{METRIC}.provider.web", "method url body jsonBody timeoutSeconds jsonPath"),
    *http(f"{METRIC}.provider.web"),
    *under(f"{METRIC}.provider.job", "metadata spec"),
    *under(f"{METRIC}.provider.traffic", "metric service window quantile minRequests stableService"),
    *under(f"{METRIC}.provider.graphite", "address query"),
    *under(f"{METRIC}.provider.influxdb", "profile query"),
    *under(f"{METRIC}.provider.skywalking", "address query interval"),
    *under(f"{METRIC}.provider.kayenta", "address application canaryConfigName metricsAccountName"),
    *under(f"{METRIC}.provider.kayenta", "configurationAccountName storageAccountName"),
    *under(f"{METRIC}.provider.kayenta.threshold", "pass marginal"),
    *under(f"{METRIC}.provider.kayenta.scopes[]", "name"),
    *under(f"{METRIC}.provider.kayenta.scopes[].controlScope", "scope region step start end"),
    *under(f"{METRIC}.provider.kayenta.scopes[].experimentScope", "scope region step start end"),
    *under(f"{METRIC}.provider.stackdriver", "query project secretRef.name secretRef.namespaced"),
    *under(f"{METRIC}.provider.dynatrace", "address query interval secretRef.name secretRef.namespaced"),
    *under(f"{METRIC}.provider.splunk", "address query interval secretRef.name secretRef.namespaced"),
    *under(f"{METRIC}.provider.keptn", "query"),
    *under(f"{METRIC}.provider.externalMetrics", "query address insecure"),
    *under(f"{METRIC}.provider.externalMetrics", "secretRef.name secretRef.namespaced"),
    *under(f"{METRIC}.provider.datadog", "interval query queries formula apiVersion aggregator"),
    *under(f"{METRIC}.provider.datadog", "secretRef.name secretRef.namespaced requestTimeout"),
    *under(f"{METRIC}.provider.newRelic", "profile query timeout"),
    *under(f"{METRIC}.provider.wavefront", "address query"),
    *under(f"{METRIC}.provider.cloudWatch", "interval"),
    *under(f"{METRIC}.provider.cloudWatch.metricDataQueries[]", "id expression label period returnData"),
    *under(f"{METRIC}.provider.cloudWatch.metricDataQueries[].metricStat", "period stat unit"),
    *under(f"{METRIC}.provider.cloudWatch.metricDataQueries[].metricStat.metric", "metricName namespace"),
    *under(f"{METRIC}.provider.cloudWatch.metricDataQueries[].metricStat.metric.dimensions[]", "name value"),
    *under(f"{METRIC}.provider", "plugin"),
    *under(".spec.args[]", "name value"),
    *under(".spec.args[].valueFrom", "secretKeyRef.name secretKeyRef.key fieldRef.fieldPath"),
    *under(".spec", "dryRun[].metricName measurementRetention[].metricName measurementRetention[].limit"),
}
ACTED_ON: dict[str, set[str]] = {
    "Rollout": {
        *under(".spec.workloadRef", "apiVersion kind name scaleDown"),
        *under(".spec", "replicas template minReadySeconds revisionHistoryLimit paused restartAt"),
        *under(".spec", "progressDeadlineSeconds progressDeadlineAbort rollbackWindow.revisions"),
        *under(".spec.analysis", "successfulRunHistoryLimit unsuccessfulRunHistoryLimit"),
        *under(".spec.selector", "matchLabels"),
        *under(".spec.selector.matchExpressions[]", "key operator values"),
        *under(BLUE_GREEN, "activeService previewService previewReplicaCount maxUnavailable"),
        *under(BLUE_GREEN, "autoPromotionEnabled autoPromotionSeconds"),
        *under(BLUE_GREEN, "scaleDownDelaySeconds scaleDownDelayRevisionLimit abortScaleDownDelaySeconds"),
        *under(f"{BLUE_GREEN}.antiAffinity", KEEP_OFF),
        *under(f"{BLUE_GREEN}.activeMetadata", "labels annotations"),
        *under(f"{BLUE_GREEN}.previewMetadata", "labels annotations"),
        *analysis(f"{BLUE_GREEN}.prePromotionAnalysis"),
        *analysis(f"{BLUE_GREEN}.postPromotionAnalysis"),
        *under(f"{CANARY}.antiAffinity", KEEP_OFF),
        *under(f"{CANARY}.canaryMetadata", "labels annotations"),
        *under(f"{CANARY}.stableMetadata", "labels annotations"),
        *under(CANARY, "canaryService stableService maxSurge maxUnavailable dynamicStableScale"),
        *under(CANARY, "scaleDownDelaySeconds scaleDownDelayRevisionLimit abortScaleDownDelaySeconds"),
        *under(CANARY, "minPodsPerReplicaSet replicaProgressThreshold.type replicaProgressThreshold.value"),
        *under(f"{CANARY}.steps[]", "setWeight pause.duration"),
        *under(f"{CANARY}.steps[].pause", "advance atLeast atMost"),
        *under(f"{CANARY}.steps[].analysis", "advance atLeast atMost"),
        *under(f"{CANARY}.steps[].setCanaryScale", "replicas weight matchTrafficWeight"),
        *analysis(f"{CANARY}.steps[].analysis"),
        *analysis(f"{CANARY}.analysis"),
        *under(f"{CANARY}.steps[].analysis.baseline", "replicas matchCanary"),
        *under(f"{CANARY}.analysis.baseline", "replicas matchCanary"),
        *under(f"{CANARY}.analysis", "startingStep"),
        *under(f"{CANARY}.trafficRouting", "maxTrafficWeight plugins"),
        *under(f"{CANARY}.trafficRouting.nginx", "stableIngress stableIngresses annotationPrefix"),
        *under(f"{CANARY}.trafficRouting.nginx", "additionalIngressAnnotations canaryIngressAnnotations"),
    },
    "AnalysisTemplate": {*MEASURED, *under(".spec.templates[]", "templateName clusterScope")},
    "ClusterAnalysisTemplate": {*MEASURED, *under(".spec.templates[]", "templateName clusterScope")},
    "AnalysisRun": {
        *MEASURED,
        *under(".spec", "terminate milestones.podsReady milestones.firstTraffic"),
        *under(".spec", "baseline.service baseline.podTemplateHash"),
        *under(".spec.ttlStrategy", "secondsAfterCompletion secondsAfterFailure secondsAfterSuccess"),
    },
    "Experiment": set(),
    "Application": {
        *source(".spec.source"),
        *under(".spec", "project revisionHistoryLimit"),
        *under(".spec.destination", "server name namespace"),
        *under(".spec.syncPolicy", "syncOptions"),
        *under(".spec.syncPolicy.automated", "enabled prune selfHeal allowEmpty"),
        *under(".spec.syncPolicy.managedNamespaceMetadata", "labels annotations"),
        *retry(".spec.syncPolicy.retry"),
        *under(".spec.ignoreDifferences[]", "group kind name namespace jsonPointers"),
        *source(".operation.sync.source"),
        *under(".operation.sync", "revision prune dryRun syncOptions autoHealAttemptsCount"),
        *under(".operation.sync.resources[]", "group kind name namespace"),
        *under(".operation.initiatedBy", "username automated"),
        *retry(".operation.retry"),
    },
    "AppProject": {
        *under(".spec", "sourceRepos"),
        *under(".spec.destinations[]", "server name namespace"),
        *under(".spec.clusterResourceWhitelist[]", "group kind name"),
        *under(".spec.clusterResourceBlacklist[]", "group kind name"),
        *under(".spec.namespaceResourceWhitelist[]", "group kind name"),
        *under(".spec.namespaceResourceBlacklist[]", "group kind name"),
    },
}
NO_EFFECT = {f"{METRIC}.provider.kayenta.lookback"}
"""Upstream takes it and does nothing with it; here the measurement says so."""
FOR_PEOPLE: dict[str, set[str]] = {
    **dict.fromkeys(("AnalysisTemplate", "ClusterAnalysisTemplate", "AnalysisRun"), NO_EFFECT),
    "Application": {
        *under(".spec.info[]", "name value"),
        *under(".operation.info[]", "name value"),
        ".spec.source.name",
        ".operation.sync.source.name",
    },
    "AppProject": {".spec.description"},
}
"""Notes, which nothing has to act on."""


def leaves(node: Any, path: str) -> Iterator[str]:
    """The fields of a schema that hold no other fields; a list of plain values is one."""
    if "properties" in node:
        for name, child in node["properties"].items():
            yield from leaves(child, f"{path}.{name}")
    elif "properties" in node.get("items", {}):
        yield from leaves(node["items"], f"{path}[]")
    else:
        yield path


def written(kind: str) -> set[str]:
    """Every field that a user may set."""
    schema = DEFINITIONS[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    return {
        path for part in ("spec", "operation") if part in schema for path in leaves(schema[part], f".{part}")
    }


def is_refused(kind: str, path: str) -> bool:
    return any(path == row or path.startswith((f"{row}.", f"{row}[")) for row in not_yet(kind))


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_every_field_is_acted_on_or_refused(kind: str) -> None:
    known = ACTED_ON[kind] | FOR_PEOPLE.get(kind, set())
    passed_over = {path for path in written(kind) if path not in known and not is_refused(kind, path)}
    assert passed_over == set(), "act on it and list it above, or refuse it in rollouts/api/unsupported.py"


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_nothing_is_listed_that_is_no_field_or_is_refused_as_well(kind: str) -> None:
    listed = ACTED_ON[kind] | FOR_PEOPLE.get(kind, set())
    assert listed - written(kind) == set()
    assert {path for path in listed if is_refused(kind, path)} == set()


@pytest.mark.parametrize("kind", [kind for kind in DEFINITIONS if kind not in METRICS_ELSEWHERE])
def test_every_refusal_is_of_a_field_that_a_user_can_set(kind: str) -> None:
    """The full examples set every field, so that a row which finds nothing there is misspelt."""
    bodies = [body for body in FULL if body["kind"] == kind]
    assert [row for row in not_yet(kind) if not any(list(find(body, row)) for body in bodies)] == []


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_what_is_acted_on_is_named_in_the_code(kind: str) -> None:
    """By itself, or by the field that holds it where a whole is passed on."""
    code = "\n".join(path.read_text() for room in ROOMS for path in (SOURCES / room).rglob("*.py"))
    for path in ACTED_ON[kind]:
        names = [name.removesuffix("[]") for name in path.split(".")[-2:]]
        assert any(re.search(rf"\b({name}|{_snake(name)})\b", code) for name in names), path


ROOMS = ("strategies", "analysis", "rollouts/controller", "rollouts/gitops", "rollouts/routers")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z]+)", r"_\1", name).lower()
