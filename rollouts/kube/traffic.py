"""What goes to the API server and comes back, counted by verb and kind."""

from collections import Counter
from dataclasses import dataclass, field

from rollouts.kube.transport import Request

_VERBS = {"POST": "Create", "PUT": "Update", "PATCH": "Patch", "DELETE": "Delete"}


@dataclass(frozen=True, slots=True)
class Call:
    """A sort of request. Without a name of an object: one count a name would grow for ever."""

    verb: str
    """`Get`, `List`, `Watch`, `Create`, `Update`, `Patch` or `Delete`."""
    plural: str
    """The kind, as paths spell it; empty for what is no resource."""


@dataclass(slots=True)
class Traffic:
    """Sums since the process began. Bytes are those of the bodies, before TLS and without headers."""

    answers: Counter[tuple[Call, int]] = field(default_factory=Counter)
    """Requests by the HTTP code of their answer."""
    sent: Counter[Call] = field(default_factory=Counter)
    """Bytes."""
    received: Counter[Call] = field(default_factory=Counter)
    """Bytes."""


def call_of(request: Request) -> Call:
    """What sort of request this is."""
    parts = request.path.strip("/").split("/")
    rest = parts[{"api": 2, "apis": 3}.get(parts[0], len(parts)) :]
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    plural = rest[0] if rest else ""
    if request.method == "GET":
        if request.query.get("watch"):
            return Call("Watch", plural)
        return Call("List" if len(rest) == 1 else "Get", plural)
    return Call(_VERBS.get(request.method, "Unknown"), plural)
