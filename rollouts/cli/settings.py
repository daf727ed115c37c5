"""Which cluster and namespace the user named, on the root command or on the command itself."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `--kubeconfig`, `--context` and `--namespace` said; None where they did not."""

    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str | None = None
    transport: Any = None
    """A `rollouts.kube.transport.Transport` in place of a kubeconfig: how tests reach an in-process API."""

    def override(self, **said: Any) -> "Settings":
        """Take what is said here, and the rest from before."""
        return replace(self, **{name: value for name, value in said.items() if value})
