"""A network that resets, loses answers, trickles and goes silent: no short read is ever scored."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Literal

import adbc_driver_manager.dbapi as adbc
import psutil
import pytest
import sqlalchemy as sa

from pipeline.databases import connections, postgres, warehouse
from pipeline.databases.queries import Query
from pipeline.embedded.server import Embedded
from tests.chaos.proxy import Proxy
from tests.chaos.surroundings import begin, poll, require_whole
from tests.home import Home
from tests.pipeline.shop import Shop, open_shop

# 20 MB for 100 rows, so that a fault after some of them meets no other connection.
WIDE = "SELECT *, repeat(md5(entity_id), 6250) AS filling FROM {table} ORDER BY entity_id"


@pytest.fixture(scope="module")
def shop(server: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = open_shop(Home(tmp_path_factory.mktemp("network") / "home", server))
    shop.change("channel = NULL", "entity_id = 'customer-00007'")
    shop.query(WIDE)
    shop.home.score(shop.job)
    return shop


@pytest.fixture
def proxy(server: Embedded) -> Iterator[Proxy]:
    with Proxy(server.socket / ".s.PGSQL.5432") as running:
        yield running


def through(proxy: Proxy, name: str) -> str:
    """A connection of the embedded server's by way of the proxy, as `addresses` makes it."""
    role, database = {
        "warehouse": ("warehouse_reader", "warehouse"),
        "predictions": ("scoring_pipeline", "predictions"),
    }[name]
    return connections.postgres(proxy.uri(role, database), name)


@pytest.mark.parametrize(
    ("fault", "limit"), [("reset", 1), ("reset", 19_900_000), ("swallow", 100_000), ("swallow", 9_000_000)]
)
def test_a_stream_that_ends_early_is_read_again_from_its_beginning(
    shop: Shop, proxy: Proxy, fault: Literal["reset", "swallow"], limit: int
) -> None:
    seen = shop.predictions()
    proxy.fault, proxy.limit = fault, limit
    night = begin(shop, replace(shop.home.workspace, warehouse=through(proxy, "warehouse")))
    night.again.clear()
    with ThreadPoolExecutor(1) as thread:
        going = thread.submit(night.go_on)
        poll(lambda: proxy.fired)
        assert shop.predictions().equals(seen)
        proxy.cut()  # what was swallowed is lost for good; one that is reset knows already
        poll(lambda: night.faults)
        proxy.fault = "none"
        night.again.set()
        published = going.result()
    assert proxy.fired == 1
    [(failed, fault_seen)] = night.faults
    assert failed == "extract"
    assert isinstance(fault_seen, adbc.Error)
    require_whole(shop, published)


def test_a_trickle_is_a_whole_night(shop: Shop, proxy: Proxy) -> None:
    proxy.trickle = 20_000
    night = begin(shop, replace(shop.home.workspace, warehouse=through(proxy, "warehouse")))
    require_whole(shop, night.go_on())
    assert night.faults == []


def test_a_part_whose_commit_was_not_answered_is_there_once(shop: Shop, proxy: Proxy) -> None:
    proxy.trigger = b"COPY"
    night = begin(shop)
    night.before("write")
    night.workspace = replace(shop.home.workspace, predictions=through(proxy, "predictions"))
    night.again.clear()
    with ThreadPoolExecutor(1) as thread:
        going = thread.submit(night.go_on)
        poll(lambda: night.faults)
        proxy.trigger = b""
        night.again.set()
        published = going.result()
    assert proxy.fired == 1
    assert [stage for stage, _ in night.faults] == ["write"]
    assert night.run
    assert shop.rows(night.run.run_id) == 99
    require_whole(shop, published)


def test_a_publication_whose_commit_was_not_answered_stands(shop: Shop, proxy: Proxy) -> None:
    proxy.trigger = b"scoring.publish("
    night = begin(shop)
    night.before("publish")
    night.workspace = replace(shop.home.workspace, predictions=through(proxy, "predictions"))
    published = night.go_on()
    assert proxy.fired == 1
    assert [stage for stage, _ in night.faults] == ["publish"]
    assert night.run
    seen = shop.predictions()
    assert set(seen["run_id"]) == {night.run.run_id} == {published.run_id}
    assert len(seen) == seen["entity_id"].nunique() == 99


# How long a server that has vanished is waited for

OPTIONS = {
    "keepalives_idle": (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    "keepalives_interval": (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    "keepalives_count": (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    "tcp_user_timeout": (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000),
}


def over_adbc(address: str) -> AbstractContextManager[object]:
    return warehouse.stream(address, Query("SELECT 1", {}, "q.sql"))


def over_psycopg(address: str) -> AbstractContextManager[object]:
    return postgres.engine(address).connect()


@pytest.mark.skipif(sys.platform != "linux", reason="each system has these options its own way")
@pytest.mark.parametrize("connect", [over_adbc, over_psycopg])
@pytest.mark.parametrize(("said", "patience"), [("", 60_000), ("&tcp_user_timeout=5000", 5_000)])
def test_a_server_that_vanishes_is_given_up_after_a_minute_or_what_the_uri_says(
    proxy: Proxy, connect: Callable[[str], AbstractContextManager[object]], said: str, patience: int
) -> None:
    uri = f"{proxy.uri('warehouse_reader', 'warehouse')}?sslmode=disable{said}"
    with connect(connections.postgres(uri, "warehouse")):
        [fd] = [
            options.fd
            for options in psutil.Process().net_connections("tcp")
            if options.raddr and options.raddr.port == proxy.port
        ]
        with socket.socket(fileno=os.dup(fd)) as used:
            assert used.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            options = {name: used.getsockopt(level, option) for name, (level, option, _) in OPTIONS.items()}
    assert options == {name: value for name, (_, _, value) in OPTIONS.items()} | {
        "tcp_user_timeout": patience
    }


@pytest.mark.parametrize("connect", [over_adbc, over_psycopg])
def test_a_server_that_does_not_answer_is_given_up_while_connecting(
    connect: Callable[[str], AbstractContextManager[object]],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"postgres://ann@127.0.0.1:{silent.getsockname()[1]}/sales?connect_timeout=2"
        with pytest.raises((adbc.Error, sa.exc.OperationalError), match="timeout expired|timeout"):
            connect(connections.postgres(uri, "sales")).__enter__()
