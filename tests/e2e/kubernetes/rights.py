"""What an account may do, by the manifests; and what it did, by the server's audit log."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from rollouts.api.meta import Object


class Right(NamedTuple):
    """One verb on one resource; a subresource is written `pods/eviction`."""

    group: str
    resource: str
    verb: str

    def covers(self, used: "Right") -> bool:
        """Whether this right allows what another did."""
        return used == self or (self.resource == "*" and used._replace(resource="*") == self)

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}" + (f".{self.group}" if self.group else "")


def granted(manifest: Path) -> set[Right]:
    """All rights of all roles in a file."""
    roles = [doc for doc in yaml.safe_load_all(manifest.read_text()) if doc and "rules" in doc]
    return {
        Right(group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def requests(folder: Path) -> Iterator[Object]:
    """The requests of the account to resources, by the audit logs of a folder."""
    for path in folder.glob("*.log"):
        for line in path.read_text().splitlines():
            event = json.loads(line)
            if "objectRef" in event:
                yield event


def used(events: Iterable[Object]) -> set[Right]:
    """The rights without which one of these requests would have been refused."""
    found = set()
    for event in events:
        what, code = event["objectRef"], event["responseStatus"]["code"]
        name = "/".join(part for part in (what["resource"], what.get("subresource", "")) if part)
        right = Right(what.get("apiGroup", ""), name, event["verb"])
        found.add(right)
        if right.verb == "patch" and code == 201:  # server-side apply that made the object
            found.add(right._replace(verb="create"))
    return found


def refused(events: Iterable[Object]) -> list[str]:
    """The requests for which a right was lacking, in the server's words."""
    return sorted(
        {
            event["responseStatus"]["message"]
            for event in events
            if event["annotations"].get("authorization.k8s.io/decision") == "forbid"
        }
    )
