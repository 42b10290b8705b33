"""The client that waits."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time

import pytest

import meshbook
from meshbook.sync import EventIterator, ExchangeClient

from helpers import Process, our_threads, quiet_options, run, until_now


def test_calls_wait_and_answer_as_those_of_asyncio_do() -> None:
    with ExchangeClient(**quiet_options()) as maker:
        options = quiet_options(bootstrap_peers=maker.address)
        with ExchangeClient(**options) as taker:
            events = taker.events(timeout=30)
            offered = maker.place_sell_order(1, 100)
            until_now(lambda: taker.order_book().asks)
            bought = taker.place_buy_order(1, 100)
            assert bought.trades[0].sell_order_id == offered.order_id
            assert taker.trades() == taker.trade_history() == bought.trades
            assert [order.status for order in taker.order_history()] == ["filled"]
            (seen,) = [event for event in _until_trade(events) if event.type == "trade"]
            assert isinstance(seen, meshbook.TradeEvent)
            assert seen.trade == bought.trades[0]
            assert taker.order(bought.order_id) is not None
            assert taker.peers()[0].node_id == maker.node_id
            assert taker.settings["P2P_HOST"] == "127.0.0.1"
    assert not maker.is_open
    with pytest.raises(meshbook.NotRunningError):
        maker.place_sell_order(1, 100)
    maker.close()
    assert repr(maker).startswith("<ExchangeClient BTC/USD")


def _until_trade(events: EventIterator) -> list[meshbook.Event]:
    seen: list[meshbook.Event] = []
    for event in events:
        seen.append(event)
        if event.type == "trade":
            break
    return seen


def test_events_end_when_none_come_for_a_time_and_may_be_gone_on_with() -> None:
    with ExchangeClient(**quiet_options()) as node:
        events = node.events(timeout=0.05)
        assert list(events) == []
        node.place_sell_order(1, 100)
        assert [event.type for event in events] == ["order", "book"] or list(events) == []
        assert events.next(0.01) is None
    assert events.next() is None
    assert list(events) == []


def test_what_is_kept_is_read_back_as_an_iteration() -> None:
    with ExchangeClient(**quiet_options(data_dir="kept")) as node:
        node.place_sell_order(250, 100)
        for _ in range(250):
            node.place_buy_order(1, 100)
        past = list(node.history())
        assert len(past) == 250
        assert [trade.trade for trade in past][::-1] == node.trade_history()
        with pytest.raises(meshbook.InvalidValueError, match="since"):
            list(node.history(since=-1))


def test_it_works_where_a_loop_runs_already() -> None:
    async def in_a_notebook() -> None:
        with ExchangeClient(**quiet_options()) as node:
            assert node.place_sell_order(1, 100).order_id

    run(in_a_notebook())


def test_a_client_that_can_not_start_leaves_no_thread() -> None:
    with ExchangeClient(**quiet_options()) as first:
        with pytest.raises(meshbook.AddressInUseError):
            with ExchangeClient(**quiet_options(port=first.port)):
                pass
    until_now(lambda: not our_threads())


def test_closing_ends_an_iteration_in_another_thread() -> None:
    node = ExchangeClient(**quiet_options())
    node.open()
    events = node.events()
    thread = threading.Thread(target=lambda: list(events))
    thread.start()
    node.close()
    thread.join(30)
    assert not thread.is_alive()


def test_it_serves_several_threads_at_once() -> None:
    with ExchangeClient(**quiet_options()) as node:
        placed = []

        def place(number: int) -> None:
            for step in range(20):
                placed.append(node.place_sell_order(1, 100 + number * 20 + step).order_id)

        threads = [threading.Thread(target=place, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(placed)) == 100
        assert {order.id for order in node.orders()} == set(placed)


def test_control_c_ends_a_call_that_waits() -> None:
    script = """
import sys
from meshbook.sync import EventIterator, ExchangeClient
with ExchangeClient(host="127.0.0.1", port=0, use_well_known_nodes=False, enable_mdns=False,
                    enable_grenache=False) as node:
    print("ready", flush=True)
    node.events().next()
"""
    with Process(sys.executable, "-c", script) as process:
        assert process.line() == "ready"
        start = time.monotonic()
        # Before the call waits the signal does the same.
        process.interrupt(signal.SIGINT)
        code, _, err = process.ends()
    assert code in (-signal.SIGINT, 130)
    assert err.strip().endswith("KeyboardInterrupt")
    assert time.monotonic() - start < 20


def test_the_loop_of_asyncio_is_not_touched() -> None:
    with ExchangeClient(**quiet_options()):
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
