"""The order book that works on its own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import meshbook
from meshbook import OrderBook, OrderStatus


def test_orders_match_by_price_and_then_time_at_the_resting_price() -> None:
    book = OrderBook("BTC/USD")
    late = book.add_order("ann", "sell", 1, 101)
    first = book.add_order("bob", "sell", 1, 100)
    second = book.add_order("cid", "sell", 1, 100)
    taken = book.add_order("dan", "buy", "2.5", 200)
    makers = [trade.sell_order_id for trade in taken.trades]
    assert makers == [first.order_id, second.order_id, late.order_id]
    assert [trade.price for trade in taken.trades] == [100, 100, 101]
    assert [trade.amount for trade in taken.trades] == [1, 1, Decimal("0.5")]
    assert taken.remaining_order is None
    assert book.trades() == taken.trades[::-1]
    assert len({trade.id for trade in taken.trades}) == 3
    shown = book.order_book()
    assert [(a.price, a.amount, a.count) for a in shown.asks] == [(101, Decimal("0.5"), 1)]
    assert (book.order_count, book.trade_count) == (1, 3)


def test_a_cancelled_order_stays_readable() -> None:
    book = OrderBook()
    order_id = book.add_order("ann", "buy", 1, 100).order_id
    assert book.user_orders("ann")[0].id == order_id
    assert book.cancel_order(order_id) is True
    assert book.cancel_order(order_id) is False
    order = book.order(order_id)
    assert order is not None
    assert order.status is OrderStatus.CANCELLED
    assert book.user_orders("ann") == []
    assert book.order("ab" * 16) is None
    with pytest.raises(meshbook.InvalidValueError) as caught:
        book.cancel_order("nonsense")
    assert (caught.value.field, caught.value.code) == ("order_id", "INVALID_ARGUMENT")


def test_an_order_that_is_not_allowed_is_named_and_changes_nothing() -> None:
    book = OrderBook(max_amount=10, max_price=1000)
    right: dict[str, Any] = {"user_id": "ann", "side": "buy", "amount": 1, "price": 1}
    for field, value in [
        ("user_id", "ab"),
        ("user_id", "a b c"),
        ("side", "bid"),
        ("amount", 11),
        ("price", "1000.00000001"),
        ("pair", "ETH/USD"),
    ]:
        with pytest.raises(meshbook.InvalidOrderError) as caught:
            book.add_order(**{**right, field: value})
        assert caught.value.field == field
        assert str(caught.value).startswith(field)
    assert book.order_count == 0
    with pytest.raises(meshbook.InvalidOptionError, match="pair"):
        OrderBook("BTCUSD")
    with pytest.raises(meshbook.InvalidOptionError, match="max_amount"):
        OrderBook(max_amount=0)


def test_the_top_of_the_book_and_its_figures() -> None:
    book = OrderBook()
    assert book.best_prices() == meshbook.BestPrices(None, None, None)
    book.add_order("ann", "buy", 1, 99)
    book.add_order("ann", "buy", 1, 98)
    book.add_order("bob", "sell", 1, "101.5")
    assert book.best_prices() == meshbook.BestPrices(Decimal(99), Decimal("101.5"), Decimal("2.5"))
    assert book.spread() == Decimal("2.5")
    metrics = book.metrics()
    assert (metrics.total_orders, metrics.buy_levels, metrics.sell_levels) == (3, 2, 1)
    assert 0 < metrics.min_latency <= metrics.average_latency <= metrics.max_latency
    assert repr(book) == "<OrderBook BTC/USD 99/101.5, 3 orders>"
    assert [level.price for level in book.order_book(1).bids] == [99]
    with pytest.raises(meshbook.InvalidValueError, match="depth"):
        book.order_book(-1)
