"""Nodes as an indented table."""

from collections.abc import Iterator
from dataclasses import dataclass

from rollouts.cli.table import table


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One line, with its children below."""

    name: str
    """With its sign in front."""
    kind: str = ""
    status: str = ""
    age: str = ""
    info: str = ""
    children: tuple["Node", ...] = ()


HEADS = ("NAME", "KIND", "STATUS", "AGE", "INFO")


def draw(root: Node, heads: tuple[str, ...] = HEADS) -> str:
    """Draw a node and all below it; `heads` are the titles of the five columns."""
    return table(heads, ((f"{lead}{n.name}", n.kind, n.status, n.age, n.info) for lead, n in _lines(root)))


def _lines(node: Node, lead: str = "", below: str = "") -> Iterator[tuple[str, Node]]:
    yield lead, node
    for child in node.children:
        last = child is node.children[-1]
        yield from _lines(child, below + ("└──" if last else "├──"), below + ("   " if last else "│  "))
