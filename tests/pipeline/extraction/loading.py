"""A shop whose rows are loaded before they may be scored, and whose job asks whether they are."""

from dataclasses import dataclass

import pandas as pd

from tests.home import NIGHT, Home
from tests.pipeline.shop import Shop, open_shop

QUERY = "ready.sql"


@dataclass(frozen=True)
class Loading:
    """A job that asks, and the table in which its loader notes the days that are complete."""

    shop: Shop
    loads: str

    def done(self, complete: str = "true") -> None:
        """Note that the day is complete, or not any more."""
        self.shop.home.sql(f"UPDATE {self.loads} SET complete = {complete}", "warehouse_owner")

    def ask(self, query: str) -> None:
        """Change the ready query; `{loads}` stands for the loader's table."""
        (self.shop.home.path / "sql" / QUERY).write_text(query.format(loads=self.loads))


def open_loading(
    home: Home, on_timeout: str = "fail", *, keys: str = "wait_hours = 4", more: str = ""
) -> Loading:
    """A job whose source is not ready yet."""
    section = f'[ready]\nquery = "{QUERY}"\non_timeout = "{on_timeout}"\n{keys}\n{more}'
    loads = home.table(pd.DataFrame({"day": [NIGHT], "complete": [False]}))
    made = Loading(open_shop(home, gate=f"min_rows = 1\n\n{section}"), loads)
    made.ask("SELECT complete FROM {loads} WHERE day = :score_date")
    return made
