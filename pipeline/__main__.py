"""The command line: the same functions as the DAGs, without Airflow.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 held; 129, 130 or 143 where SIGHUP, SIGINT or SIGTERM
ended it.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import adbc_driver_manager.dbapi as adbc
import sqlalchemy as sa
import typer

from pipeline.cli import analysts, evaluate, inspect, maintenance, new, recovery, runs, score, setup
from pipeline.cli.console import FAILED, HELD, USAGE, Command, Commands, err, fail
from pipeline.cli.models import compiled, versions
from pipeline.cli.reasons import commands as why
from pipeline.cli.retraining import commands as retraining
from pipeline.cli.serving import parity, serve, tokens
from pipeline.databases import postgres_errors
from pipeline.errors import NothingToDo, ScoringError, UsageError, named, unwritable
from pipeline.runs.publications import Held
from pipeline.runtime import resources
from pipeline.runtime.interruption import Interrupted, interruptible

app = typer.Typer(
    help="Nightly batch scoring: the same functions as the DAGs, without Airflow.",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.callback()(new.program)
app.add_typer(new.new, name="new")
app.add_typer(new.environments, name="environments")
app.add_typer(tokens.tokens, name="tokens")
for command in (
    new.init,
    new.schema,
    setup.migrate,
    setup.sample,
    setup.register,
    setup.sign,
    versions.promote,
    versions.card,
    setup.jobs,
    setup.check,
    analysts.grant_analyst,
    analysts.revoke_analyst,
    analysts.export,
    analysts.dsn,
    score.score,
    runs.runs,
    runs.show,
    runs.report,
    runs.alerts,
    runs.watch,
    inspect.diff,
    inspect.reproduce,
    inspect.verify,
    why.explain,
    why.reasons,
    score.approve,
    score.reject,
    score.rollback,
    score.fallback,
    evaluate.outcomes,
    evaluate.recheck,
    evaluate.replay,
    retraining.train,
    retraining.candidates,
    retraining.adopt,
    maintenance.prune,
    maintenance.erase,
    recovery.rebuild,
    serve.serve,
    parity.parity,
):
    app.command(cls=Command)(command)
app.command("compile", cls=Command)(compiled.compile_version)


def main() -> None:
    """Run a command; every error that a person can cause ends with its message and an exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with _exits(), interruptible():
        resources.limit_threads()
        app()


@contextmanager
def _exits() -> Iterator[None]:
    try:
        yield
    except Interrupted as error:
        with suppress(OSError):  # a terminal that was closed
            err.print(
                f"{error}. Run it again: what was published before stays.", markup=False, soft_wrap=True
            )
        sys.exit(error.exit_code)
    except NothingToDo as error:
        err.print(str(error), markup=False, soft_wrap=True)
    except Held as error:
        fail(error, HELD)
    except UsageError as error:
        fail(error, USAGE)
    except (ScoringError, RuntimeError) as error:
        fail(error, FAILED)
    except (sa.exc.SQLAlchemyError, adbc.Error, OSError) as error:
        if isinstance(error, OSError) and (sentence := unwritable(error)):
            fail(sentence, FAILED)
        # UNDEFINED_TABLE, UNDEFINED_FUNCTION, INVALID_SCHEMA_NAME
        unmade = getattr(getattr(error, "orig", None), "sqlstate", "") in ("42P01", "42883", "3F000")
        remedy = postgres_errors.remedy(error) or "Nothing was published; try again."
        remedy = "Run: scoring migrate" if unmade else remedy
        fail(f"{type(error).__name__}: {named(error, str(error).splitlines()[0])}. {remedy}", FAILED)


if __name__ == "__main__":
    main()
