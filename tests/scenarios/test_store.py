"""The store, and that of large models, may be any fsspec URL; here it is a server that speaks S3."""

import shutil
import socket
from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from pipeline.model import content, registry
from pipeline.model.artifact import ModelError
from pipeline.store import artefacts
from pipeline.store.artefacts import ArtefactError
from pipeline.store.files import StoreError
from pipeline.store.parts import PartError
from tests.home import Home, shop_model
from tests.pipeline.maintenance.aging import age, keep, prune, twice
from tests.pipeline.shop import Shop, open_shop


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Address of a server that speaks S3, with one bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    # What such a server keeps, it keeps for all of them in this process.
    S3FileSystem(key="k", secret="s", endpoint_url=address).makedirs("nights", exist_ok=True)
    yield address
    server.stop()


@pytest.fixture
def shop(home: Home, s3: str, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose store is in S3, by nothing but what the environment says."""
    reach(monkeypatch, s3)
    home.store = f"s3://nights/{home.name('prefix')}"
    return open_shop(home)


def reach(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Have S3 answer at this address."""
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
    }.items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()


def test_a_night_is_the_same_as_in_a_folder(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    published = shop.home.score(shop.job)
    remote = shop.predictions()[["entity_id", "score", "label"]]
    files = S3FileSystem().find(f"{shop.home.store}/{shop.job}")
    kinds = [f"{kind}-0000{part}.parquet" for kind in ("part", "profile", "scored") for part in range(3)]
    assert sorted(file.rpartition("/")[2] for file in files) == sorted([*kinds, "run.json"])
    assert str(published.run_id) in files[0]
    shop.home.store = str(tmp_path_factory.mktemp("store"))
    shop.configure("a test job", "the same job, in a folder")
    shop.home.score(shop.job)
    assert shop.predictions()[["entity_id", "score", "label"]].equals(remote)


def test_the_stages_meet_in_it_one_by_one(shop: Shop) -> None:
    run = shop.extract()
    assert shop.publish(run, shop.write(run)).rows_scored == 100


def test_a_part_that_was_altered_there_is_refused(shop: Shop) -> None:
    run = shop.extract()
    path = S3FileSystem().find(f"{shop.home.store}/{shop.job}")[0]
    S3FileSystem().pipe_file(path, S3FileSystem().cat_file(path)[:-1] + b"?")
    with pytest.raises(PartError, match="is not what was written"):
        shop.predict(run)


def test_a_bucket_that_is_not_there_is_named(shop: Shop) -> None:
    shop.home.store = "s3://no-such-bucket/store"
    with pytest.raises(
        StoreError, match=r"s3://no-such-bucket/store refuses to be written: .*correct SCORING_STORE"
    ):
        shop.extract()


@pytest.mark.parametrize("store", ["nonsense://bucket", "gs://bucket/store"])
def test_a_store_that_nothing_reaches_is_refused(home: Home, store: str) -> None:
    home.store = store
    with pytest.raises(StoreError, match=f"the store {store} cannot be used: .*requirements.in"):
        open_shop(home).extract()


def test_a_store_that_does_not_answer_is_worth_a_retry(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    run = shop.extract()
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        reach(monkeypatch, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(OSError, match=f"the store {shop.home.store} did not answer"):
            shop.predict(run)
    # It has no database: another task notes its failure.
    assert shop.status(run.run_id) == "running"


@pytest.fixture
def outside(home: Home, s3: str, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose runs and whose model are in S3, below the same prefix."""
    reach(monkeypatch, s3)
    home.store = f"s3://nights/{home.name('prefix')}"
    monkeypatch.setattr(artefacts, "LARGE", 2500)
    monkeypatch.setenv("SCORING_ARTEFACTS", home.store)
    shop = open_shop(home)
    home.model("shop", *shop_model())
    return shop


def test_a_model_that_is_kept_there_scores_and_prune_leaves_it_alone(outside: Shop) -> None:
    twice(outside)
    assert outside.runs()[0]["model_version"] == 2
    assert not (outside.home.path / "models" / "shop" / "2" / "model.joblib").exists()
    age(outside, 1000)
    keep(outside, parts_days=1, rejected_values_days=1)
    assert prune(outside).gone
    pinned = registry.resolve(outside.home.path, "shop", "champion")
    shutil.rmtree(outside.home.path / ".local")
    assert list(content.lacking(pinned)) == []
    assert registry.load(pinned)


def test_credentials_that_are_missing_are_asked_for(outside: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    S3FileSystem.clear_instance_cache()
    pinned = registry.resolve(outside.home.path, "shop", "champion")
    expected = "refuses to be read: Unable to locate credentials. Set its credentials"
    with pytest.raises(ModelError, match=expected):
        registry.load(pinned)
    with pytest.raises(ArtefactError, match=expected):
        list(content.lacking(pinned))
