"""Runs a node and tells what happens, until Ctrl-C.

python examples/python/node.py --port 3000
python examples/python/node.py --port 3001 --peer 127.0.0.1:3000
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal

from meshbook import (
    BookEvent,
    ErrorEvent,
    ExchangeClient,
    OrderEvent,
    PeerConnectedEvent,
    PeerDisconnectedEvent,
    TradeEvent,
)


async def tell(node: ExchangeClient) -> None:
    """Prints each event as a line."""
    async for event in node.events():
        if isinstance(event, TradeEvent):
            trade, whose = event.trade, "own" if event.own else "seen"
            print(f"trade    {trade.amount} at {trade.price} ({whose})", flush=True)
        elif isinstance(event, OrderEvent):
            order = event.order
            print(f"order    {order.id[:8]} {order.side} is {order.status}", flush=True)
        elif isinstance(event, BookEvent):
            print(f"book     {event.bid or '-'} / {event.ask or '-'}", flush=True)
        elif isinstance(event, PeerConnectedEvent):
            print(f"peer     {event.peer[:8]} at {event.address}", flush=True)
        elif isinstance(event, PeerDisconnectedEvent):
            print(f"peer     {event.peer[:8]} is gone: {event.reason}", flush=True)
        elif isinstance(event, ErrorEvent):
            print(f"problem  {event.message}", flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description="Run a node and tell what happens.")
    parser.add_argument("--port", type=int, default=None, help="default: P2P_PORT or 3000")
    parser.add_argument("--pair", default=None, help="default: EXCHANGE_PAIR or BTC/USD")
    parser.add_argument("--peer", action="append", help="a peer to dial, as host:port")
    args = parser.parse_args()

    async with ExchangeClient(port=args.port, pair=args.pair, bootstrap_peers=args.peer) as node:
        print(f"ready    {node.address}", flush=True)
        telling = asyncio.ensure_future(tell(node))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, telling.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await telling


if __name__ == "__main__":
    asyncio.run(main())
