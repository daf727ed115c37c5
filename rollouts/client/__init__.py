"""Scripted promotions: the verbs of the `rollouts` command as a typed, asynchronous API."""

from rollouts.client.application_intents import NewApplication
from rollouts.client.application_view import ApplicationView, Operation
from rollouts.client.connection import Client
from rollouts.client.errors import (
    Failed,
    NotThere,
    OperationFailed,
    Refused,
    RevisionChanged,
    RevisionRejected,
    RolloutAborted,
    RolloutDegraded,
    WaitTimeout,
)
from rollouts.client.rollout_view import RolloutView

__all__ = [
    "ApplicationView",
    "Client",
    "Failed",
    "NewApplication",
    "NotThere",
    "Operation",
    "OperationFailed",
    "Refused",
    "RevisionChanged",
    "RevisionRejected",
    "RolloutAborted",
    "RolloutDegraded",
    "RolloutView",
    "WaitTimeout",
]
