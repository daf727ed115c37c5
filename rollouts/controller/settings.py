"""What the controller can be told, in one place."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from rollouts.kube.lease import Timing

RESYNC = timedelta(minutes=15)
"""In which everything is looked at again, whatever the watches said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of `rollouts controller`."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str = ""
    """The only namespace to look at; empty for all."""
    instance_id: str = ""
    """Only objects that carry it as a label, or without it only those that carry none."""
    metrics_port: int = 8090
    """0 turns metrics off."""
    health_port: int = 8080
    """0 turns the health endpoints off."""
    webhook_port: int = 0
    """Where Git servers announce pushes; 0 turns it off."""
    address: str = ""
    """What the ports are bound to; empty for loopback, and for all addresses in a pod."""
    leader_elect: bool | None = None
    """None: in a pod yes, elsewhere no."""
    lease: Timing = field(default_factory=Timing)
    """How long it is held."""
    log_format: Literal["text", "json"] = "text"
    log_level: str = "info"
    git_poll_interval: timedelta = timedelta(seconds=180)
    rollout_resync: timedelta = RESYNC
