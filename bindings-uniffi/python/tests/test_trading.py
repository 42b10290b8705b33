"""Nodes that trade: in one process, in several, and together with the daemon."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

import meshbook
from meshbook import OrderStatus, Side, TradeEvent
from meshbook.sync import ExchangeClient as SyncClient

from helpers import Process, command, connected, quiet, quiet_options, run, until, until_now

#: A node in a process of its own that does what its stdin says, and answers in JSON.
TRADER = """
import json, sys
from meshbook.sync import ExchangeClient

options = json.loads(sys.argv[1])
with ExchangeClient(**options) as node:
    print(json.dumps([node.node_id, node.address]), flush=True)
    for line in sys.stdin:
        side, amount, price = line.split()
        while side == "buy" and not node.order_book().asks:
            pass
        placed = node.place_order(side, amount, price)
        trades = [[t.id, str(t.amount), str(t.price), t.buy_order_id] for t in placed.trades]
        print(json.dumps([placed.order_id, trades]), flush=True)
"""


def test_an_order_is_filled_by_another_node_and_both_see_the_same_trade() -> None:
    async def story() -> None:
        async with quiet() as maker, quiet(maker, user_id="taker") as taker:
            events = taker.events()
            offered = await maker.place_sell_order("1.5", 50000)
            assert offered.trades == []
            assert offered.remaining_order is not None
            assert offered.remaining_order.status is OrderStatus.PENDING
            await until(lambda: taker.order_book().asks)
            bought = await taker.place_buy_order(Decimal("0.50"), "50001")
            (trade,) = bought.trades
            assert (trade.amount, trade.price) == (Decimal("0.5"), Decimal(50000))
            assert (trade.buy_order_id, trade.sell_order_id) == (
                bought.order_id,
                offered.order_id,
            )
            assert (trade.taker_side, bought.remaining_order) == (Side.BUY, None)
            order = taker.order(bought.order_id)
            assert order is not None
            assert (order.status, order.user_id, order.open) == ("filled", "taker", 0)
            await until(lambda: maker.trades())
            assert maker.trades() == taker.trades() == [trade]
            (rest,) = maker.orders()
            assert (rest.filled, rest.open, rest.status) == (Decimal("0.5"), 1, "partial")
            async for event in events:
                if isinstance(event, TradeEvent):
                    assert event.own
                    assert event.trade == trade
                    break
            assert maker.cancel_order(offered.order_id) is True
            assert maker.cancel_order(offered.order_id) is False
            assert maker.cancel_order(bought.order_id) is False
            await until(lambda: not taker.order_book().asks)

    run(story())


def test_orders_of_every_kind_do_what_their_kind_says() -> None:
    async def story() -> None:
        async with quiet() as node:
            await node.place_sell_order(1, 100)
            with pytest.raises(meshbook.OrderRefusedError) as refused:
                await node.place_buy_order(1, 100, time_in_force="post")
            assert refused.value.code == "POST_ONLY_WOULD_TAKE"
            with pytest.raises(meshbook.OrderRefusedError) as refused:
                await node.place_buy_order(2, 100, time_in_force=meshbook.TimeInForce.FOK)
            assert refused.value.code == "FILL_OR_KILL_NOT_ENOUGH"
            some = await node.place_buy_order(3, 100, time_in_force="IOC")
            assert (len(some.trades), some.remaining_order) == (1, None)
            await node.place_buy_order(1, 90, lifetime=3600)
            market = await node.place_order("sell", 1, type="market")
            assert [trade.price for trade in market.trades] == [90]
            assert [o.price for o in node.order_history() if o.id == market.order_id] == [None]
            for wrong in [{"type": "market", "price": 1}, {"type": "limit"}, {"type": "stop"}]:
                with pytest.raises(meshbook.InvalidOrderError):
                    await node.place_order("buy", 1, **wrong)  # type: ignore[arg-type]
            with pytest.raises(meshbook.InvalidOrderError, match="buy, sell"):
                await node.place_order("bid", 1, 1)

    run(story())


def test_two_processes_trade_and_agree_on_the_trade() -> None:
    maker_options = json.dumps(quiet_options())
    with Process(sys.executable, "-c", TRADER, maker_options) as maker:
        _, address = maker.json()
        options = json.dumps(quiet_options(bootstrap_peers=address))
        with (
            Process(sys.executable, "-c", TRADER, options) as taker,
            SyncClient(**quiet_options(bootstrap_peers=address)) as observer,
        ):
            taker.json()
            maker.say("sell 2 100")
            sold, _ = maker.json()
            taker.say("buy 0.75 101")
            bought, trades = taker.json()
            assert [trade[1:] for trade in trades] == [["0.75", "100", bought]]
            # And a third one, which took no part, sees the same.
            (trade,) = until_now(lambda: observer.trades())
            assert [trade.id, str(trade.amount), str(trade.price)] == trades[0][:3]
            assert trade.sell_order_id == sold


def test_python_and_the_daemon_trade_in_one_network(tmp_path: Path) -> None:
    folder = str(tmp_path / "daemon")
    quiet_daemon = ["--host", "127.0.0.1", "--port", "0", "--well-known", "false"]
    settings = ["--set", "discovery_mdns=false", "--set", "discovery_grenache=false"]
    start = ["--json", "--data-dir", folder, "run", *quiet_daemon, "--metrics", "false", *settings]

    def daemon_says(*arguments: str) -> object:
        done = subprocess.run(
            command("--json", "--data-dir", folder, *arguments),
            check=True,
            capture_output=True,
            text=True,
        )
        return json.loads(done.stdout)

    with Process(*command(*start)) as daemon:
        address = daemon.json()["p2pAddress"]
        with SyncClient(**quiet_options(bootstrap_peers=[address])) as node:
            # It takes from the daemon,
            sold: dict = daemon_says("sell", "1", "100")  # type: ignore[type-arg,assignment]
            until_now(lambda: node.order_book().asks)
            bought = node.place_buy_order("0.25", "100")
            (trade,) = bought.trades
            assert trade.sell_order_id == sold["orderId"]
            # and the daemon from it.
            offered = node.place_sell_order("2", "99")
            until_now(lambda: daemon_says("book")["asks"][0]["price"] == "99")  # type: ignore[index]
            taken: dict = daemon_says("buy", "2", "99")  # type: ignore[type-arg,assignment]
            assert taken["trades"][0]["sellOrderId"] == offered.order_id
            until_now(lambda: len(node.trades()) == 2)
            shown = [[t.id, str(t.amount), str(t.price), t.timestamp] for t in node.trades()]
            theirs: list = daemon_says("trades")  # type: ignore[type-arg,assignment]
            assert shown == [[t["id"], t["amount"], t["price"], t["timestamp"]] for t in theirs]
        daemon.interrupt()
        assert daemon.ends()[0] == 0


def test_what_a_node_keeps_is_there_after_a_restart_with_its_history(tmp_path: Path) -> None:
    async def story() -> None:
        folder = tmp_path / "node"
        async with quiet(data_dir=folder) as node:
            identity = node.node_id
            placed = await node.place_sell_order(3, 100)
            for _ in range(3):
                await node.place_buy_order(1, 100)
        async with quiet(data_dir=folder) as again:
            assert again.node_id == identity
            order = again.order(placed.order_id)
            assert order is not None
            assert order.status == "filled"
            past = [trade async for trade in again.history(own=True)]
            assert [trade.own_side for trade in past] == ["both"] * 3
            newest = [trade async for trade in again.history(newest_first=True)]
            assert newest == past[::-1]
            last = past[-1].trade.time
            before = [trade async for trade in again.history(until=last)]
            assert before == [trade for trade in past if trade.trade.time < last]
            since = [trade async for trade in again.history(since=last)]
            assert before + since == past
        async with quiet() as nothing:
            with pytest.raises(meshbook.OrderRefusedError) as error:
                async for _ in nothing.history():
                    pass
            assert error.value.code == "NO_JOURNAL"

    run(story())


def test_a_node_that_is_killed_is_told_of_and_its_orders_are_not_taken() -> None:
    async def story() -> None:
        async with quiet() as node:
            options = json.dumps(quiet_options(node))
            with Process(sys.executable, "-c", TRADER, options) as other:
                identity, _ = other.json()
                events = node.events()
                other.say("sell 1 100")
                other.json()
                await until(lambda: node.order_book().asks)
                other.popen.kill()
                async for event in events:
                    if event.type == "peer:disconnected":
                        break
                assert isinstance(event, meshbook.PeerDisconnectedEvent)
                assert event.peer == identity
                assert node.p2p_stats().peers.connected_peers == 0
                # Nobody answers, so nothing is promised: the order rests.
                bought = await node.place_buy_order(1, 100)
                assert bought.trades == []
                assert bought.remaining_order is not None

    run(story())


def test_figures_and_peers_say_what_is_there() -> None:
    async def story() -> None:
        async with quiet() as one, quiet(one) as two:
            await connected(one, two)
            (peer,) = [p for p in two.peers() if p.status == "connected"]
            assert (peer.node_id, peer.address, peer.direction) == (
                one.node_id,
                one.address,
                "outbound",
            )
            assert (peer.dialect, peer.source) == ("secured", "bootstrap")
            stats = two.p2p_stats()
            assert (stats.peers.outbound_peers, stats.peers.inbound_peers) == (1, 0)
            assert stats.direct_connection.port == two.port
            assert stats.direct_connection.node_id == two.node_id
            assert stats.discovery.is_running
            assert not stats.discovery.strategies.mdns
            assert isinstance(two.counters(), dict)
            two.discover()
        assert not one.is_open
        assert one.address is None

    run(story())
