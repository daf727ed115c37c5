"""What stands in a request's query and headers."""

from collections.abc import Mapping

from rollouts.embedded.api.objects import Options
from rollouts.embedded.api.status import bad_request, invalid, required, unsupported, wrong
from rollouts.embedded.api.watching import WatchOptions
from rollouts.kube.transport import Request


def flag(query: Mapping[str, str], name: str) -> bool:
    """A yes or no, as Go reads it.

    Raises:
        Refusal: neither (400).
    """
    text = query.get(name, "")
    if text.lower() in {"", "0", "false", "f"}:
        return False
    if text.lower() in {"1", "true", "t"}:
        return True
    raise bad_request(f'{name}: "{text}" is neither true nor false')


def field_manager(request: Request, *, required: bool = False) -> str:
    """Who writes: the parameter, or the name of the program that asks."""
    name = request.query.get("fieldManager", "")
    if name:
        return name[:128]
    if required:
        raise _manager_required()
    return request.headers.get("user-agent", "unknown").partition("/")[0][:128] or "unknown"


def _manager_required() -> Exception:
    return invalid(
        "PatchOptions", "meta.k8s.io", "", [required("fieldManager", "is required for apply patch")]
    )


def write_options(request: Request, warnings: list[str]) -> Options:
    """What a write asks for besides its body.

    Raises:
        Refusal: a parameter that is none (422).
    """
    dry_run, validation = request.query.get("dryRun", ""), request.query.get("fieldValidation", "") or "Warn"
    if dry_run not in {"", "All"}:
        raise invalid(
            "Options", "meta.k8s.io", "", [wrong("dryRun", dry_run, "the only supported value is All")]
        )
    choices = ("Ignore", "Strict", "Warn")
    if validation not in choices:
        raise invalid("Options", "meta.k8s.io", "", [unsupported("fieldValidation", validation, choices)])
    return Options(
        dry_run=bool(dry_run) and request.method != "GET",
        field_validation=validation,
        manager=field_manager(request),
        warnings=warnings,
    )


def watch_options(query: Mapping[str, str], namespace: str = "") -> WatchOptions:
    """What a watch asks for.

    Raises:
        Refusal: a parameter that cannot be read (400).
    """
    timeout = query.get("timeoutSeconds", "")
    if timeout and not timeout.isdigit():
        raise bad_request(f'timeoutSeconds: "{timeout}" is no number of seconds')
    return WatchOptions(
        namespace=namespace,
        version=query.get("resourceVersion", ""),
        initial=flag(query, "sendInitialEvents") if "sendInitialEvents" in query else None,
        match=query.get("resourceVersionMatch", ""),
        bookmarks=flag(query, "allowWatchBookmarks"),
        timeout=float(timeout) if timeout and timeout != "0" else None,
    )
