"""The example of a plugin, installed for the time of a look: found by its entry point, as any other."""

import sys
import tempfile
import tomllib
from pathlib import Path

from analysis.providers import Provider
from analysis.providers.answers import Clock
from rollouts import plugins
from rollouts.kube.client import Client
from tests.places import REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "provider-plugin"
GROUP = "rollouts.providers"


def provider(client: Client, clock: Clock, name: str = "acme/rate") -> Provider:
    """Make the provider of a name, out of what is installed then."""
    with tempfile.TemporaryDirectory() as folder:
        _install(Path(folder))
        paths = [folder, str(EXAMPLE)]
        sys.path[:0] = paths
        try:
            return plugins.Installed(plugins.load(GROUP, {})).providers(client, clock)[name]
        finally:
            for path in paths:
                sys.path.remove(path)


def _install(folder: Path) -> None:
    """What an installer leaves behind beside the code: who it is, and its entry points."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"][GROUP]
    lines = [f"[{GROUP}]", *(f"{name} = {target}" for name, target in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
