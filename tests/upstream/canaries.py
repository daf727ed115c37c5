"""The manifests of the canary walks: a Rollout of nginx, and what may stand around it."""

import yaml

NGINX = "nginx:1.19-alpine"


def rollout(name: str, canary: str, spec: str = "", pod: str = "", container: str = "") -> str:
    """A Rollout; YAML of its strategy, and more of its spec, of its pods' spec and of their container."""
    pods = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [_container(name, container)]}}
    pods["spec"] |= _parsed(pod)
    body = {
        "selector": {"matchLabels": {"app": name}},
        "template": pods,
        "strategy": {"canary": _parsed(canary)},
        **_parsed(spec),
    }
    return yaml.safe_dump(
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name}, "spec": body}
    )


def routed(name: str, canary: str, spec: str = "", pod: str = "", container: str = "") -> str:
    """A Rollout with a share of the requests to an nginx ingress, the two Services and the ingress."""
    strategy = served(name) | {"trafficRouting": {"nginx": {"stableIngress": name}}} | _parsed(canary)
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
    return "\n---\n".join(
        f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}-{side}}}
spec:
  selector: {{app: {name}}}
  ports: [{{name: http, port: 80, targetPort: http}}]
"""
        for side in ("canary", "stable")
    )


def new_version(name: str, **container: object) -> str:
    """The patch that changes the container, and lets the new pods take a while until they are ready."""
    template = {
        "metadata": {"annotations": {"stand-in/ready-after": "30"}},
        "spec": {"containers": [_container(name, yaml.safe_dump(container))]},
    }
    return yaml.safe_dump({"spec": {"template": template}})


def _container(name: str, more: str) -> dict[str, object]:
    port = {"name": "http", "containerPort": 80, "protocol": "TCP"}
    requests = {"requests": {"memory": "16Mi", "cpu": "5m"}}
    return {"name": name, "image": NGINX, "ports": [port], "resources": requests} | _parsed(more)


def _parsed(text: str) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(text) or {}
    return found


SLEEP_JOB = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: sleep-job}
spec:
  args:
  - {name: duration, value: "1"}
  - {name: exit-code, value: "0"}
  - {name: count, value: "1"}
  - {name: rev, value: notset}
  metrics:
  - name: sleep-job
    count: "{{args.count}}"
    provider:
      job:
        spec:
          backoffLimit: 0
          template:
            metadata: {labels: {rev: "{{args.rev}}"}}
            spec:
              restartPolicy: Never
              containers:
              - name: sleep-job
                image: nginx:1.19-alpine
                command: [sh, -c, -x]
                args: ["sleep {{args.duration}} && exit {{args.exit-code}}"]
"""
"""An analysis by a Job that sleeps and ends as its arguments say."""
