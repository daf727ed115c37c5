"""What can come of a command or a wait, one class per outcome that a caller handles differently.

RolloutsError
├── NotThere         no such object, or the name is not unique enough; says where to look
├── Refused          the verb makes no sense in the object's state; nothing was changed
│   └── RevisionChanged  another revision than the expected one
├── Failed           what was waited for cannot come any more
│   ├── RolloutDegraded
│   │   └── RolloutAborted
│   ├── OperationFailed
│   └── RevisionRejected
└── WaitTimeout      it did not come in time; `last` is the object as it was last seen
"""

from typing import TYPE_CHECKING

from rollouts.api.errors import RolloutsError

if TYPE_CHECKING:
    from rollouts.client.application_view import ApplicationView
    from rollouts.client.rollout_view import RolloutView


class NotThere(RolloutsError):
    """There is no such object."""


class Refused(RolloutsError):
    """The object is in no state for this; nothing was changed."""


class RevisionChanged(Refused):
    """The object is at another revision than the caller has seen; nothing was changed."""


class Failed(RolloutsError):
    """What was waited for cannot come any more."""


class RolloutDegraded(Failed):
    """The rollout is Degraded while something else was waited for."""

    def __init__(self, rollout: "RolloutView") -> None:
        self.rollout = rollout
        super().__init__(f"rollout {rollout.namespace}/{rollout.name} is {rollout.phase}: {rollout.message}")


class RolloutAborted(RolloutDegraded):
    """The update was aborted, by its analysis or by a user; traffic is back on the stable version."""


class OperationFailed(Failed):
    """The sync that was waited for ended as Failed or Error."""

    def __init__(self, application: "ApplicationView") -> None:
        self.application = application
        operation = application.operation
        phase, message = (operation.phase, operation.message) if operation else ("Failed", "")
        super().__init__(f"application {application.namespace}/{application.name}: sync {phase}: {message}")


class RevisionRejected(Failed):
    """The Git revision was rejected: its rollout was taken back."""

    def __init__(self, application: "ApplicationView", message: str) -> None:
        self.application = application
        super().__init__(
            f"application {application.namespace}/{application.name}: the revision is rejected: {message}"
        )


class WaitTimeout(RolloutsError):
    """It did not come in time."""

    def __init__(self, last: "RolloutView | ApplicationView", waited_for: str, seconds: float) -> None:
        self.last = last
        super().__init__(
            f"{last.namespace}/{last.name} is not {waited_for} after {seconds:g} s; it is: {last.sentence}"
        )
