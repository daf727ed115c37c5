"""Where AWS's services answer, and what a host name says of service and region."""

import re
from collections.abc import Mapping

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")
_DOMAIN = re.compile(r"(?P<rest>.+)\.(amazonaws\.com(\.cn)?|api\.aws|on\.aws)")
_SIGNING_NAMES = {"aps-workspaces": "aps", "lambda-url": "lambda"}
"""Services that are signed for under another name than that of their host."""


def endpoint(service: str, host: str, region: str, environ: Mapping[str, str]) -> str:
    """The URL of a service, as AWS's tools find it.

    Args:
        service: `cloudwatch`, for AWS_ENDPOINT_URL_CLOUDWATCH.
        host: The first part of its host name: `monitoring`.
        region: Where.
        environ: AWS_ENDPOINT_URL stands for every service.
    """
    given = environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environ.get("AWS_ENDPOINT_URL")
    if given:
        return given.rstrip("/")
    return f"https://{host}.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def service_and_region(host: str) -> tuple[str, str]:
    """What a host name says: `aps-workspaces.eu-west-1.amazonaws.com` is aps in eu-west-1; else nothing."""
    found = _DOMAIN.fullmatch(host)
    labels = found["rest"].split(".") if found else []
    for place, label in enumerate(labels):
        if _REGION.fullmatch(label):
            # Most have the service before the region; search.eu-west-1.es.amazonaws.com has it behind.
            behind = labels[place + 1] if place + 1 < len(labels) else ""
            service = behind if behind and behind != "vpce" else labels[place - 1] if place else ""
            return _SIGNING_NAMES.get(service, service), label
    return "", ""
