"""The errors of the product, as one tree.

```
HazardError
 +-- ConfigError        the site file, an option or an environment variable is wrong
 +-- WeightsError       a model file is missing, has the wrong hash or cannot be loaded
 +-- SourceError        a camera or a sensor cannot be opened or read
 +-- StoreError         the database refuses, is locked or is newer than this program
 |    +-- SchemaTooNew  the database was written by a newer release
 +-- BrokerError        the MQTT broker refuses or cannot be reached
 +-- ReasonerError      the reasoning backend failed, was late or gave no usable answer
 |    +-- Interrupted   words gave way to a decision; ask for them again
 +-- IllegalTransition  an alarm was asked for something its state does not allow
 |    +-- Forbidden     who asked has not the role or the area for it
 +-- Conflict           an ActionRequest names a revision that is not the current one
```

Every message names what was wrong, the value seen and how to mend it.
"""

from __future__ import annotations


class HazardError(Exception):
    """Base of every error that this product raises on purpose."""


class ConfigError(HazardError):
    """The site file, an option or an environment variable is wrong."""


class WeightsError(HazardError):
    """A model file is missing, has the wrong hash or cannot be loaded."""


class SourceError(HazardError):
    """A camera or a sensor cannot be opened or read."""


class StoreError(HazardError):
    """The database refuses, is locked or cannot be written."""


class SchemaTooNew(StoreError):  # noqa: N818 - named for what it says, as h11 does
    """The database was written by a newer release than this program."""


class BrokerError(HazardError):
    """The MQTT broker refuses or cannot be reached."""


class ReasonerError(HazardError):
    """The reasoning backend failed, was late or gave no usable answer."""


class Interrupted(ReasonerError):  # noqa: N818 - named for what happened
    """Words gave way to a decision: ask for them again."""


class IllegalTransition(HazardError):  # noqa: N818 - a domain word
    """An alarm was asked for something that its state does not allow."""


class Forbidden(IllegalTransition):
    """Who asked has not the role or the area for it."""


class Conflict(HazardError):  # noqa: N818 - a domain word
    """An ActionRequest names a revision that is not the current one."""
