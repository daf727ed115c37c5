"""What is written about an embedded cluster that runs: one per state folder."""

import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from rollouts.api.errors import Unavailable

RECORD, KUBECONFIG, LOG = "cluster.json", "kubeconfig", "cluster.log"
SOCKETS_PREFIX = "rollouts-"
"""How the names of the folders for sockets begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An embedded cluster: its process, and how to reach it."""

    pid: int
    born: str
    """When the process began, as `birth` tells it: another process may get the same number later."""
    api: str
    """URL of the Kubernetes API."""
    ingress: str
    """URL of the HTTP ingress."""
    sockets: str
    """A folder of its own outside the state folder."""


def home() -> Path:
    """The state folder: `$ROLLOUTS_HOME`, or `.rollouts` here."""
    return Path(os.environ.get("ROLLOUTS_HOME", ".rollouts")).absolute()


def birth(pid: int) -> str | None:
    """A text that no other process of this number will have; None where there is none, or a dead one."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        state, *fields = stat.rpartition(")")[2].split()
        return None if state in ("Z", "X") else fields[18]
    listed = subprocess.run(  # noqa: S603 - a fixed command and a number
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = listed.stdout.strip().partition(" ")
    return started.strip() or None if not state.startswith("Z") else None


def read(folder: Path) -> Record | None:
    """The cluster of a state folder, whether it lives or not; None where nothing is written."""
    try:
        return Record(**json.loads((folder / RECORD).read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unusable(folder, error) from error
    except (ValueError, TypeError):
        # Half a file, or one of another version: nothing in it can be trusted.
        return None


def unusable(folder: Path, error: OSError) -> Unavailable:
    """What to say where the state folder cannot be written or read."""
    why = error.strerror or str(error)
    return Unavailable(
        f"the state folder {folder} cannot be used: {why}; set ROLLOUTS_HOME to a folder of your own"
    )


def is_alive(record: Record) -> bool:
    """Whether the very process that wrote the record runs."""
    return birth(record.pid) == record.born


def write(folder: Path, record: Record) -> None:
    """Write the record, whole or not at all."""
    draft = folder / f".{RECORD}.{record.pid}"
    draft.write_text(json.dumps(asdict(record), indent=2))
    draft.replace(folder / RECORD)


def _is_ours(sockets: Path) -> bool:
    """Whether it is a folder that a cluster of this user made; whoever clears up may have another TMPDIR."""
    try:
        found = sockets.lstat()
    except OSError:
        return False
    is_own_folder = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return is_own_folder and sockets.name.startswith(SOCKETS_PREFIX)


def clean(folder: Path, record: Record | None, *, log: bool) -> None:
    """Remove what a cluster that is gone left behind, and the folder itself if nothing else is in it."""
    if record is not None and _is_ours(Path(record.sockets)):
        shutil.rmtree(record.sockets, ignore_errors=True)
    for name in (RECORD, KUBECONFIG, *((LOG,) if log else ())):
        (folder / name).unlink(missing_ok=True)
    if log and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
