"""What the pods of a baseline are called, and how they are told from those of a revision.

A ReplicaSet with the annotation is never a revision. It also bears the revision number of the version that it
copies, so that tools that do not know it list it there and, asked to go back to it, find the same template.
"""

import re
from hashlib import sha256

BASELINE_OF = "rollouts.argoproj.io/baseline-of"
"""The annotation that marks a ReplicaSet as baseline pods; its value is the hash of the version they copy."""

_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


def service_name(rollout: str) -> str:
    """The Service of a rollout's baseline pods: `<rollout>-baseline`.

    A rollout may have a name that no Service can have; then a name is made from its digest.
    """
    plain = f"{rollout}-baseline"
    return (
        plain if _SERVICE_NAME.fullmatch(plain) else f"baseline-{sha256(rollout.encode()).hexdigest()[:16]}"
    )
