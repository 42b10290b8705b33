"""Tables of pandas, which is only asked for here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

    from ._types import BookSnapshot, Trade

_TRADES = ["time", "id", "taker_side", "price", "amount", "buy_order_id", "sell_order_id"]
_LEVELS = ["side", "price", "amount", "count"]


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise ImportError(
            'to_pandas() needs pandas, which is not installed: pip install "meshbook[pandas]"'
        ) from None
    return pandas


def trades_frame(trades: Sequence[Trade]) -> pandas.DataFrame:
    """One row a trade."""
    pd = _pandas()
    rows: list[list[object]] = [
        [t.timestamp, t.id, t.taker_side.value, t.price, t.amount, t.buy_order_id, t.sell_order_id]
        for t in trades
    ]
    frame = pd.DataFrame(rows, columns=_TRADES)
    frame["time"] = pd.to_datetime(frame["time"].astype("int64"), unit="ms", utc=True)
    table: pandas.DataFrame = frame
    return table


def book_frame(book: BookSnapshot) -> pandas.DataFrame:
    """One row a level."""
    asks = [["sell", level.price, level.amount, level.count] for level in reversed(book.asks)]
    bids = [["buy", level.price, level.amount, level.count] for level in book.bids]
    table: pandas.DataFrame = _pandas().DataFrame(asks + bids, columns=_LEVELS)
    return table
