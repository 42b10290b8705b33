"""Decimals, times and the values that are handed out."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

import meshbook
from meshbook import BookSnapshot, Level, Order, OrderBook, OrderStatus, Side, Trade, Trades

from helpers import quiet, run


def test_a_float_is_refused_with_the_reason_wherever_a_decimal_is_taken() -> None:
    async def story() -> None:
        async with quiet() as node:
            for arguments in [(0.1, "100"), ("1", 100.0)]:
                with pytest.raises(TypeError, match=r"float.*exact.*Decimal"):
                    await node.place_buy_order(*arguments)  # type: ignore[arg-type]
            assert node.orders() == []

    run(story())
    with pytest.raises(TypeError, match="float"):
        OrderBook().add_order("ann", "buy", 1.5, 1)  # type: ignore[arg-type]
    for wrong in [None, True, 1j, b"1", [1]]:
        with pytest.raises(TypeError, match="amount must be"):
            OrderBook().add_order("ann", "buy", wrong, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "same"),
    [
        (1, "1"),
        ("1.50", "1.5"),
        (Decimal("1.5E+2"), "150"),
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("100.000000000000"), "100"),
    ],
)
def test_a_decimal_comes_out_as_it_went_in(value: Any, same: str) -> None:
    book = OrderBook(max_price="999999999999999.99999999")
    order = book.add_order("ann", "buy", value, value).remaining_order
    assert order is not None
    assert order.amount == order.price == Decimal(same)
    assert isinstance(order.amount, Decimal)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1e3",
        "-1",
        "1,5",
        "0.000000001",
        Decimal("NaN"),
        Decimal("-Infinity"),
        Decimal("1E+999999"),
        Decimal("1E-999999"),
        -1,
        0,
        10**40,
    ],
)
def test_a_decimal_that_does_not_fit_is_an_error_and_never_rounded(value: Any) -> None:
    book = OrderBook()
    with pytest.raises(meshbook.InvalidOrderError) as caught:
        book.add_order("ann", "buy", value, 1)
    assert caught.value.field == "amount"
    assert book.order_count == 0


def _order() -> Order:
    return Order(
        "00" * 16,
        "ann",
        Side.BUY,
        Decimal(2),
        Decimal("0.5"),
        Decimal(3),
        OrderStatus.PARTIAL,
        1500,
        "BTC/USD",
    )


def test_a_market_order_has_no_price() -> None:
    order = dataclasses.replace(_order(), price=None)
    assert order.price is None
    assert pickle.loads(pickle.dumps(order)) == order


def test_values_can_not_be_changed_and_survive_copies_and_pickles() -> None:
    order = _order()
    with pytest.raises(dataclasses.FrozenInstanceError):
        order.amount = Decimal(3)  # type: ignore[misc]
    assert not hasattr(order, "__dict__")
    for again in [copy.copy(order), copy.deepcopy(order), pickle.loads(pickle.dumps(order))]:
        assert again == order
        assert hash(again) == hash(order)
    assert dataclasses.replace(order, amount=Decimal(3)).open == Decimal("2.5")
    assert dataclasses.asdict(order)["user_id"] == "ann"


def test_an_order_knows_what_is_open_and_when_it_was_placed() -> None:
    order = _order()
    assert order.open == Decimal("1.5")
    assert dataclasses.replace(order, status=OrderStatus.CANCELLED).open == 0
    assert order.time == datetime(1970, 1, 1, 0, 0, 1, 500000, timezone.utc)


def test_an_argument_of_a_wrong_type_is_named() -> None:
    book: Any = OrderBook()
    wrong: list[tuple[str, Callable[[], Any]]] = [
        ("user_id", lambda: book.add_order(5, "buy", 1, 1)),
        ("side", lambda: book.add_order("ann", 1, 1, 1)),
        ("pair", lambda: book.add_order("ann", "buy", 1, 1, pair=5)),
        ("order_id", lambda: book.cancel_order(None)),
        ("order_id", lambda: book.order(5)),
        ("depth", lambda: book.order_book(1.5)),
        ("limit", lambda: book.trades("5")),
    ]
    node: Any = quiet()
    wrong += [
        ("order_id", lambda: node.order(None)),
        ("user_id", lambda: run(node.place_buy_order(1, 1, user_id=5))),
        ("lifetime", lambda: run(node.place_buy_order(1, 1, lifetime="1h"))),
    ]
    for field, call in wrong:
        with pytest.raises(TypeError, match=f"^{field} must be "):
            call()


def test_words_are_equal_to_their_text_and_shown_as_it() -> None:
    assert Side.BUY == "buy"
    assert f"{Side.BUY} {OrderStatus.FILLED:>8}" == "buy   filled"
    assert str(meshbook.TimeInForce.GTC) == "gtc"
    assert {"buy": 1}[Side.BUY] == 1


def _snapshot() -> BookSnapshot:
    def level(price: int) -> Level:
        return Level(Decimal(price), Decimal("0.1"), 1, Decimal(0))

    return BookSnapshot("BTC/USD", 0, (level(9), level(8)), (level(11), level(12)))


def test_a_book_has_its_best_prices_and_their_spread() -> None:
    book = _snapshot()
    assert (book.best_bid, book.best_ask, book.spread) == (9, 11, 2)
    empty = BookSnapshot("BTC/USD", 0, (), ())
    assert (empty.best_bid, empty.best_ask, empty.spread) == (None, None, None)


def test_the_book_and_the_trades_become_tables_of_pandas() -> None:
    frame = _snapshot().to_pandas()
    assert list(frame["price"]) == [12, 11, 9, 8]
    assert list(frame["side"]) == ["sell", "sell", "buy", "buy"]
    assert isinstance(frame["amount"][0], Decimal)
    assert frame["amount"].astype(float).sum() == pytest.approx(0.4)
    trade = Trade("ab", "b", "s", Decimal("0.1"), Decimal(9), 1500, Side.SELL, False)
    table = Trades([trade]).to_pandas()
    assert table["time"][0].isoformat() == "1970-01-01T00:00:01.500000+00:00"
    assert (table["price"][0], table["taker_side"][0]) == (Decimal(9), "sell")
    assert list(Trades().to_pandas().columns) == list(table.columns)


def test_without_pandas_a_table_is_an_import_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install .meshbook\[pandas\]"):
        _snapshot().to_pandas()
