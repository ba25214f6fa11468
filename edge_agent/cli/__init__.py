"""The `hazard` command: a file per verb, heavy imports inside the functions.

Exit codes: 0 done; 1 done, but what was asked about is not well (problems found, something lost,
a stage not ready); 2 wrong usage; 3 the machine does not allow it (port taken, another instance,
disk); 4 configuration refused; 130 ended by Ctrl-C before the work was done.
"""

from __future__ import annotations

import sys

import typer

from edge_agent.cli import (
    audit,
    bench,
    dashboard,
    demo,
    drill,
    exam,
    export,
    login,
    models,
    notify,
    replay,
    report,
    run,
    site,
    status,
    token,
)
from hazard.errors import ConfigError, HazardError

EXIT_MACHINE = 3
EXIT_CONFIG = 4

app = typer.Typer(
    name="hazard",
    help="Industrial hazard detection on the edge.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("dashboard")(dashboard.dashboard)
app.command("status")(status.status)
app.command("login-code")(login.login_code)
app.command("token")(token.token)
app.command("init")(site.init)
app.command("check")(site.check)
app.command("replay")(replay.replay)
app.command("exam")(exam.exam)
app.add_typer(audit.app, name="audit", help="The hash-chained audit: verify.")
app.add_typer(export.app, name="export", help="Lists, and signed bundles of one incident.")
app.add_typer(notify.app, name="notify", help="Try the channels by which people are told.")
app.add_typer(report.app, name="report", help="Figures of what was stored: alarms.")
app.add_typer(models.app, name="models", help="Weights and footage: fetch, list, check.")
app.add_typer(drill.app, name="drill", help="Faults made on purpose, and what was lost.")
app.add_typer(bench.app, name="bench", help="Speed, as ratios taken in one run.")


def main() -> None:
    """Entry point of the console script; turns known errors into one line and an exit code."""
    try:
        app()
    except ConfigError as error:
        print(f"hazard: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(EXIT_CONFIG)
    except HazardError as error:
        print(f"hazard: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(EXIT_MACHINE)
    except OSError as error:
        print(  # noqa: T201
            f"hazard: {error}: check rights, free space and the path, then try again",
            file=sys.stderr,
        )
        sys.exit(EXIT_MACHINE)
