"""A part whose contributions miss the published scores is not kept."""

import pyarrow as pa

from pipeline.reasons import explaining, tries
from pipeline.runs import archive
from pipeline.store import parts
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartWriter
from pipeline.store.schemas import SCORE_SCHEMA
from tests.home import Home
from tests.pipeline.reasons.explained import EXPLANATION
from tests.pipeline.shop import open_shop


def test_another_score_than_the_published_one_ends_the_part(home: Home) -> None:
    shop = open_shop(home)
    path = home.path / "dags" / f"{shop.job}.toml"
    path.write_text(
        f"{path.read_text()}\n[reasons]\norders = 8\n\n[reasons.groups]\nhabits = ['visits', 'member']\n"
    )
    run = home.score(shop.job).run_id
    work, *_ = tries.begin(home.workspace, home.read(shop.job), run)
    part, *_ = archive.parts_of(archive.run(home.workspace.predictions, run))
    store, writer = home.workspace.store, PartWriter(SCORE_SCHEMA)
    for batch in parts.read(store, part.scored.path, part.scored):
        scores = batch.column("score").to_numpy() * 0.5
        writer.write(batch.set_column(1, "score", pa.array(scores)).cast(SCORE_SCHEMA))
    altered = writer.save(store, RunRef.of(work).scored(0), 0).sha256
    outcome = explaining.attempt(home.workspace, work.model_copy(update={"scored_sha256": altered}))
    assert (outcome.wanted, outcome.explained) == (part.rows, 0)
    assert "ReasonsError: base and contributions miss a published score by" in outcome.failure
    tries.end(home.workspace, [work], [outcome])
    [noted] = home.sql(EXPLANATION, run=run)
    assert (noted["status"], noted["wanted"], noted["explained"]) == ("failed", part.rows, 0)
    assert noted["largest_gap"] is None
