"""Reverts of rejected revisions: when one is tried, and what became of it.

What is remembered here can be lost: Git itself says whether a rejected revision is still the newest commit.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rollouts.api.application_status import ApplicationStatus
from rollouts.api.errors import InvalidSpec, Unavailable
from rollouts.api.meta import Object
from rollouts.controller.application_observe import Seen
from rollouts.controller.reconciler import Key
from rollouts.gitops import verdicts as judgement
from rollouts.gitops.desired import Desired
from rollouts.gitops.revert import ON_REJECT, Rejected, revert
from rollouts.kube.events import Recorder

_AGAIN = timedelta(seconds=60)
"""After which a revert that did not reach the repository is tried again."""


@dataclass(frozen=True, slots=True)
class _Try:
    note: str
    again_at: datetime | None = None
    """None: it is over, done or refused."""


class Reverts:
    """Commits the reverts that Applications ask for.

    Args:
        desired: where the repositories are.
        recorder: tells the user.
    """

    def __init__(self, desired: Desired, recorder: Recorder) -> None:
        self._desired = desired
        self._recorder = recorder
        self._tries: dict[Key, tuple[str, _Try]] = {}

    def note(self, key: Key, revision: str) -> str:
        """What became of the revert of a revision, for its condition; empty if there was none."""
        of, tried = self._tries.get(key, ("", _Try("")))
        return tried.note if of == revision else ""

    def forget(self, key: Key) -> None:
        """Drop what is known of an Application that is gone."""
        self._tries.pop(key, None)

    async def consider(self, seen: Seen, raw: Object, status: ApplicationStatus) -> timedelta | None:
        """Commit the revert of a rejected revision, where that is asked for.

        Returns:
            When to look again; None where nothing is to come.
        """
        revision = status.sync.revision
        rejected = judgement.rejection(status.verdicts, revision)
        if rejected is None or seen.annotations.get(ON_REJECT) != "revert":
            return None
        of, before = self._tries.get(seen.key, ("", _Try("")))
        if of == revision:
            if before.again_at is None:
                return None
            if seen.now < before.again_at:
                return before.again_at - seen.now
        tried = await self._try(seen, raw, revision, rejected.message or rejected.reason)
        self._tries[seen.key] = (revision, tried)
        return timedelta()

    async def _try(self, seen: Seen, raw: Object, revision: str, why: str) -> _Try:
        desired, source = self._desired, seen.source
        asked = Rejected(url=source.repo_url, target=source.target_revision, revision=revision, why=why)
        try:
            credentials = await desired.credentials(source.repo_url, seen.asker.project)
            new = await revert(desired.repositories, asked, credentials)
        except InvalidSpec as error:
            self._recorder.record(raw, "RevertFailed", str(error), "Warning")
            return _Try(f" It was not reverted: {error}.")
        except Unavailable as error:
            self._recorder.record(raw, "RevertFailed", f"{error}; it is tried again", "Warning")
            return _Try(f" It was not reverted yet: {error}.", seen.now + _AGAIN)
        self._recorder.record(raw, "RevisionReverted", f"Reverted {revision[:7]} with {new[:7]} in Git")
        desired.forget(str(seen.key))
        return _Try(f" Its revert is {new[:7]}.")
