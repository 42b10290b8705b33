#!/usr/bin/env python3
"""A peer with the manners of the original node, which are narrow.

It drops the connection on a type that it does not know, on a message without `nodeId` or a
numeric `timestamp`, and on a handshake of another version. As listener it answers a handshake
with its own and sends no ack; as dialer it acks.
"""

import argparse

import wire

KNOWN = frozenset(
    "handshake handshake_ack disconnect heartbeat heartbeat_ack peer_exchange"
    " peer_exchange_request order trade cancel_order orderbook_sync_request"
    " orderbook_sync_response error".split()
)


class Session:
    def __init__(self, frames, port, dialed, node_id):
        self.frames = frames
        self.port = port
        self.dialed = dialed
        self.node_id = node_id
        self.ready = False

    def open(self):
        if self.dialed:
            self.handshake()

    def handshake(self):
        self.say(
            "handshake",
            version="1.0.0",
            port=self.port,
            capabilities={
                "supportsOrderMatching": True,
                "supportsPeerExchange": True,
                "supportsOrderbookSync": True,
            },
        )

    def handle(self, message):
        kind = message["type"]
        if kind not in KNOWN:
            raise wire.BadPeer(f"the unknown type {kind}")
        if not isinstance(message.get("nodeId"), str) or not message["nodeId"]:
            raise wire.BadPeer(f"{kind} without nodeId")
        timestamp = message.get("timestamp")
        if isinstance(timestamp, bool) or not isinstance(timestamp, (int, float)):
            raise wire.BadPeer(f"{kind} without a numeric timestamp")
        if kind == "handshake":
            self.meet(message)
        elif kind == "error":
            raise wire.BadPeer(f"an error: {message.get('error')}")
        elif not self.ready:
            raise wire.BadPeer(f"{kind} before the handshake")
        elif kind == "heartbeat":
            self.say("heartbeat_ack")
        elif kind == "order":
            self.check_order(message)

    def meet(self, message):
        if message.get("version") != "1.0.0":
            raise wire.BadPeer(f"version {message.get('version')}")
        if not isinstance(message.get("capabilities"), (dict, list)):
            raise wire.BadPeer("a handshake without capabilities")
        if self.ready:
            raise wire.BadPeer("a second handshake")
        self.ready = True
        if self.dialed:
            self.say("handshake_ack")
        else:
            self.handshake()

    @staticmethod
    def check_order(message):
        order = message.get("order", {})
        for field in ("id", "userId", "side", "amount", "price"):
            if not isinstance(order.get(field), str):
                raise wire.BadPeer(f"an order whose {field} is no string")

    def do(self, command):
        """Sends a message of the type `send` with the other fields of the command."""
        self.say(command.pop("send"), **command)

    def say(self, kind, **fields):
        head = {"type": kind, "nodeId": self.node_id, "timestamp": wire.now_ms()}
        self.frames.send({**head, **fields})


def main():
    options = wire.arguments(argparse.ArgumentParser(description=__doc__))
    wire.run(
        options,
        lambda frames, port, dialed: Session(frames, port, dialed, options.node_id),
    )


if __name__ == "__main__":
    main()
