"""Every form of a text that the agent or the API writes.

A form is the English text with named places, marked for translation; or a pair, of the text as it
is written and of how the pages say it. A test walks the core's sources: a text there that has no
form fails it.
"""

from __future__ import annotations

from dashboard.spoken.decisions import DECISIONS
from dashboard.spoken.health import HEALTH
from dashboard.spoken.jobs import JOBS
from dashboard.spoken.refusals import REFUSALS
from dashboard.spoken.requests import REQUESTS
from dashboard.spoken.site_file import SITE_FILE
from dashboard.spoken.words import WORDS

FORMS = (*REQUESTS, *DECISIONS, *HEALTH, *SITE_FILE, *JOBS, *REFUSALS, *WORDS)
