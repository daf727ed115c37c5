"""What can go wrong, by what the caller can conclude.

RolloutsError
├── InvalidSpec          the user must change the object; no retry until it changes
├── kube.errors.ApiError what the Kubernetes API answered: one class per answer handled differently
└── Unavailable          a dependency is down or slow; retry with backoff
"""


class RolloutsError(Exception):
    """The root of every error this project raises on purpose."""


class InvalidSpec(RolloutsError):
    """The object is wrong and only its author can mend it.

    `field` is a path as users write it (`.spec.strategy.canary.steps[2]`), `value` what was seen there.
    """

    def __init__(self, field: str, message: str, value: object = None) -> None:
        self.field = field
        self.value = value
        self.message = message
        super().__init__(f"{field}: {message}" if field else message)


class Unavailable(RolloutsError):
    """A dependency did not answer, or not usefully; nothing is concluded and the work is tried again."""
