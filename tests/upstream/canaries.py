"""The manifests of the canary walks: a Rollout, and what may stand around it."""

import yaml

from tests.upstream import manifests
from tests.upstream.manifests import IMAGE, read, service


def rollout(name: str, canary: str, spec: str = "", pod: str = "", container: str = "") -> str:
    """A Rollout; YAML of its strategy, and more of its spec, of its pods' spec and of their container."""
    strategy = yaml.safe_dump({"canary": read(canary)})
    # As upstream's own, whose pod hashes stand in its tests.
    only = {"resources": {"requests": {"memory": "16Mi", "cpu": "5m"}}, **read(container)}
    return manifests.rollout(name, strategy, spec, yaml.safe_dump(only), pod=pod)


def routed(name: str, canary: str, spec: str = "", pod: str = "", container: str = "") -> str:
    """A Rollout with a share of the requests to an nginx ingress, the two Services and the ingress."""
    strategy = served(name) | {"trafficRouting": {"nginx": {"stableIngress": name}}} | read(canary)
    ingress = f"""
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: {name}, annotations: {{kubernetes.io/ingress.class: nginx}}}}
spec:
  rules:
  - http:
      paths:
      - path: /
        pathType: Prefix
        backend: {{service: {{name: {name}-stable, port: {{number: 80}}}}}}
"""
    made = rollout(name, yaml.safe_dump(strategy), spec, pod, container)
    return "\n---\n".join((services(name), ingress, made))


def served(name: str) -> dict[str, object]:
    """The fields of a strategy that name the two Services."""
    return {"canaryService": f"{name}-canary", "stableService": f"{name}-stable"}


def services(name: str) -> str:
    """The Services `NAME-canary` and `NAME-stable`."""
    return "\n---\n".join(service(f"{name}-{side}", name) for side in ("canary", "stable"))


def new_version(name: str, **container: object) -> str:
    """The patch that changes the container, and lets the new pods take a while until they are ready."""
    template = {
        "metadata": {"annotations": {"stand-in/ready-after": "30"}},
        "spec": {"containers": [{"name": name, "image": IMAGE, **container}]},
    }
    return yaml.safe_dump({"spec": {"template": template}})
