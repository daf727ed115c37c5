"""Which objects belong to which Application: the annotation `argocd.argoproj.io/tracking-id`. Pure."""

from dataclasses import dataclass

from rollouts.api.meta import Object

TRACKING_ID = "argocd.argoproj.io/tracking-id"
GIT_REVISION = "rollouts.argoproj.io/git-revision"
"""Additive: the commit whose sync last changed the object; on Rollouts."""
IN_CLUSTER = "https://kubernetes.default.svc"


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """An object by what makes it one, whatever version of its group it is written in."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """As users read it: `Service shop/web`."""
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {where}"


def ref_of(obj: Object) -> Ref:
    """The name of an object."""
    group, slash, _ = str(obj["apiVersion"]).rpartition("/")
    metadata = obj["metadata"]
    return Ref(group if slash else "", obj["kind"], metadata.get("namespace") or "", metadata["name"])


def tracking_id(application: str, ref: Ref) -> str:
    """`<application>:<group>/<Kind>:<namespace>/<name>`, as Argo CD writes it."""
    return f"{application}:{ref.group}/{ref.kind}:{ref.namespace}/{ref.name}"


def tracks(application: str, obj: Object) -> bool:
    """Whether an object belongs to an application.

    An annotation that names another object was copied by some controller and counts for nothing.
    """
    value = (obj["metadata"].get("annotations") or {}).get(TRACKING_ID)
    return value == tracking_id(application, ref_of(obj))


def owner(obj: Object) -> str:
    """The application that an object belongs to; empty if it belongs to none."""
    value = str((obj["metadata"].get("annotations") or {}).get(TRACKING_ID) or "")
    name = value.partition(":")[0]
    return name if name and tracks(name, obj) else ""


def stamp(application: str, obj: Object) -> Object:
    """The object with the annotation that makes it the application's."""
    metadata = obj["metadata"]
    annotations = {
        **(metadata.get("annotations") or {}),
        TRACKING_ID: tracking_id(application, ref_of(obj)),
    }
    return {**obj, "metadata": {**metadata, "annotations": annotations}}
