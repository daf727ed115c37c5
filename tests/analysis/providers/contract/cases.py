"""Case files: a metric's provider, what it holds secret, what it asks, what it is answered, what is measured.

```yaml
provider: {web: {url: "https://api.test/v1?key={{args.key}}"}}   # as in .spec.metrics[].provider
args: {key: hunter2}                  # arguments that come from Secrets
secrets: {datadog: {api-key: k1}}     # Secrets of the controller's namespace; shop/name: those of the run's
objects: []                           # other objects that the API server has
environ: {}                           # of the controller; names that end in KEY or TOKEN are hidden
faults: false                         # whether this case too is disturbed in every way; value.yaml always is
exchanges:                            # in their order
- request: {method: POST, url: ..., query: {}, headers: {}, basic: {}, json: ..., form: {}, body: ...,
             sigv4: {secret: ..., service: ..., region: ...}}
  response: {status: 200, headers: {}, json: ..., body: ...}
measurement: {value: "0.5", phase: "", message: "", metadata: {}}
```

`{{args.key}}` stands for an argument, `{{secrets.datadog.api-key}}` for what a Secret holds and `{{server}}`
for the URL of a server, everywhere. `public: [address]` names the keys of Secrets whose values may be seen.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
_TAG = re.compile(r"\{\{(args|secrets)\.([^{}]+)\}\}")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case file."""

    provider: dict[str, Any]
    measurement: dict[str, Any]
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    args: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    objects: list[dict[str, Any]] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    faults: bool = False
    public: tuple[str, ...] = ()
    """Keys of Secrets whose values are no secrets: an address, a region."""

    def filled(self, node: Any, server: str) -> Any:
        """A part of the case with its placeholders replaced."""
        if isinstance(node, dict):
            return {name: self.filled(child, server) for name, child in node.items()}
        if isinstance(node, list):
            return [self.filled(child, server) for child in node]
        if not isinstance(node, str):
            return node
        return _TAG.sub(self._value, node).replace("{{server}}", server)

    def _value(self, tag: re.Match[str]) -> str:
        if tag[1] == "args":
            return self.args[tag[2]]
        name, key = tag[2].split(".", 1)
        return self.secrets[name][key]

    def hidden(self) -> list[str]:
        """Everything that must never be seen."""
        return [
            *self.args.values(),
            *self.hidden_in_secrets(),
            *(text for name, text in self.environ.items() if re.search("(TOKEN|KEY)$", name)),
        ]

    def hidden_in_secrets(self) -> list[str]:
        """Of that, what Secrets hold."""
        return [
            text for held in self.secrets.values() for key, text in held.items() if key not in self.public
        ]

    def rotated(self) -> "Case":
        """The same with other credentials."""
        return replace(
            self,
            args={name: f"rotated-{text}" for name, text in self.args.items()},
            secrets={
                name: {key: text if key in self.public else f"rotated-{text}" for key, text in secret.items()}
                for name, secret in self.secrets.items()
            },
        )


def cases(provider: str) -> dict[str, Case]:
    """The cases of a provider by the names of their files."""
    found = {}
    for path in sorted((HERE / provider).glob("*.yaml")):
        body = yaml.safe_load(path.read_text())
        found[path.stem] = Case(**{**body, "public": tuple(body.get("public", ()))})
    return found
