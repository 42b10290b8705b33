"""Watches the book in a terminal, until Ctrl-C.

    python examples/python/watch.py --peer 127.0.0.1:3000

It needs no asyncio: the client that waits is enough to read.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from decimal import Decimal

from meshbook import BookSnapshot, MeshbookError, Trades
from meshbook.sync import ExchangeClient

CLEAR = "\033[H\033[J"
GREEN, RED, DIM, PLAIN = "\033[32m", "\033[31m", "\033[2m", "\033[0m"


def picture(book: BookSnapshot, trades: Trades, width: int, *, colour: bool) -> str:
    """The book as lines: asks above bids, each with a bar as long as its amount."""
    levels = [*book.asks, *book.bids]
    most = max((level.amount for level in levels), default=Decimal(1))
    room = max(width - 34, 10)

    def paint(text: str, code: str) -> str:
        return f"{code}{text}{PLAIN}" if colour else text

    def line(price: Decimal, amount: Decimal, count: int, code: str) -> str:
        bar = "█" * max(1, int(amount / most * room))
        return f"{price:>14f} {amount:>12f} {count:>4} {paint(bar, code)}"

    head = f"{book.pair}  spread {book.spread if book.spread is not None else '-'}"
    asks = [line(a.price, a.amount, a.count, RED) for a in reversed(book.asks)]
    bids = [line(b.price, b.amount, b.count, GREEN) for b in book.bids]
    last = [
        paint(f"{trade.time:%H:%M:%S} {trade.price:>14f} {trade.amount:>12f}", DIM)
        for trade in trades
    ]
    return "\n".join([head, "", *asks, paint("-" * min(width, 60), DIM), *bids, "", *last])


def main() -> None:
    parser = argparse.ArgumentParser(description="Watch the order book.")
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--pair", default=None)
    parser.add_argument("--peer", action="append", help="a peer to dial, as host:port")
    args = parser.parse_args()

    terminal = sys.stdout.isatty()
    with ExchangeClient(port=args.port, pair=args.pair, bootstrap_peers=args.peer) as node:
        events = node.events()
        while True:
            width = shutil.get_terminal_size().columns
            shown = picture(node.order_book(args.depth), node.trades(5), width, colour=terminal)
            print((CLEAR if terminal else "") + shown, flush=True)
            # Whatever has happened by the time that this is drawn is in the next picture.
            if events.next() is None:
                return
            while events.next(0.05):
                pass


if __name__ == "__main__":
    try:
        main()
    except MeshbookError as error:
        raise SystemExit(f"error: {error}") from None
    except KeyboardInterrupt:
        pass
