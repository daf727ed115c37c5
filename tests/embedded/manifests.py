"""Objects that the tests of the embedded cluster have in common."""

from typing import Any

from rollouts.api.meta import Object

NGINX = "nginx.ingress.kubernetes.io/"


def service(name: str, *ports: int, namespace: str = "default") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"app": name},
            "ports": [{"name": f"p{p}", "port": p, "targetPort": 8080} for p in ports or (80,)],
        },
    }


def ingress(name: str, backend: str, *, host: str = "a.com", path: str = "/", **rules: str) -> Object:
    """An Ingress; `rules` are nginx annotations with underscores for dashes."""
    annotations = {f"{NGINX}{key.replace('_', '-')}": value for key, value in rules.items()}
    target = {"service": {"name": backend, "port": {"number": 80}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "default", "annotations": annotations},
        "spec": {
            "ingressClassName": "nginx",
            "rules": [
                {"host": host, "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": target}]}}
            ],
        },
    }


def http_route(name: str, *rules: Object, hostnames: tuple[str, ...] = ("a.com",), **ref: Any) -> Object:
    parent = {"name": "envoy", "namespace": "rollouts-system", **ref}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"parentRefs": [parent], "hostnames": list(hostnames), "rules": list(rules)},
    }


def to(**weights: int) -> list[Object]:
    """backendRefs by service and weight."""
    return [{"name": name, "port": 80, "weight": weight} for name, weight in weights.items()]


def pod_template(name: str, image: str, *, port: int = 8080, **container: Any) -> Object:
    ports = [{"name": "http", "containerPort": port}]
    return {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "web", "image": image, "ports": ports, **container}]},
    }


def deployment(name: str, image: str, *, replicas: int = 2, **container: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": pod_template(name, image, **container),
        },
    }


def pod(
    name: str, *, image: str = "x/app:1", policy: str = "Always", port: int = 8080, **container: Any
) -> Object:
    template = pod_template(name, image, port=port, **container)
    spec = {**template["spec"], "restartPolicy": policy}
    metadata = {"name": name, "namespace": "default", **template["metadata"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
