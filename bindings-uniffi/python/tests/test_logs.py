"""What the node says, in `logging`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pytest

import meshbook._native as native
from meshbook._logs import printable

from helpers import connected, ends_well, our_threads, quiet, run, until, until_now

LOGGER = logging.getLogger("meshbook")


class Kept(logging.Handler):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def texts(self) -> list[str]:
        return [record.getMessage() for record in list(self.records)]


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler, level = Kept(), LOGGER.level
    LOGGER.addHandler(handler)
    yield handler
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(level)


def test_records_come_with_their_logger_their_level_their_time_and_their_fields(kept: Kept) -> None:
    LOGGER.setLevel(logging.INFO)

    async def story() -> None:
        before = time.time()
        async with quiet() as node:
            pass
        started = next(r for r in kept.records if r.getMessage().startswith("started"))
        assert (started.name, started.levelno) == (
            "meshbook.client.exchange_client",
            logging.INFO,
        )
        assert f"node={node.node_id}" in started.getMessage()
        fields = started.fields  # type: ignore[attr-defined]
        assert fields["node"] == node.node_id
        assert before - 1 < started.created < time.time()

    run(story())
    until_now(lambda: not our_threads())


def test_what_is_no_visible_character_is_escaped() -> None:
    assert printable("peer=ann/1.0 \u00e9\u6587") == "peer=ann/1.0 \u00e9\u6587"
    forged = "ann\nERROR \u202eeman\x1b[31m\U000e0041"
    assert printable(forged) == "ann\\nERROR \\u202eeman\\x1b[31m\\U000e0041"


def test_the_level_of_logging_holds_also_where_it_changes_meanwhile(kept: Kept) -> None:
    LOGGER.setLevel(logging.WARNING)

    async def story() -> None:
        async with quiet() as node, quiet(node) as peer:
            await connected(node, peer)
            assert kept.records == []
            LOGGER.setLevel(logging.DEBUG)

            async def noticed() -> bool:
                async with quiet(node):
                    return any("started" in text for text in kept.texts())

            end = time.monotonic() + 60
            while not await noticed():
                assert time.monotonic() < end

    run(story())


def test_the_option_sets_the_level_of_the_logger(kept: Kept) -> None:
    for name, level in [("debug", logging.DEBUG), ("WARN", logging.WARNING), ("trace", 5)]:
        quiet(log_level=name)
        assert LOGGER.level == level


def test_a_slow_handler_holds_up_no_node_and_what_is_lost_is_counted(kept: Kept) -> None:
    LOGGER.setLevel(5)
    stuck, go = threading.Event(), threading.Event()

    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            stuck.set()
            go.wait(60)

    slow = Slow()
    LOGGER.addHandler(slow)

    async def story() -> None:
        async with quiet() as node:
            await until(stuck.is_set)
            start = time.monotonic()
            await node.place_sell_order(1, 100)
            assert time.monotonic() - start < 30
            go.set()
            LOGGER.removeHandler(slow)

    run(story())


def test_without_a_handler_nothing_is_printed_and_with_one_what_it_asks_for() -> None:
    script = """
import logging, sys
from meshbook.sync import ExchangeClient
if sys.argv[1:]:
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
with ExchangeClient(host="127.0.0.1", port=0, use_well_known_nodes=False, enable_mdns=False,
                    grape_url="http://127.0.0.1:9"):
    pass
"""
    assert ends_well(script) == ""
    assert "INFO:meshbook.client.exchange_client:started node=" in ends_well(script, "yes")


def test_a_bound_holds_what_nobody_fetches() -> None:
    logs = native.Logs()  # type: ignore[no-untyped-call]
    assert logs.wait(0) == []
    assert logs.take_dropped() == 0
