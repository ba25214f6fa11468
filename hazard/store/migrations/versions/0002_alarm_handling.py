"""Cases, suppression orders, notices, requests with roles, audit chains by node, alarm figures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # SQLite's old key has no name: it is called as PostgreSQL calls it.
    names = {"pk": "%(table_name)s_pkey"}
    with op.batch_alter_table("action_request", naming_convention=names) as batch:
        batch.add_column(
            sa.Column(
                "node",
                sa.String(length=64),
                nullable=False,
                server_default="",
                comment="of a replica: who was asked; else empty",
            )
        )
        batch.add_column(
            sa.Column("role", sa.String(length=32), nullable=False, server_default="operator")
        )
        batch.add_column(
            sa.Column("via", sa.String(length=16), nullable=False, server_default="dashboard")
        )
        batch.add_column(sa.Column("areas", sa.JSON(), nullable=False, server_default="[]"))
        batch.add_column(sa.Column("arguments", sa.JSON(), nullable=False, server_default="{}"))
        batch.add_column(
            sa.Column("outcome_values", sa.JSON(), nullable=False, server_default="{}")
        )
        batch.drop_constraint("action_request_pkey", type_="primary")
        batch.create_primary_key("action_request_pkey", ["request_id", "node"])
    with op.batch_alter_table("cursor") as batch:
        batch.alter_column(
            "consumer", existing_type=sa.String(length=64), type_=sa.String(length=96)
        )
    op.create_table(
        "change_log",
        sa.Column(
            "change_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("change_id"),
        sa.UniqueConstraint("source", "key", name="uq_change_log_row"),
        sqlite_autoincrement=True,
    )
    op.add_column(
        "outbox",
        sa.Column(
            "gap_from",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="of a gap record: first sequence that went; `sequence` is the last",
        ),
    )
    op.create_index(
        "ix_outbox_gap",
        "outbox",
        ["gap_from"],
        sqlite_where=sa.text("gap_from IS NOT NULL"),
        postgresql_where=sa.text("gap_from IS NOT NULL"),
    )
    with op.batch_alter_table("audit", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.add_column(
            sa.Column(
                "node",
                sa.String(length=64),
                nullable=False,
                server_default="",
                comment="of a replica: whose chain; else empty",
            )
        )
        batch.drop_constraint("uq_audit_chain_link", type_="unique")
        batch.create_unique_constraint("uq_audit_chain_link", ["node", "chain", "previous_hash"])
    op.create_table(
        "suppression_order",
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.Column("hazard", sa.String(length=64), nullable=False),
        sa.Column("area", sa.String(length=64), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "node"),
    )
    op.create_index("ix_suppression_order_ends_at", "suppression_order", ["ends_at"])
    op.create_table(
        "case_file",
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("assignee", sa.String(length=64), nullable=True),
        sa.Column("cause", sa.String(length=32), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.alert_id"]),
        sa.PrimaryKeyConstraint("alert_id"),
    )
    op.create_index("ix_case_file_assignee", "case_file", ["assignee"])
    op.create_index("ix_case_file_closed_at", "case_file", ["closed_at"])
    op.create_index("ix_case_file_next_due_at", "case_file", ["next_due_at"])
    op.create_table(
        "notice",
        sa.Column("notice_id", sa.String(length=128), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("notice_id"),
    )
    op.create_index("ix_notice_alert_id", "notice", ["alert_id"])
    op.create_index("ix_notice_created_at", "notice", ["created_at"])
    op.create_index("ix_notice_state_next", "notice", ["state", "next_attempt_at"])
    _add_figures()


def _add_figures() -> None:
    """Columns and index for the figures of the alarm system, filled from the stored revisions.

    What asked anew was not stored before: each alert counts once, when it was raised.
    """
    names = {
        "area": None,
        "hazard": None,
        "rule_id": "of the leading event",
        "source": "camera or sensor of that event",
    }
    for name, comment in names.items():
        column = sa.Column(name, sa.String(64), nullable=False, server_default="", comment=comment)
        op.add_column("revision", column)
    for name in ("acknowledged", "asks_anew", "chattering", "fleeting"):
        column = sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
        op.add_column("revision", column)
    revision = sa.table(
        "revision",
        sa.column("cause", sa.String),
        sa.column("payload", sa.JSON),
        *(sa.column(name, sa.String) for name in names),
        sa.column("acknowledged", sa.Boolean),
        sa.column("asks_anew", sa.Boolean),
    )
    said = revision.c.payload
    event = said["events"][0]
    source = sa.func.coalesce(event["sources"][0].as_string(), event["subject"].as_string(), "")
    op.execute(
        revision.update().values(
            area=sa.func.coalesce(said["area"].as_string(), ""),
            hazard=sa.func.coalesce(said["hazard"].as_string(), ""),
            rule_id=sa.func.coalesce(event["rule_id"].as_string(), ""),
            source=sa.func.substr(source, 1, 64),
            acknowledged=sa.func.coalesce(said["acknowledged"].as_boolean(), sa.false()),
            asks_anew=revision.c.cause == "raised",
        )
    )
    op.drop_index("ix_revision_stored_at", "revision")
    covered = ["stored_at", "alert_id", "revision", "cause", "severity", "state"]
    covered += list(names)
    covered += ["acknowledged", "asks_anew", "chattering", "fleeting"]
    op.create_index("ix_revision_figures", "revision", covered)
