"""Bodies of requests: JSON or YAML, and a little protobuf."""

from typing import Any

import orjson
import yaml

from rollouts.embedded.api import protobuf
from rollouts.embedded.api.status import Refusal, bad_request, unsupported_media

_JSON = frozenset(
    {
        "application/json",
        "application/merge-patch+json",
        "application/json-patch+json",
        "application/strategic-merge-patch+json",
    }
)
_PROTOBUF = "application/vnd.kubernetes.protobuf"
_YAML = frozenset({"application/yaml", "application/apply-patch+yaml"})


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: times stay text, and no aliases, which could grow without bound."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way
        first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not accepted", mark)
        return super().compose_node(parent, index)


def is_known(content_type: str) -> bool:
    """Whether bodies of this type are read."""
    return content_type.partition(";")[0].strip().lower() in {*_JSON, *_YAML, _PROTOBUF}


def decode(content_type: str, raw: bytes) -> Any:
    """The JSON value in a body; None for an empty one.

    Raises:
        Refusal: 415 for any other content type, 400 for a body that cannot be read.
    """
    if not raw:
        return None
    kind = content_type.partition(";")[0].strip().lower() or "application/json"
    if kind == _PROTOBUF:
        return protobuf.decode(raw)
    if kind not in _JSON | _YAML:
        raise unsupported_media(("application/json", "application/yaml", _PROTOBUF))
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if kind in _JSON:
            raise bad_request(f"the body of the request is no JSON: {error}") from error
    return _yaml(raw)


def _yaml(raw: bytes) -> Any:
    try:
        value = yaml.load(raw, Loader=_Loader)  # noqa: S506 - a SafeLoader
        # Only what JSON can say gets through: keys that are no text, dates and binaries do not.
        return orjson.loads(orjson.dumps(value))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, TypeError, ValueError) as error:
        raise bad_request(f"the body of the request is no YAML: {error}") from error


def too_large(limit: int) -> Refusal:
    """413."""
    message = f"Request entity too large: limit is {limit}"
    return Refusal(413, "RequestEntityTooLarge", message)
