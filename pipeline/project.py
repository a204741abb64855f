"""Where the project is: the one place that knows its root."""

from pathlib import Path

# Holds sql/, models/ and dags/, unless SCORING_HOME names another home for a team's own.
ROOT = Path(__file__).resolve().parents[1]
SQL = ROOT / "sql"
