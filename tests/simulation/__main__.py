"""Runs many programs, or one step by step: `make soak SEEDS=10000`, `make replay SEED=n EVENTS=0,3`."""

import gc
import logging
import multiprocessing
import os
import resource
import sys
import time

import click

from tests.simulation.draw import draw
from tests.simulation.run import Violation, run
from tests.simulation.shrink import Places, fewest, only


def attempt(seed: int) -> tuple[int, Violation | None, Places]:
    """Run the program of a seed; what it violated, if anything, and which of its events that takes."""
    program = draw(seed)
    found = run(program).violation
    if found is None:
        gc.collect()
        return seed, None, ()
    broken = found.invariant

    def breaks(places: Places) -> bool:
        gc.collect()
        again = run(only(program, places)).violation
        return again is not None and again.invariant == broken

    return seed, found, fewest(len(program.events), breaks)


def _begin() -> None:
    """Read what is read once for all programs, and collect garbage between them alone, of them alone."""
    run(draw(0))
    gc.collect()
    gc.freeze()
    gc.disable()


@click.group(help=__doc__)
def main() -> None:
    """Everything here is about simulated programs."""
    logging.disable(logging.CRITICAL)  # what the controllers say would hide what the simulation says


@main.command()
@click.option("--seeds", default=1000, show_default=True, help="How many programs.")
@click.option("--start", default=0, show_default=True, help="The first seed.")
@click.option("--workers", default=os.cpu_count() or 1, show_default=True, help="Processes.")
def soak(seeds: int, start: int, workers: int) -> None:
    """Run many programs and print the seeds of those that break an invariant; exit 1 if one does."""
    begun, failed = time.monotonic(), 0
    _begin()
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for seed, violation, places in pool.imap_unordered(attempt, range(start, start + seeds), chunksize=4):
            if violation is not None:
                failed += 1
                kept = ",".join(map(str, places)) or "none"
                click.echo(f"seed {seed}: {violation}\n{only(draw(seed), places)}")
                click.echo(f"  see it happen: make replay SEED={seed} EVENTS={kept}")
        pool.close()
        pool.join()
    pace = seeds / (time.monotonic() - begun)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    click.echo(
        f"{seeds} programs, {failed} failed; {pace:.1f} programs per second on {workers} cores, "
        f"{largest} MB at most in each"
    )
    sys.exit(1 if failed else 0)


@main.command()
@click.argument("seed", type=int)
@click.option("--events", default="all", show_default=True, help="Only these, by place: 0,3; or none.")
def replay(seed: int, events: str) -> None:
    """Print the program of a seed and everything that happens in it; exit 1 if it breaks an invariant."""
    program = draw(seed)
    if events != "all":
        program = only(program, () if events == "none" else tuple(map(int, events.split(","))))
    click.echo(f"{program}\n")
    outcome = run(program, trace=True)
    click.echo("\n".join(outcome.trace))
    click.echo(
        f"\nbroken {outcome.violation}" if outcome.violation else f"\nit holds, and ends {outcome.phase}"
    )
    sys.exit(1 if outcome.violation else 0)


if __name__ == "__main__":
    main()
