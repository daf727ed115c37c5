"""What is wrong with a condition."""

from rollouts.api.errors import InvalidSpec


class ConditionError(InvalidSpec):
    """A condition does not parse, or cannot be evaluated on this result.

    `position` is the offset, from 0, of the character in the condition where it went wrong; None where no
    single place is to blame.
    """

    def __init__(self, message: str, *, position: int | None = None, condition: str = "") -> None:
        self.position = position
        self.condition = condition
        super().__init__("", message, condition or None)

    def __str__(self) -> str:
        """The message, with the place in the condition."""
        place = "" if self.position is None else f" (character {self.position + 1})"
        return f"{self.message}{place}"
