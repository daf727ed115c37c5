"""Which kubeconfig is meant where the user does not say."""

import os
from pathlib import Path

import yaml

from rollouts.kube.config import ConfigError


def choose(kubeconfig: Path | str | None = None) -> str | None:
    """The given file, `$KUBECONFIG`, or the embedded cluster's where it is up.

    None leaves the choice between ~/.kube/config and the pod's own account to `rollouts.kube.config`.

    Raises:
        ConfigError: the file is no kubeconfig.
    """
    if kubeconfig or os.environ.get("KUBECONFIG"):
        path = str(kubeconfig or os.environ["KUBECONFIG"])
    elif embedded().exists():
        path = str(embedded())
    else:
        return None
    for part in path.split(os.pathsep):
        if part and Path(part).is_file():
            _check(Path(part))
    return path


def embedded() -> Path:
    """Where the embedded cluster writes its kubeconfig."""
    return Path(os.environ.get("ROLLOUTS_HOME", ".rollouts")) / "kubeconfig"


def _check(file: Path) -> None:
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"kubeconfig {file} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"kubeconfig {file}{where} is not YAML") from error
    if not isinstance(config, dict) or not isinstance(config.get("clusters"), list):
        raise ConfigError(f"kubeconfig {file} is none: it should have clusters, contexts and users")
