"""Which version of MQTT a broker gets: 5, and 3.1.1 where it knows no other."""

from __future__ import annotations

from enum import Enum

from hazard.site.mqtt import Broker

SILENT_TIMES = 2
"""Attempts with MQTT 5 that a broker ends without an answer before 3.1.1 is tried: a single one
may have met a broker that was just being stopped."""


class Reply(Enum):
    """What a broker said to a CONNECT."""

    TAKEN = "taken"
    OTHER_VERSION = "other version"
    REFUSED = "refused"
    SILENT = "silent"
    UNREACHED = "unreached"


class ProtocolChoice:
    """The version for the next attempt at one broker.

    A broker that says that it knows no MQTT 5 gets 3.1.1 from then on. One that ends the connection
    without a word gets 3.1.1 after the second time, and MQTT 5 again in the session after.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._auto = broker.protocol == "auto"
        self._v5 = broker.protocol != "3.1.1"
        self._told = False
        self._silent = 0

    @property
    def name(self) -> str:
        """The version in words: `5` or `3.1.1`."""
        return "5" if self._v5 else "3.1.1"

    @property
    def note(self) -> str:
        """What a person should know of the choice; empty if it is the wanted one."""
        if self._v5 or not self._auto:
            return ""
        return "MQTT 3.1.1: the broker knows no MQTT 5, so nothing expires and payloads say it all"

    def broker(self) -> Broker:
        """The broker as the next connection has to take it."""
        return self._broker.model_copy(update={"protocol": self.name})

    def ended(self, reply: Reply) -> None:
        """A session or an attempt is over."""
        if not self._auto:
            return
        if reply is Reply.OTHER_VERSION:
            self._told, self._v5 = self._v5, not self._v5
            self._silent = 0
        elif reply is Reply.SILENT:
            self._silent += 1
            if not self._v5 or self._silent >= SILENT_TIMES:
                self._v5, self._silent, self._told = not self._v5, 0, False
        elif reply is Reply.TAKEN and not self._told:
            self._v5, self._silent = True, 0
