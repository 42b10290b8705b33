"""A market maker: keeps a ladder of bids and asks around a price that follows its trades.

    python examples/python/maker.py --mid 50000 --peer 127.0.0.1:3000

Whoever buys from it moves its price up, and whoever sells to it moves it down.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from meshbook import ExchangeClient, MeshbookError, OrderRefusedError, Side, TradeEvent

#: Prices of the book have cents.
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Plan:
    """What the maker offers."""

    spread: Decimal
    """Between the best bid and the best ask, as a part of the price."""
    levels: int
    """On each side."""
    amount: Decimal
    """At each level."""

    def quotes(self, mid: Decimal) -> list[tuple[Side, Decimal]]:
        """The prices to stand at, the best first."""
        half = mid * self.spread / 2
        steps = [half * (1 + number) for number in range(self.levels)]
        bids = [(Side.BUY, _cents(mid - step)) for step in steps]
        asks = [(Side.SELL, _cents(mid + step)) for step in steps]
        return bids + asks


def _cents(price: Decimal) -> Decimal:
    return max(price.quantize(CENT, ROUND_HALF_EVEN), CENT)


class Maker:
    """Quotes of one node."""

    def __init__(self, node: ExchangeClient, plan: Plan, mid: Decimal) -> None:
        self.node = node
        self.plan = plan
        self.mid = mid

    async def run(self) -> None:
        """Quotes, and quotes anew after each own trade."""
        events = self.node.events()
        await self.quote()
        async for event in events:
            if not (isinstance(event, TradeEvent) and event.own):
                continue
            trade = event.trade
            # The taker's side says which way the market wants to go.
            way = 1 if trade.taker_side is Side.BUY else -1
            self.mid = _cents(self.mid * (1 + way * self.plan.spread / 4))
            print(f"{trade.taker_side} {trade.amount} at {trade.price}, now {self.mid}", flush=True)
            await self.quote()

    async def quote(self) -> None:
        """Replaces all quotes by those around the present price."""
        for order in self.node.orders():
            self.node.cancel_order(order.id)
        for side, price in self.plan.quotes(self.mid):
            try:
                # Post only: a maker does not want to take.
                await self.node.place_order(
                    side, self.plan.amount, price, time_in_force="post", lifetime=3600
                )
            except OrderRefusedError as refused:
                print(f"no {side} at {price}: {refused}", flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description="Keep a ladder of quotes around a price.")
    parser.add_argument("--mid", type=Decimal, required=True, help="the price to begin with")
    parser.add_argument("--spread", type=Decimal, default=Decimal("0.002"))
    parser.add_argument("--levels", type=int, default=5)
    parser.add_argument("--amount", type=Decimal, default=Decimal("0.1"))
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--peer", action="append", help="a peer to dial, as host:port")
    args = parser.parse_args()

    plan = Plan(args.spread, args.levels, args.amount)
    async with ExchangeClient(port=args.port, bootstrap_peers=args.peer, user_id="maker") as node:
        print(f"quoting {node.pair} around {args.mid} at {node.address}", flush=True)
        quoting = asyncio.ensure_future(Maker(node, plan, args.mid).run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, quoting.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await quoting


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except MeshbookError as error:
        raise SystemExit(f"error: {error}") from None
