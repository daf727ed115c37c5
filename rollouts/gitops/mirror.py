"""What lies in the folder of mirrors, and how what a killed process left there is cleared away."""

import hashlib
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rollouts.api.errors import InvalidSpec, Unavailable

_DAMAGE = re.compile(
    r"not a git repository|bad object|corrupt|is empty|does not point to a valid object|bad config"
    r"|broken|unable to read|reference broken|missing necessary objects",
    re.IGNORECASE,
)
_LEFT = ("*.lock", "refs/**/*.lock", "objects/tmp_*", "objects/*/tmp_*")
_LONGEST_WORK = 600.0
"""Seconds after which a key or a working folder is nobody's any more; each is needed for a minute or two."""


class DamagedMirror(Unavailable):
    """A mirror does not hold what it should; it is thrown away and made anew."""


def mirror(cache: Path, url: str, secret: str) -> Path:
    """Where the mirror of a repository is, as one Secret opens it.

    What one Secret opened must not be read by those whom another one, or none, lets in.
    """
    name = hashlib.sha256(f"{secret} {url}".encode()).hexdigest()[:24]
    return cache / "mirrors" / f"{name}.git"


def refuse_own(cache: Path, url: str) -> None:
    """Refuse a URL that leads into the folder of mirrors, and so past the credentials of all of them.

    Raises:
        InvalidSpec: names the URL.
    """
    parts = urlsplit(url)
    if parts.scheme != "file":
        return
    for path in (parts.path, unquote(parts.path)):
        if "\0" not in path and Path(path).resolve().is_relative_to(cache):
            raise InvalidSpec(
                ".spec.source.repoURL",
                f'"{url}" is the engine\'s own copy of a repository; name the repository itself',
                url,
            )


def is_damage(errors: str) -> bool:
    """Whether git complains of the mirror itself, and not of the server."""
    lines = (line for line in errors.splitlines() if not line.startswith("remote:"))
    return any(_DAMAGE.search(line) for line in lines)


def clear(git_dir: Path, older: float) -> None:
    """Remove locks and half packs of a process that was killed.

    Args:
        git_dir: the mirror.
        older: seconds; what is younger may be of another process that is still at work.
    """
    for pattern in _LEFT:
        for path in git_dir.glob(pattern):
            _remove_old(path, older)


def sweep(cache: Path) -> None:
    """Remove the private keys and working folders of a process that was killed."""
    for name in ("keys", "work"):
        for path in (cache / name).glob("*"):
            _remove_old(path, _LONGEST_WORK)


def _remove_old(path: Path, older: float) -> None:
    with suppress(OSError):  # somebody else was faster
        if time.time() - path.lstat().st_mtime < older:
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def remove(git_dir: Path) -> None:
    """Throw a mirror away."""
    shutil.rmtree(git_dir, ignore_errors=True)
