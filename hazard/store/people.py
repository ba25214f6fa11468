"""Who may use the dashboard: accounts, codes, sessions and tokens; their views and absences."""

from __future__ import annotations

from hazard.store.accounts import Accounts
from hazard.store.logins import Logins
from hazard.store.presence import Presence
from hazard.store.saved_views import SavedViews
from hazard.store.tokens import Tokens
from hazard.store.writer import Writer


class People:
    """The dashboard's own tables of people, by what is done with them."""

    def __init__(self, writer: Writer) -> None:
        self.accounts = Accounts(writer)
        self.logins = Logins(writer)
        self.tokens = Tokens(writer)
        self.views = SavedViews(writer)
        self.presence = Presence(writer)
