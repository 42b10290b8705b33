#!/usr/bin/env python3
"""A peer as the seed's text describes one, and nothing more.

It sends `handshake`, answers a handshake with `handshake_ack`, and sends what the test asks
for in one of the two shapes that the text shows: fields beside `type`, or the envelope
`{type, from, to, timestamp, payload}`. What it does not know it ignores.
"""

import argparse

import wire

SHAPES = ("flat", "envelope")


class Session:
    def __init__(self, frames, port, options):
        self.frames = frames
        self.port = port
        self.options = options
        self.peer = "*"

    def open(self):
        capabilities = ["order", "trade", "peerexchange"]
        self.say(
            "handshake",
            nodeId=self.options.node_id,
            version="1.0.0",
            port=self.port,
            capabilities=capabilities,
        )

    def handle(self, message):
        if message["type"] == "handshake":
            for field in ("nodeId", "version", "port", "capabilities"):
                if field not in message:
                    raise wire.BadPeer(f"a handshake without {field}")
            self.peer = message["nodeId"]
            self.say("handshake_ack")

    def do(self, command):
        """Sends a message of the type `send` with the other fields of the command."""
        kind = command.pop("send")
        if kind == "heartbeat":
            self.say(kind, timestamp=wire.now_ms())
        else:
            self.say(kind, **command)

    def say(self, kind, **fields):
        if self.options.shape == "flat":
            self.frames.send({"type": kind, **fields})
            return
        self.frames.send(
            {
                "type": kind,
                "from": self.options.node_id,
                "to": self.peer,
                "timestamp": wire.now_ms(),
                "payload": fields,
            }
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="flat")
    options = wire.arguments(parser)
    wire.run(options, lambda frames, port, _: Session(frames, port, options))


if __name__ == "__main__":
    main()
