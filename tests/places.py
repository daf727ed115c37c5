"""Where things are, in a checkout as well as beside an installed wheel."""

from pathlib import Path

import rollouts

REPOSITORY = Path(__file__).parents[1]
"""What is not in the wheel: crds/ and examples/."""
SOURCES = Path(rollouts.__file__).parents[1]
"""What is: rollouts/, strategies/ and analysis/."""
