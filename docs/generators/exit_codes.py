"""docs/reference/exit-codes.md, from the command line's own list."""

from docs.generators.markdown import page, table
from pipeline.cli.console import EXIT_CODES


def render() -> str:
    """The page."""
    rows = [[f"`{code}`", meaning] for code, meaning in EXIT_CODES.items()]
    introduction = "Every command ends with one of these. The message before it says what to do."
    return page("Exit codes", introduction, [table(["Code", "Meaning"], rows)])
