"""`rollouts crds`."""

from pathlib import Path

import click

from rollouts.api import crd
from rollouts.cli.options import list_of, show


@click.command(epilog="Example: rollouts crds | kubectl apply --server-side -f -")
@click.option(
    "--output-dir", type=click.Path(path_type=Path, file_okay=False), help="Write a file for each kind here."
)
@click.option("-o", "--output", type=click.Choice(("yaml", "json")), default="yaml", help="yaml or json.")
def crds(*, output_dir: Path | None, output: str) -> None:
    """Print the resource definitions, or write them to a folder."""
    if output_dir is not None:
        try:
            written = crd.write(output_dir)
        except OSError as error:
            raise click.ClickException(f"{error.filename}: {error.strerror}") from error
        click.echo("\n".join(str(file) for file in written))
    elif output == "json":
        show(list_of([*crd.crds()]), output)
    else:
        click.echo("---\n".join(crd.text(definition) for definition in crd.crds()), nl=False)
