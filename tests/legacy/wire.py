"""Frames of the seed's protocol, and the remote control of the peers that are written on them.

A peer is driven by a test over its standard streams: it prints what happens as JSON lines
(`{"event": ...}`) and reads what to send as JSON lines. It ends when its input does.
Only the standard library is used, and nothing of the node's own code or documents.
"""

import argparse
import json
import queue
import socket
import struct
import sys
import threading
import time

MAX_PAYLOAD = 1024 * 1024


def now_ms():
    return int(time.time() * 1000)


def say(event, **fields):
    """Tells the test what happened."""
    print(json.dumps({"event": event, **fields}), flush=True)


class BadPeer(Exception):
    """The other side said something that this peer does not bear."""


class Frames:
    """`[4 bytes length][JSON payload]`, the length in network order."""

    def __init__(self, sock):
        self.sock = sock
        self.writing = threading.Lock()

    def send(self, message):
        payload = json.dumps(message).encode()
        with self.writing:
            self.sock.sendall(struct.pack(">I", len(payload)) + payload)

    def receive(self):
        """The next message; `None` at the end of the stream."""
        head = self._exactly(4)
        if head is None:
            return None
        (length,) = struct.unpack(">I", head)
        if length > MAX_PAYLOAD:
            raise BadPeer(f"a frame of {length} bytes")
        payload = self._exactly(length)
        if payload is None:
            return None
        try:
            message = json.loads(payload)
        except ValueError as error:
            raise BadPeer("the payload is not JSON") from error
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise BadPeer("the payload is not a message")
        return message

    def _exactly(self, count):
        parts = []
        while count:
            try:
                part = self.sock.recv(min(count, 65536))
            except OSError:
                return None
            if not part:
                return None
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


def arguments(parser=None):
    """Where to connect, or that the node will connect to this peer."""
    parser = parser or argparse.ArgumentParser()
    parser.add_argument("--connect", metavar="HOST:PORT")
    parser.add_argument("--node-id", required=True)
    return parser.parse_args()


def connections(options, listener):
    """The connection to `--connect`, or each that comes in."""
    if options.connect:
        host, port = options.connect.rsplit(":", 1)
        yield socket.create_connection((host, int(port)), timeout=10)
        return
    while True:
        sock, _ = listener.accept()
        yield sock


def run(options, make_session):
    """Serves connections, one after the other, and does what the test says with the latest.

    `make_session(frames, port, dialed)` gives an object with `open()`, `handle(message)` and
    `do(command)`.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    say("listening", port=port)
    latest = queue.LifoQueue()

    def serve():
        for sock in connections(options, listener):
            sock.settimeout(None)
            frames = Frames(sock)
            session = make_session(frames, port, bool(options.connect))
            latest.put(session)
            try:
                session.open()
                while (message := frames.receive()) is not None:
                    say("received", message=message)
                    session.handle(message)
                say("closed")
            except BadPeer as error:
                say("dropped", why=str(error))
            except OSError as error:
                say("closed", why=str(error))
            frames.close()

    threading.Thread(target=serve, daemon=True).start()
    for line in sys.stdin:
        session = latest.get()
        latest.put(session)
        session.do(json.loads(line))
