"""What is said of a replica that cannot be had: the mend is in it, the password is not."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from edge_agent.replica.words import told
from hazard.store.replica import Target

pytestmark = pytest.mark.postgres  # its driver is asked, no server


def test_an_address_where_nobody_listens_is_told_without_the_password() -> None:
    target = Target("postgresql://hazard:s3cret@127.0.0.1:9/plant")
    with pytest.raises(SQLAlchemyError) as caught:
        target.prepare()
    said = told(caught.value)
    assert "start PostgreSQL, or check address and network" in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("said", "mend"),
    [
        ('password authentication failed for user "hazard"', "check user and password"),
        ('no pg_hba.conf entry for host "10.0.0.7"', "pg_hba.conf"),
        ('database "plant" does not exist', "make the database"),
        ("permission denied for schema public", "owner"),
        ("cannot execute INSERT in a read-only transaction", "primary"),
        ("could not extend file: No space left on device", "free space"),
        ("sorry, too many clients already", "max_connections"),
        ("something new", "start PostgreSQL"),
    ],
)
def test_each_refusal_of_postgresql_names_its_mend(said: str, mend: str) -> None:
    error = OperationalError("SELECT secret", None, Exception(f"FATAL:  {said}\nDETAIL: x"))
    assert mend in told(error)
    assert "SELECT" not in told(error)


def test_a_missing_driver_names_the_extra() -> None:
    assert "install the extra `postgres`" in told(ModuleNotFoundError("no", name="psycopg"))


def test_a_fault_of_the_program_is_called_so() -> None:
    assert "report it" in told(ValueError("x"))
