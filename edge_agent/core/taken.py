"""Which observations the core has taken over, so that one that comes again changes nothing.

A core that was killed after a commit and before its acknowledgement is sent the same observations
again. By then their incidents may be over and closed, and the rules would raise them once more.
How far the vision group's numbers are durable is therefore written right behind what they caused.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.core.store_thread import StoreThread
from hazard.store.operations import SaveTaken
from hazard.store.store import Store


class Taken:
    """How far the observations of the present vision group have been taken over.

    Args:
        store: asked once for what an earlier core has written.
        thread: writes behind what an observation caused.
    """

    def __init__(self, store: Store, thread: StoreThread) -> None:
        self._thread = thread
        self._instance, self._number = store.taken()
        self.repeated = 0

    def once(self, instance: str, number: int, work: Callable[[], None]) -> None:
        """Do the work of an observation unless that was done before.

        A vision group without an instance cannot be told from its predecessor: its observations
        are all worked on.
        """
        if instance and instance == self._instance and number <= self._number:
            self.repeated += 1
            return
        before = self._thread.asked
        work()
        self._instance, self._number = instance, number
        if instance and self._thread.asked != before:
            self._thread.commit((SaveTaken(instance=instance, number=number),))
