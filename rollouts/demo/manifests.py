"""What the demo applies to the cluster besides what it commits to Git: images, and one Application an app."""

from typing import Any

import yaml

from rollouts.api.meta import API_VERSION

NAMESPACE = "hello"
SYSTEM = "rollouts-system"

APPS = {"hello-spring": "edu-spring", "hello-express": "edu-express", "hello-flask": "edu-python"}
"""The applications, and the last part of the image each runs."""

PATHS = {name: name.replace("hello-", "hello-world-") for name in APPS}
"""The folder of each in the repository."""

STABLE, GOOD, BAD, SLOW = "1.0.0", "1.1.0", "1.2.0", "1.3.0"

IN_CLUSTER = "https://kubernetes.default.svc"


def image(app: str, tag: str) -> str:
    """An image reference as the source document spells it."""
    return f"public.ecr.aws/b3v0x0o0/{APPS[app]}:{tag}"


def setup(repo_url: str, *, revert: bool) -> str:
    """Everything that `kubectl apply` is given, as YAML."""
    # "Pushing an image" to the embedded cluster is an entry here: the bad build fails one request in ten, and
    # the slow one takes its time for each.
    images = {
        image("hello-flask", BAD): {"env": {"ERROR_RATE": "0.1"}},
        image("hello-flask", SLOW): {"env": {"LATENCY_MS": "150"}},
    }
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "images", "namespace": "kube-system"},
            "data": {"images.yaml": yaml.safe_dump(images)},
        },
        *(_application(name, repo_url, revert=revert) for name in APPS),
    ]
    return yaml.safe_dump_all(objects, sort_keys=False)


def _application(name: str, repo_url: str, *, revert: bool) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "Application",
        "metadata": {
            "name": name,
            "namespace": SYSTEM,
            "annotations": {"rollouts.argoproj.io/on-reject": "revert"} if revert else {},
        },
        "spec": {
            "project": "default",
            "source": {"repoURL": repo_url, "path": PATHS[name], "targetRevision": "main"},
            "destination": {"server": IN_CLUSTER, "namespace": NAMESPACE},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        },
    }
