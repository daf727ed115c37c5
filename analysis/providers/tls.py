"""TLS contexts, made once: reading the certificates takes longer than most requests."""

import ssl
from functools import cache


@cache
def context(insecure: bool) -> ssl.SSLContext:
    """What to trust: the system's certificates, or, if that is asked for, anything."""
    made = ssl.create_default_context()
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made
