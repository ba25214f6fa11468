"""People, their codes, sessions and tokens, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hazard.store import Store
from hazard.store.accounts import LastAdministrator, NameTaken
from hazard.store.logins import WrongCode
from hazard.types import Role
from tests.alert_builders import T0, later


def test_a_code_of_the_console_makes_one_administrator_and_not_after_its_time(
    store: Store,
) -> None:
    logins = store.people.logins
    code = logins.new_code(T0).replace("-", "")
    ada = logins.use_code(code, "Ada", lambda: "a hash", later(1))
    assert (ada.name, ada.role, ada.has_password) == ("Ada", Role.ADMINISTRATOR, True)
    late = logins.new_code(T0).replace("-", "")
    for wrong, at in ((code, later(2)), (late, T0 + timedelta(minutes=16)), ("WRONGONE", later(1))):
        with pytest.raises(WrongCode):
            logins.use_code(wrong, "Bob", lambda: "a hash", at)
    assert [each.name for each in store.people.accounts.all()] == ["Ada"]


def test_a_code_of_a_person_sets_only_their_password(store: Store) -> None:
    accounts, logins = store.people.accounts, store.people.logins
    eve = accounts.create("Eve", Role.VIEWER, (), by="test", now=T0)
    accounts.create("Bob", Role.VIEWER, (), by="test", now=T0)
    code = logins.new_code(T0, account_id=eve.account_id, by="Ada").replace("-", "")
    for other in ("Bob", "Nobody"):
        with pytest.raises(WrongCode):
            logins.use_code(code, other, lambda: "a hash", later(1))
    changed = logins.use_code(code, "EVE", lambda: "a hash", later(1))
    assert (changed.account_id, changed.role) == (eve.account_id, Role.VIEWER)


def test_a_session_ends_by_logging_out_by_its_time_and_when_idle(store: Store) -> None:
    ada = store.people.accounts.create("Ada", Role.OPERATOR, (), by="test", now=T0)
    logins, hour = store.people.logins, timedelta(hours=1)
    token = logins.open_session(ada, T0, lifetime=2 * hour)
    found = logins.find_session(token, later(1), idle=hour)
    assert found is not None
    assert found[0].actor == "Ada"
    assert logins.find_session(token, T0 + hour, idle=hour) is None
    logins.keep_alive(token, T0 + hour)
    assert logins.find_session(token, T0 + hour * 1.5, idle=hour) is not None
    assert logins.find_session(token, T0 + hour * 2, idle=hour * 2) is None
    logins.log_out(token, later(2))
    assert logins.find_session(token, later(3), idle=hour) is None


def test_the_last_administrator_stays(store: Store) -> None:
    accounts = store.people.accounts
    ada = accounts.create("Ada", Role.ADMINISTRATOR, (), by="test", now=T0)
    with pytest.raises(LastAdministrator):
        accounts.disable(ada.account_id, by="Ada", now=T0)
    with pytest.raises(LastAdministrator):
        accounts.change(ada.account_id, Role.VIEWER, (), by="Ada", now=T0)
    bob = accounts.create("Bob", Role.ADMINISTRATOR, (), by="test", now=T0)
    assert accounts.disable(ada.account_id, by="Bob", now=T0).disabled_at == T0
    with pytest.raises(LastAdministrator):
        accounts.disable(bob.account_id, by="Bob", now=T0)


def test_two_people_never_have_names_that_look_the_same(store: Store) -> None:
    accounts = store.people.accounts
    accounts.create("Ada", Role.VIEWER, (), by="test", now=T0)
    for name in ("ADA", "\uff21da", "agent", "Console"):
        with pytest.raises(NameTaken):
            accounts.create(name, Role.VIEWER, (), by="test", now=T0)


def test_another_role_ends_the_sessions_and_disabling_the_tokens_too(store: Store) -> None:
    accounts, logins, tokens = store.people.accounts, store.people.logins, store.people.tokens
    ada = accounts.create("Ada", Role.OPERATOR, (), by="test", now=T0)
    session = logins.open_session(ada, T0, lifetime=timedelta(hours=1))
    day = T0 + timedelta(days=1)
    _, text = tokens.create(ada, "board", ("view",), expires_at=day, by="Ada", now=T0)
    accounts.change(ada.account_id, Role.VIEWER, ("yard",), by="Bob", now=T0)
    assert logins.find_session(session, later(1), idle=timedelta(hours=1)) is None
    found = tokens.find(text, later(1))
    assert found is not None
    assert (found[1].role, found[1].areas) == (Role.VIEWER, ("yard",))
    accounts.disable(ada.account_id, by="Bob", now=T0)
    assert tokens.find(text, later(1)) is None
    accounts.enable(ada.account_id, by="Bob", now=T0)
    assert tokens.find(text, later(1)) is None


def test_a_token_ends_by_its_time_and_by_being_revoked(store: Store) -> None:
    ada = store.people.accounts.create("Ada", Role.OPERATOR, (), by="test", now=T0)
    tokens = store.people.tokens
    with pytest.raises(ValueError, match="366"):
        tokens.create(ada, "x", (), expires_at=T0 + timedelta(days=367), by="Ada", now=T0)
    day = T0 + timedelta(days=1)
    token, text = tokens.create(ada, "board", ("view",), expires_at=day, by="Ada", now=T0)
    assert tokens.find(text, later(1)) is not None
    assert tokens.find(text + "x", later(1)) is None
    assert tokens.find(text, day) is None
    assert not tokens.revoke(token.token_id, by="Bob", now=T0, account_id="somebody else")
    assert tokens.revoke(token.token_id, by="Ada", now=T0)
    assert tokens.find(text, later(1)) is None
    (shown,) = tokens.all()
    assert text.split("_", 2)[2] not in shown.model_dump_json()
