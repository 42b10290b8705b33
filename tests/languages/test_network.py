"""One network of nodes in all languages, each of which trades with each."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path
from typing import Any, Optional

import pytest

HERE = Path(__file__).resolve().parent

#: How long anything may take on a busy machine.
PATIENCE = 60.0

#: What keeps a node from finding others than it is told of, and others from it.
ALONE = {
    "P2P_HOST": "127.0.0.1",
    "USE_WELL_KNOWN_NODES": "false",
    "DISCOVERY_MDNS": "false",
    "DISCOVERY_GRENACHE": "false",
    "ENABLE_METRICS": "false",
}


class Node:
    """A node in a process of its own, which ends with its block."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **ALONE},
        )

    def ask(self, *words: str) -> Any:
        """What it answers to a command."""
        assert self.process.stdin
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return self.line()

    def line(self) -> Any:
        """The next line that it prints. One that prints none in time is ended."""
        assert self.process.stdout
        ending = threading.Timer(PATIENCE, self.process.kill)
        ending.start()
        try:
            line = self.process.stdout.readline()
        finally:
            ending.cancel()
            ending.join()
        assert line, f"{self.process.args!r} ended: {self.process.wait(PATIENCE)}"
        return json.loads(line)

    def ends(self) -> int:
        """Ends its input, and gives how it ended."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        # Does nothing to one that has ended.
        self.process.kill()
        self.process.wait(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class Daemon(Node):
    """The command: it is told what to do by other runs of itself."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.command = [os.environ["MESHBOOK_BIN"], "--json", "--data-dir", str(folder)]
        run = ["run", "--port", "0", "--until-stdin-closes"]
        super().__init__(*self.command, *run, *arguments)

    def ask(self, *words: str) -> Any:
        if words[0] == "trades":
            words = ("trades", "--limit", words[1])
        done = subprocess.run([*self.command, *words], check=True, capture_output=True, text=True)
        return json.loads(done.stdout)


def until(what: str, condition: Callable[[], Optional[Any]]) -> Any:
    """Waits until the condition holds, and gives what it is then."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Node]]:
    """A node of each language; the first is known to all others."""
    nodes: dict[str, Node] = {}
    try:
        nodes["daemon"] = Daemon(tmp_path_factory.mktemp("daemon"))
        address = nodes["daemon"].line()["p2pAddress"]
        nodes["python"] = Node(sys.executable, str(HERE / "trader.py"), "--peer", address)
        nodes["node"] = Node("node", str(HERE / "trader.mjs"), "--peer", address)
        swift = os.environ.get("MESHBOOK_TRADER")
        if swift:
            nodes["swift"] = Node("sh", swift, "--json", "--host", "127.0.0.1", "--peer", address)
        identities = {node.line()["nodeId"] for name, node in nodes.items() if name != "daemon"}
        assert len(identities) == len(nodes) - 1
        yield nodes
        assert [node.ends() for node in nodes.values()] == [0] * len(nodes)
    finally:
        for node in nodes.values():
            node.kill()


#: What must be the same of a trade, whoever is asked.
FIELDS = ["id", "buyOrderId", "sellOrderId", "amount", "price", "timestamp", "takerSide"]


def trades(node: Node) -> list[dict[str, Any]]:
    return [{name: trade[name] for name in FIELDS} for trade in node.ask("trades", "100")]


def test_each_language_fills_an_order_of_each_other_and_all_see_the_same(
    network: dict[str, Node],
) -> None:
    filled: list[dict[str, Any]] = []
    for number, (maker, taker) in enumerate(permutations(network, 2)):
        # A price that none of the others has, with all the digits that there are.
        price = f"{50000 + number}.00000001"
        sold = network[maker].ask("sell", "1.50000001", price)
        assert sold["trades"] == []
        for name, node in network.items():
            asks = until(f"{name} has the order of {maker}", lambda: node.ask("book")["asks"])
            shown = [[level["price"], level["amount"], level["count"]] for level in asks]
            assert shown == [[price, "1.50000001", 1]], (name, maker)
        bought = network[taker].ask("buy", "0.50000001", price)
        (trade,) = bought["trades"]
        assert [trade["buyOrderId"], trade["sellOrderId"]] == [bought["orderId"], sold["orderId"]]
        assert [trade["amount"], trade["price"]] == ["0.50000001", price]
        assert trade["takerSide"] == "buy"
        filled.insert(0, {name: trade[name] for name in FIELDS})
        for name, node in network.items():
            until(f"{name} has the trade of {maker} and {taker}", lambda: trades(node) == filled)
        rest = {name: node.ask("book")["asks"][0]["amount"] for name, node in network.items()}
        assert set(rest.values()) == {"1"}, rest
        network[maker].ask("cancel", sold["orderId"])
        for name, node in network.items():
            until(f"{name} has no order of {maker}", lambda: not node.ask("book")["asks"])


def test_bids_stand_in_the_same_order_in_all_languages(network: dict[str, Node]) -> None:
    for number, node in enumerate(network.values()):
        node.ask("buy", "1", str(100 + number))
        node.ask("buy", "0.1", "99.5")
    count = len(network)
    expected = [[str(100 + n), "1", 1] for n in reversed(range(count))]
    expected.append(["99.5", f"0.{count}", count])

    def bids(node: Node) -> list[list[Any]]:
        shown = node.ask("book")["bids"]
        return [[level["price"], level["amount"], level["count"]] for level in shown]

    for name, node in network.items():
        until(f"{name} has all bids", lambda: bids(node) == expected)
