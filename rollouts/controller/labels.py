"""The labels and annotations that the rollout controller reads and writes."""

from rollouts.api.meta import Object

POD_HASH = "rollouts-pod-template-hash"
MANAGED_BY = "argo-rollouts.argoproj.io/managed-by-rollouts"
INSTANCE_ID = "argo-rollouts.argoproj.io/controller-instance-id"
SCALE_DOWN_DEADLINE = "scale-down-deadline"
REVISION = "rollout.argoproj.io/revision"
REVISION_HISTORY = "rollout.argoproj.io/revision-history"
DESIRED_REPLICAS = "rollout.argoproj.io/desired-replicas"
WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"
NOTIFIED = "notified.notifications.argoproj.io"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
ROLLOUT_TYPE = "rollout-type"
STEP_INDEX = "step-index"


def mine(obj: Object, instance_id: str) -> bool:
    """Whether the controller of this instance id answers for an object; without an id, for the unlabelled."""
    return str((obj["metadata"].get("labels") or {}).get(INSTANCE_ID, "")) == instance_id
