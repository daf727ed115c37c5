"""The in-memory Kubernetes API: the same object serves controllers in process and kubectl over HTTPS."""

from rollouts.embedded.api.in_process import InProcess
from rollouts.embedded.api.server import ApiServer

__all__ = ["ApiServer", "InProcess"]
