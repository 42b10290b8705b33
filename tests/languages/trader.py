"""A node in Python that does what it reads, one command a line, and answers each in JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from meshbook import MeshbookError, Trade
from meshbook.sync import ExchangeClient


def shown(trade: Trade) -> dict[str, Any]:
    """As the command shows it."""
    return {
        "id": trade.id,
        "buyOrderId": trade.buy_order_id,
        "sellOrderId": trade.sell_order_id,
        "amount": str(trade.amount),
        "price": str(trade.price),
        "timestamp": trade.timestamp,
        "takerSide": trade.taker_side.value,
    }


def answer(node: ExchangeClient, command: str, *arguments: str) -> Any:
    if command in ("buy", "sell"):
        placed = node.place_order(command, *arguments)
        return {"orderId": placed.order_id, "trades": [shown(trade) for trade in placed.trades]}
    if command == "cancel":
        return {"cancelled": node.cancel_order(*arguments)}
    if command == "book":
        book = node.order_book()
        return {
            side: [
                {"price": str(level.price), "amount": str(level.amount), "count": level.count}
                for level in levels
            ]
            for side, levels in (("bids", book.bids), ("asks", book.asks))
        }
    if command == "trades":
        return [shown(trade) for trade in node.trades(int(*arguments))]
    raise ValueError(f"there is no command {command}")


def main() -> None:
    peers = [address for flag, address in zip(sys.argv[1:], sys.argv[2:]) if flag == "--peer"]
    with ExchangeClient(port=0, bootstrap_peers=peers) as node:
        ready = {"ready": True, "nodeId": node.node_id, "p2pAddress": node.address}
        print(json.dumps(ready), flush=True)
        for line in sys.stdin:
            try:
                told = answer(node, *line.split())
            except MeshbookError as error:
                told = {"error": {"code": error.code, "message": str(error)}}
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
