"""The pod template of a ReplicaSet as its author wrote it."""

from collections.abc import Mapping

from rollouts.api.meta import Object
from strategies import affinity, ephemeral


def authored(template: Object, annotations: Mapping[str, str]) -> Object:
    """The template of a ReplicaSet with these annotations, without what a role and a rule added to its pods.

    The label of the pod hash stays: a ReplicaSet finds its pods by it.
    """
    return affinity.without(ephemeral.without(template, annotations))
