"""The shared files of AWS's tools: `~/.aws/credentials` and `~/.aws/config`. Read anew each time."""

import configparser
from collections.abc import Mapping
from pathlib import Path

from rollouts.api.errors import Unavailable

_NOT_READ = ("credential_process", "sso_session", "sso_start_url")


class ProfileUnusable(Unavailable):
    """A profile, or a file of profiles, is of no use; the message says why and what to do."""


def profile(environ: Mapping[str, str], name: str) -> Mapping[str, str] | None:
    """The settings of a profile from both files, those of `credentials` before those of `config`.

    Raises:
        ProfileUnusable: a file cannot be read, or the profile wants a program or a person to log in.
    """
    home = Path(environ.get("HOME") or "/")
    credentials = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials")
    config = Path(environ.get("AWS_CONFIG_FILE") or home / ".aws" / "config")
    in_config = name if name == "default" else f"profile {name}"
    sections = (_section(config, in_config), _section(credentials, name))
    if not any(sections):
        return None
    found = {key: text for section in sections for key, text in section.items()}
    for key in _NOT_READ:
        if key in found:
            raise ProfileUnusable(
                f'AWS profile "{name}": {key} is not supported; use keys, role_arn with source_profile, '
                "or web_identity_token_file"
            )
    return found


def _section(path: Path, name: str) -> Mapping[str, str]:
    parser = configparser.RawConfigParser(default_section="", strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, configparser.Error) as failure:
        # Not its message: it may quote a line that holds a key.
        raise ProfileUnusable(f"{path} cannot be read: {type(failure).__name__}; correct it") from None
    return dict(parser[name]) if parser.has_section(name) else {}
