"""The manifests of the walks: short ones, of which a walk says only what it is about."""

from pathlib import Path
from textwrap import indent

import yaml

from rollouts.api.meta import Object

_TEMPLATES = Path(__file__).parent / "templates"

IMAGE = "nginx:1.19-alpine"
MISSING = "nginx:none"
"""An image that no node can pull."""


def rollout(
    name: str, strategy: str, spec: str = "", container: str = "", *, app: str = "", pod: str = ""
) -> str:
    """A Rollout of one container: its strategy, and more of its spec, container and pods' spec, as YAML."""
    labels = {"app": app or name}
    only = {
        "name": app or name,
        "image": IMAGE,
        "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP"}],
        "resources": {"requests": {"memory": "16Mi", "cpu": "1m"}},
        **read(container),
    }
    pods = {"containers": [only], **read(pod)}
    return yaml.safe_dump(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": name},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pods},
                "strategy": read(strategy),
                **read(spec),
            },
        }
    )


def canary(name: str, strategy: str, *, replicas: int = 1, spec: str = "", container: str = "") -> str:
    """A canary; further lines of the strategy, the spec and the container."""
    return rollout(name, f"canary:\n{indent(strategy, '  ')}", f"replicas: {replicas}\n{spec}", container)


def blue_green(name: str, strategy: str, *, replicas: int = 1, spec: str = "", container: str = "") -> str:
    """A blue/green with a service for users and one for testers, `NAME-active` and `NAME-preview`."""
    strategy = f"activeService: {name}-active\npreviewService: {name}-preview\n{strategy}"
    made = rollout(name, f"blueGreen:\n{indent(strategy, '  ')}", f"replicas: {replicas}\n{spec}", container)
    return "\n---\n".join((service(f"{name}-active", name), service(f"{name}-preview", name), made))


def template(*names: str) -> str:
    """The AnalysisTemplates in files of these names."""
    return "\n---\n".join((_TEMPLATES / f"{name}.yaml").read_text() for name in names)


def new_container(container: str, spec: str = "") -> str:
    """A patch of a rollout: its only container anew, and further fields of its spec."""
    containers = {"template": {"spec": {"containers": [{"image": IMAGE, **read(container)}]}}}
    return yaml.safe_dump({"spec": {**containers, **read(spec)}})


def service(name: str, app: str = "") -> str:
    """A Service of port 80 that selects an app, by default the one of its own name."""
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{ports: [{{port: 80, targetPort: http, name: http}}], selector: {{app: {app or name}}}}}
"""


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
"""An AnalysisTemplate whose Job lasts a while and ends as its arguments say."""


def read(text: str) -> Object:
    """Fields written as YAML; none of an empty text."""
    return dict(yaml.safe_load(text) or {})
