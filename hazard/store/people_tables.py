"""The dashboard's own tables: people, their sessions, tokens and views, and the floor plans.

Nobody else writes them, and no replica copies them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hazard.store.tables import Base


class LoginCodeRow(Base):
    """A one-time code, as a hash: of the console (no account), or to set a person's password."""

    __tablename__ = "login_code"
    code_hash: Mapped[str] = mapped_column(String(128), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(64), default="", server_default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class AccountRow(Base):
    """A person who may log in. `areas` empty: the role holds everywhere, else only there."""

    __tablename__ = "account"
    account_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    name_key: Mapped[str] = mapped_column(String(64), unique=True, comment="name in lower case")
    password_hash: Mapped[str] = mapped_column(Text, comment="Argon2id; empty: cannot log in")
    role: Mapped[str] = mapped_column(String(32))
    areas: Mapped[list[Any]] = mapped_column(JSON, default=list)
    language: Mapped[str] = mapped_column(String(8), default="", comment="empty: the browser's")
    theme: Mapped[str] = mapped_column(String(8), default="", comment="empty: the browser's")
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    left_at: Mapped[datetime | None] = mapped_column(
        comment="when they last were here: what changed since is told"
    )


class SessionRow(Base):
    """A browser session."""

    __tablename__ = "session"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(64), default="", server_default="", index=True)
    actor: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64), default="", server_default="")
    agent: Mapped[str] = mapped_column(String(200), default="", server_default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class ApiTokenRow(Base):
    """A token of a program; `scopes` say what it may, its account's role is the limit."""

    __tablename__ = "api_token"
    token_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[Any]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SavedViewRow(Base):
    """A filter and order of the alarm list, kept under a name."""

    __tablename__ = "saved_view"
    view_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(64))
    shared: Mapped[bool] = mapped_column(default=False)
    first: Mapped[bool] = mapped_column(default=False, comment="what the list opens with")
    query: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    __table_args__ = (Index("ix_saved_view_account", "account_id", "name", unique=True),)


class FloorPlanRow(Base):
    """A picture of the plant and what lies where on it (relative coordinates 0..1)."""

    __tablename__ = "floor_plan"
    plan_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    media_type: Mapped[str] = mapped_column(String(32))
    width_px: Mapped[int]
    height_px: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    picture: Mapped[bytes] = mapped_column(LargeBinary)
    places: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(64))
