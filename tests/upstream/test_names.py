"""A ReplicaSet has the name, and the steps have the hash, that upstream's own packages give them."""

import pytest
import yaml

from rollouts.api.meta import Object
from tests.upstream import oracle
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream

PLAIN = """
containers: [{name: web, image: "nginx:1.19-alpine", resources: {requests: {memory: 16Mi, cpu: 1m}}}]
"""
SPELLINGS = """
containers:
- name: web
  image: nginx
  colour: red
  resources: {limits: {cpu: 1000m, memory: 1024Mi}, requests: {cpu: 0.001, memory: 1048576Ki}}
  env:
  - {name: B, value: "<a> & \\u2028"}
  - {name: A, value: ""}
  - {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
  ports: [{containerPort: 80, name: http}, {containerPort: 81, protocol: UDP}]
  readinessProbe: {httpGet: {port: http, path: /}, periodSeconds: 5}
  command: []
  tty: false
terminationGracePeriodSeconds: 0
automountServiceAccountToken: false
hostNetwork: false
"""
WHOLE = """
initContainers: [{name: side, image: "busybox:1", restartPolicy: Always, securityContext: {runAsUser: 0}}]
containers:
- name: web
  image: registry.example.com:5000/web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
  lifecycle: {preStop: {sleep: {seconds: 1}}}
  volumeMounts: [{name: a, mountPath: /a}, {name: p, mountPath: /p, readOnly: true}]
volumes:
- {name: a, emptyDir: {sizeLimit: 1024Mi}}
- {name: p, projected: {sources: [{serviceAccountToken: {path: t}}, {configMap: {name: c, optional: true}}]}}
- {name: h, hostPath: {path: /tmp}}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
    - {weight: 1, podAffinityTerm: {topologyKey: zone, labelSelector: {matchLabels: {app: web}}}}
tolerations: [{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 0}]
topologySpreadConstraints:
- {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
imagePullSecrets: [{name: s}]
securityContext: {fsGroup: 0, sysctls: []}
"""
STEPS = [
    {"setWeight": 0},
    {"pause": {"duration": "1m"}},
    {"setWeight": 5},
    {"pause": {"duration": 10}},
    {"pause": {}},
]


@pytest.mark.parametrize("pod", [PLAIN, SPELLINGS, WHOLE], ids=["plain", "spellings", "whole"])
async def test_the_name_of_a_replica_set_ends_in_the_hash_of_its_template(walk: Walk, pod: str) -> None:
    rollout = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "named"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}, "annotations": {"b": "1", "a": ">"}},
                "spec": yaml.safe_load(pod),
            },
            "strategy": {"canary": {"steps": STEPS}},
        },
    }
    await walk.apply(yaml.safe_dump(rollout))

    def is_named(found: Object) -> bool:
        return bool((found.get("status") or {}).get("currentPodHash"))

    found = await walk.until(is_named, "hash of its template")
    (answer,) = oracle.answers([{"rollout": found}])
    assert found["status"]["currentPodHash"] == answer["hash"]
    assert found["status"]["currentStepHash"] == answer["steps"]
    replica_set = await walk.replica_set(1)
    assert replica_set["metadata"]["name"] == f"named-{answer['hash']}"
    assert replica_set["spec"]["selector"]["matchLabels"]["rollouts-pod-template-hash"] == answer["hash"]
