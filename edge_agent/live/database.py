"""Whether the replica can be reached, and is a PostgreSQL that is new enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.live.result import Check, failed, ok
from hazard.errors import ConfigError, HazardError
from hazard.site.sources import Secret

if TYPE_CHECKING:
    from sqlalchemy import Engine

_TITLE = "replica database"
_OLDEST_POSTGRESQL = 15
_WANTED = "want postgresql://USER:PASSWORD@HOST/DATABASE"
_MEND = "check address, user, password and PostgreSQL's pg_hba.conf"


def check_database(url: Secret, *, limit_s: int = 5) -> Check:
    """Connect to the replica; its URL is never shown."""
    try:
        address = url.resolve()
        return _connect(_engine(address, limit_s), address)
    except ConfigError as error:
        return failed(_TITLE, str(error), "export the variable, or put the file there")
    except ModuleNotFoundError as error:
        return failed(_TITLE, f"the driver {error.name} is not installed", "install extra postgres")
    except (HazardError, ValueError, TypeError):
        return failed(_TITLE, "the URL is not that of a PostgreSQL", _WANTED)


def _engine(address: str, limit_s: int) -> Engine:
    from sqlalchemy import create_engine  # noqa: PLC0415 - keeps `hazard --help` fast

    from hazard.store.engine import store_url  # noqa: PLC0415

    if not address.startswith(("postgresql", "postgres:")):
        raise ValueError("want postgresql://")
    return create_engine(store_url(address), connect_args={"connect_timeout": limit_s})


def _connect(engine: Engine, address: str) -> Check:
    from sqlalchemy import text  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        with engine.connect() as connection:
            number = int(connection.execute(text("show server_version_num")).scalar_one())
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or type(error).__name__).splitlines()
        reason = (said[0] if said else type(error).__name__).replace(address, "the database")
        return failed(_TITLE, reason, _MEND)
    finally:
        engine.dispose()
    version = number // 10_000
    if version < _OLDEST_POSTGRESQL:
        mend = f"use PostgreSQL {_OLDEST_POSTGRESQL} or newer"
        return failed(_TITLE, f"PostgreSQL {version} is too old", mend)
    return ok(_TITLE, f"connected (PostgreSQL {version})")
