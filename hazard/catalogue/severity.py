"""A severity in the words of other schemes: ISA-18.2, ANSI Z535, CAP.

The mappings are this product's choice; the schemes themselves are ANSI/ISA-18.2-2016 (three to
four priorities, defined by the site), ANSI Z535.4 cl. 4.14 and OASIS CAP 1.2 section 3.2.2.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

from hazard.types import Severity

CapSeverity = Literal["Minor", "Moderate", "Severe", "Extreme"]

ISA_PRIORITY = MappingProxyType(
    {
        Severity.INFO: None,
        Severity.LOW: "low",
        Severity.MEDIUM: "medium",
        Severity.HIGH: "high",
        Severity.CRITICAL: "highest",
    }
)
"""Alarm priority of ISA-18.2; None is an entry in the journal and no alarm."""

SIGNAL_WORD = MappingProxyType(
    {
        Severity.INFO: "NOTICE",
        Severity.LOW: "CAUTION",
        Severity.MEDIUM: "CAUTION",
        Severity.HIGH: "WARNING",
        Severity.CRITICAL: "DANGER",
    }
)
"""Signal word of ANSI Z535: NOTICE is not about injury, CAUTION about minor or moderate injury,
WARNING could and DANGER will result in death or serious injury."""

CAP_SEVERITY: MappingProxyType[Severity, CapSeverity] = MappingProxyType(
    {
        Severity.INFO: "Minor",
        Severity.LOW: "Minor",
        Severity.MEDIUM: "Moderate",
        Severity.HIGH: "Severe",
        Severity.CRITICAL: "Extreme",
    }
)
"""`<severity>` of CAP 1.2."""


def isa_priority(severity: Severity) -> str | None:
    """ISA-18.2 priority, or None where the severity raises no alarm."""
    return ISA_PRIORITY[severity]


def signal_word(severity: Severity) -> str:
    """ANSI Z535 signal word."""
    return SIGNAL_WORD[severity]


def cap_severity(severity: Severity) -> CapSeverity:
    """CAP 1.2 severity."""
    return CAP_SEVERITY[severity]
