"""What all tests share."""

import os

from hypothesis import settings

# The same examples on every run: a red build is about the change, not about the draw. To look for new ones:
# HYPOTHESIS_PROFILE=search make test
settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
