"""Applications as text. Pure."""

import re
from collections.abc import Iterable
from datetime import datetime

from rollouts.api.meta import Object, parse_time
from rollouts.cli.table import table
from rollouts.cli.tree.age import short
from rollouts.cli.tree.draw import Node, draw
from rollouts.cli.tree.icons import BAD, GOING, state
from rollouts.client import ApplicationView
from rollouts.client.application_view import RUNNING

_PASSWORD = re.compile(r"://([^/@:]*):[^/@]*@")
"""In a URL; the engine refuses one, and yet somebody may have written it."""


def list_table(applications: Iterable[ApplicationView]) -> str:
    """One line each."""
    heads = ("NAMESPACE", "NAME", "SYNC", "HEALTH", "REVISION", "DESTINATION", "POLICY", "CONDITIONS")
    return table(
        heads,
        (
            (
                a.namespace,
                a.name,
                a.sync,
                a.health,
                a.revision[:7] or "-",
                a.destination or "-",
                _policy(a),
                ",".join(sorted({str(c.get("type", "")) for c in a.conditions})) or "-",
            )
            for a in applications
        ),
    )


def history_table(entries: Iterable[Object]) -> str:
    """Deployments, oldest first."""
    heads = ("ID", "DEPLOYED", "REVISION", "BY", "SOURCE")
    return table(
        heads,
        (
            (
                str(entry.get("id", "")),
                str(entry.get("deployedAt") or "-"),
                str(entry.get("revision", "")),
                _initiator(entry.get("initiatedBy") or {}),
                _source(entry.get("source") or {}),
            )
            for entry in entries
        ),
    )


def result_table(resources: Iterable[Object]) -> str:
    """What a sync did to each resource."""
    heads = ("KIND", "NAMESPACE", "NAME", "RESULT", "MESSAGE")
    return table(
        heads,
        (
            tuple(str(r.get(field) or "-") for field in ("kind", "namespace", "name", "status", "message"))
            for r in resources
        ),
    )


def describe(application: ApplicationView, now: datetime) -> str:
    """All that a user needs to know of one application."""
    a = application
    target = str(a.source.get("targetRevision") or "HEAD")
    lines = [
        ("Name:", a.name),
        ("Namespace:", a.namespace),
        ("Project:", str(a.spec.get("project") or "default")),
        ("Source:", _source(a.source)),
        ("Target:", target),
        ("Destination:", a.destination or "none"),
        ("Policy:", _policy(a)),
        ("Sync:", state(a.sync) + (f" at {a.revision}" if a.revision else "")),
        ("Health:", state(a.health) + _message(a.status.get("health") or {})),
    ]
    if a.rejection:
        lines.append(("Rejected:", f"{BAD} {a.rejection}"))
    lines += [("Condition:", f"{c.get('type')}: {c.get('message', '')}") for c in a.conditions]
    last = a.operation
    if last is not None:
        when = f", {short(now - parse_time(last.finished_at))} ago" if last.finished_at else ""
        revision = f" to {last.revision[:7]}" if last.revision else ""
        sign = f"{GOING} {last.phase}" if last.phase in RUNNING else state(last.phase)
        lines.append(("Last sync:", f"{sign}{revision}{when}: {last.message}".rstrip(": ")))
    elif a.operating:
        lines.append(("Last sync:", "asked for"))
    head = "\n".join(f"{key:<14}{value}" for key, value in lines)
    return f"{head}\n\n{_tree(a)}" if a.resources else head


def _tree(application: ApplicationView) -> str:
    children = tuple(
        Node(
            name=str(r.get("name", "")),
            kind=str(r.get("kind", "")),
            status=state(str(r.get("status") or "Unknown"))
            + (" (prune)" if r.get("requiresPruning") else ""),
            age=state(r["health"]["status"]) if (r.get("health") or {}).get("status") else "",
            info=str((r.get("health") or {}).get("message") or ""),
        )
        for r in application.resources
    )
    root = Node(
        name=application.name,
        kind="Application",
        status=state(application.sync),
        age=state(application.health),
        children=children,
    )
    return draw(root, ("NAME", "KIND", "SYNC", "HEALTH", "MESSAGE"))


def _policy(application: ApplicationView) -> str:
    if not application.automated:
        return "manual"
    automated = (application.spec.get("syncPolicy") or {}).get("automated") or {}
    extras = {"prune": "prune", "selfHeal": "self-heal"}
    return ", ".join(["automated", *(word for field, word in extras.items() if automated.get(field))])


def _source(source: Object) -> str:
    url = _PASSWORD.sub("://\\1:***@", str(source.get("repoURL", "")))
    return f"{url} {source.get('path', '')}".strip()


def _initiator(by: Object) -> str:
    return "automated sync" if by.get("automated") else str(by.get("username") or "-")


def _message(health: Object) -> str:
    return f": {health['message']}" if health.get("message") else ""
