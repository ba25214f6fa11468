"""People, tokens, views and plans; observations, site versions, jobs; quick lists and search."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _people()
    _agents()
    _lists()
    _figures()
    _reports()


def _people() -> None:
    op.create_table(
        "account",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("name_key", sa.String(64), nullable=False, comment="name in lower case"),
        sa.Column(
            "password_hash", sa.Text(), nullable=False, comment="Argon2id; empty: cannot log in"
        ),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("areas", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(8), nullable=False, comment="empty: the browser's"),
        sa.Column("theme", sa.String(8), nullable=False, comment="empty: the browser's"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("disabled_at", TIME, nullable=True),
        sa.Column(
            "left_at",
            TIME,
            nullable=True,
            comment="when they last were here: what changed since is told",
        ),
        sa.PrimaryKeyConstraint("account_id"),
        sa.UniqueConstraint("name_key"),
    )
    op.add_column(
        "login_code", sa.Column("account_id", sa.String(64), nullable=False, server_default="")
    )
    # Sessions of before had no account: whoever was logged in logs in again.
    op.execute(sa.text("DELETE FROM session"))
    for name, length in (("account_id", 64), ("address", 64), ("agent", 200)):
        op.add_column(
            "session", sa.Column(name, sa.String(length), nullable=False, server_default="")
        )
    op.create_index("ix_session_account_id", "session", ["account_id"])
    op.create_table(
        "api_token",
        sa.Column("token_id", sa.String(64), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("token_id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("ix_api_token_account_id", "api_token", ["account_id"])
    op.create_table(
        "saved_view",
        sa.Column("view_id", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("first", sa.Boolean(), nullable=False, comment="what the list opens with"),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("view_id"),
    )
    op.create_index("ix_saved_view_account", "saved_view", ["account_id", "name"], unique=True)
    op.create_table(
        "floor_plan",
        sa.Column("plan_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("media_type", sa.String(32), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("picture", sa.LargeBinary(), nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("changed_by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("plan_id"),
    )


def _agents() -> None:
    op.create_table(
        "observation",
        sa.Column("observation_id", BIG_KEY, autoincrement=True, nullable=False),
        sa.Column("camera_id", sa.String(64), nullable=False),
        sa.Column("captured_at", TIME, nullable=False),
        sa.Column(
            "size_bytes",
            sa.Integer(),
            nullable=False,
            comment="of the payload as JSON, for the budget",
        ),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("observation_id"),
    )
    op.create_index("ix_observation_captured_at", "observation", ["captured_at"])
    op.create_index("ix_observation_camera_time", "observation", ["camera_id", "captured_at"])
    op.create_table(
        "site_version",
        sa.Column("version", BIG_KEY, autoincrement=True, nullable=False),
        sa.Column("node", sa.String(64), nullable=False, server_default=""),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("restored_from", BIG_KEY, nullable=True),
        sa.Column("made_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("version"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_site_version_made_at", "site_version", ["made_at"])
    op.create_table(
        "job",
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False, comment="0..1"),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("job_id"),
    )
    for column in ("subject", "state", "created_at"):
        op.create_index(f"ix_job_{column}", "job", [column])


def _reports() -> None:
    op.create_table(
        "report",
        sa.Column("report_id", sa.String(64), nullable=False),
        sa.Column(
            "monday", sa.Date(), nullable=False, comment="first day of the week that it is about"
        ),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", BIG_KEY, nullable=False),
        sa.Column("alarms", sa.Integer(), nullable=False),
        sa.Column("critical", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("scheduled", sa.Boolean(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("report_id"),
    )
    op.create_index("ix_report_made_at", "report", ["made_at"])


FACET = ("area", "hazard", "severity_rank", "state", "decided_by", "node", "case_closed")


def _lists() -> None:
    op.add_column(
        "alert",
        sa.Column("case_closed", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.execute(
        sa.text(
            "UPDATE alert SET case_closed = true WHERE alert_id IN "
            "(SELECT alert_id FROM case_file WHERE closed_at IS NOT NULL)"
        )
    )
    op.create_index("ix_alert_facet", "alert", [*FACET, "raised_at", "alert_id"])
    op.create_table(
        "alert_facet",
        sa.Column("facet_id", BIG_KEY, autoincrement=True, nullable=False),
        sa.Column("area", sa.String(64), nullable=False),
        sa.Column("hazard", sa.String(64), nullable=False),
        sa.Column("severity_rank", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("decided_by", sa.String(16), nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("case_closed", sa.Boolean(), nullable=False),
        sa.Column("alerts", BIG_KEY, nullable=False),
        sa.PrimaryKeyConstraint("facet_id"),
        sa.UniqueConstraint(*FACET, name="uq_alert_facet"),
    )
    for column in ("subject", "actor", "verb"):
        op.create_index(f"ix_audit_{column}", "audit", [column, "at"])
    op.create_index("ix_audit_at", "audit", ["at", "audit_id"])
    op.create_table(
        "alert_text",
        sa.Column("alert_no", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("alert_id", sa.String(64), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alert_no"),
        sa.UniqueConstraint("alert_id"),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.alert_id"], ondelete="CASCADE"),
    )
    op.create_index("ix_alert_kind_place", "alert", ["hazard", "area", "raised_at"])
    op.create_index("ix_delivery_outbox_id", "delivery", ["outbox_id"])


FIGURES = (
    sa.Column("opinion_rank", sa.Integer(), nullable=True, comment="what the model said"),
    sa.Column(
        "failure",
        sa.String(16),
        nullable=True,
        comment="late, broken, absent or unsure: why the fallback stands",
    ),
    sa.Column(
        "decided_ms", sa.Integer(), nullable=True, comment="raised to the model's first answer"
    ),
    sa.Column(
        "acknowledged_s", sa.Integer(), nullable=True, comment="raised to first acknowledged"
    ),
    sa.Column("returned_s", sa.Integer(), nullable=True, comment="raised to back to normal"),
    sa.Column("closed_s", sa.Integer(), nullable=True, comment="raised to the case's closing"),
    sa.Column("closed_cause", sa.String(32), nullable=True),
)


def _figures() -> None:
    op.add_column(
        "alert", sa.Column("default_rank", sa.Integer(), nullable=False, server_default="0")
    )
    for column in FIGURES:
        op.add_column("alert", column)
    _fill_figures(op.get_bind().dialect.name)
    op.create_index(
        "ix_alert_figures",
        "alert",
        [
            "raised_at",
            "area",
            "hazard",
            "severity_rank",
            "default_rank",
            *(column.name for column in FIGURES[:2]),
            "decided_by",
            *(column.name for column in FIGURES[2:]),
            "returned_at",
            "alert_id",
        ],
    )
    op.create_index(
        "ix_revision_asked",
        "revision",
        ["stored_at", "area", "hazard", "severity", "rule_id", "source"],
        sqlite_where=sa.text("asks_anew = 1"),
        postgresql_where=sa.text("asks_anew"),
    )


def _fill_figures(dialect: str) -> None:
    """What earlier releases wrote into payloads only."""
    if dialect == "sqlite":
        default, opinion = (f"json_extract(payload, '$.{at}')" for at in _RANKED)
        reason = "json_extract(payload, '$.reason')"
        word = f"substr({reason}, 1, instr({reason}, ':') - 1)"
        decided = "json_extract(payload, '$.times.decided')"

        def since(at: str) -> str:
            return f"max(0, round((julianday({at}) - julianday(raised_at)) * 86400.0, 3))"

    else:
        default, opinion = "payload->>'default'", "payload->'opinion'->>'severity'"
        word = "split_part(payload->>'reason', ':', 1)"
        decided = "CAST(payload->'times'->>'decided' AS timestamptz)"

        def since(at: str) -> str:
            seconds = f"extract(epoch from ({at} - raised_at))"
            return f"CASE WHEN {seconds} < 0 THEN 0 ELSE {seconds} END"  # NULL stays NULL

    first = (
        "(SELECT min(r.stored_at) FROM revision r "
        "WHERE r.alert_id = alert.alert_id AND r.acknowledged)"
    )
    closed = "(SELECT c.closed_at FROM case_file c WHERE c.alert_id = alert.alert_id)"
    words = "'late', 'broken', 'absent', 'unsure'"
    values = {
        "default_rank": f"coalesce({_rank(default)}, 0)",
        "opinion_rank": _rank(opinion),
        "failure": f"CASE WHEN decided_by <> 'fallback' THEN NULL WHEN {word} IN ({words}) "
        f"THEN {word} ELSE 'broken' END",
        "decided_ms": f"CASE WHEN decided_by = 'fallback' OR {_rank(opinion)} IS NOT NULL "
        f"THEN CAST({since(decided)} * 1000 AS INTEGER) END",
        "acknowledged_s": f"CAST({since(first)} AS INTEGER)",
        "returned_s": f"CAST({since('returned_at')} AS INTEGER)",
        "closed_s": f"CAST({since(closed)} AS INTEGER)",
        "closed_cause": "(SELECT c.cause FROM case_file c WHERE c.alert_id = alert.alert_id)",
    }
    sets = ", ".join(f"{name} = {value}" for name, value in values.items())
    op.execute(sa.text(f"UPDATE alert SET {sets}".replace(":", "\\:")))  # noqa: S608 - our names


_RANKED = ("default", "opinion.severity")


def _rank(text: str) -> str:
    names = ("info", "low", "medium", "high", "critical")
    cases = " ".join(f"WHEN '{name}' THEN {rank}" for rank, name in enumerate(names))
    return f"CASE {text} {cases} END"
