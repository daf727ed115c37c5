"""What was read, and what was found wrong with it."""

from dataclasses import dataclass
from typing import Any

from rollouts.api.meta import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of a file."""

    file: str
    number: int
    """From 1 on, as editors count."""
    body: Any

    @property
    def object(self) -> Object | None:
        """The body, where it is a Kubernetes object with a name."""
        body = self.body
        if not isinstance(body, dict) or not isinstance(body.get("metadata"), dict):
            return None
        named = all(isinstance(body.get(field), str) for field in ("apiVersion", "kind"))
        return body if named and isinstance(body["metadata"].get("name"), str) else None

    @property
    def title(self) -> str:
        """`Kind/name`, as far as the document has them."""
        if not isinstance(self.body, dict):
            return ""
        metadata = self.body.get("metadata")
        name = metadata.get("name", "") if isinstance(metadata, dict) else ""
        return f"{self.body.get('kind', '')}/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem. Printed as `file:document: Kind/name: field: message`."""

    file: str
    place: int = 0
    """The number of the document; 0 where the file as a whole is meant."""
    title: str = ""
    field: str = ""
    message: str

    def __str__(self) -> str:
        """One line."""
        where = f"{self.file}:{self.place}" if self.place else self.file
        return ": ".join(part for part in (where, self.title, self.field, self.message) if part)

    def as_json(self) -> Object:
        """For machines."""
        return {
            "file": self.file,
            "document": self.place,
            "object": self.title,
            "field": self.field,
            "message": self.message,
        }


def finding(document: Document, message: str, field: str = "") -> Finding:
    """A problem of one document."""
    return Finding(
        file=document.file, place=document.number, title=document.title, field=field, message=message
    )
