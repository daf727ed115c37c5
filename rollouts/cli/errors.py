"""How an error reads and which exit code it has. Loaded only when there is one."""

from rollouts.api.errors import RolloutsError
from rollouts.client.errors import Failed, WaitTimeout
from rollouts.kube.errors import ApiError, Forbidden, Unauthorized, Unreachable

EXIT_ERROR, EXIT_USAGE, EXIT_DEGRADED, EXIT_TIMEOUT, EXIT_FORBIDDEN = 1, 2, 3, 4, 5


def exit_code(error: RolloutsError) -> int:
    """The exit code that scripts can tell the error by."""
    if isinstance(error, Forbidden | Unauthorized):
        return EXIT_FORBIDDEN
    if isinstance(error, WaitTimeout):
        return EXIT_TIMEOUT
    if isinstance(error, Failed):
        return EXIT_DEGRADED
    return EXIT_ERROR


def sentence(error: RolloutsError) -> str:
    """One line for the user: what happened and, where known, what to do."""
    if isinstance(error, Forbidden | Unauthorized):
        return f"not allowed: {error.status.get('message') or 'the credentials are missing or expired'}"
    if isinstance(error, ApiError):
        return str(error.status.get("message") or error)
    if isinstance(error, Unreachable):
        return f"{error}; is the cluster up? choose another with --kubeconfig or --context"
    return str(error)
