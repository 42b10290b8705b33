"""The examples, run as their users run them."""

from __future__ import annotations

import base64
import signal
import subprocess
import sys
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image
from test_types import checked, mypy

import meshbook
from meshbook.sync import ExchangeClient

from helpers import ROOT, Process, quiet_options, until_now

EXAMPLES = ROOT / "examples" / "python"

#: What keeps an example from finding nodes that are none of ours.
ALONE = {
    "P2P_HOST": "127.0.0.1",
    "USE_WELL_KNOWN_NODES": "false",
    "DISCOVERY_MDNS": "false",
    "DISCOVERY_GRENACHE": "false",
}


def example(name: str, *arguments: str) -> Process:
    return Process(sys.executable, str(EXAMPLES / name), *arguments, **ALONE)


def ended(process: Process, number: signal.Signals = signal.SIGINT) -> str:
    """What else it prints until the signal ends it, which must be without a word on stderr."""
    process.interrupt(number)
    code, out, err = process.ends()
    assert (code, err) == (0, "")
    return out


def test_a_node_tells_what_happens() -> None:
    with example("node.py", "--port", "0") as process:
        ready, address = process.line().split()
        assert ready == "ready"
        with ExchangeClient(**quiet_options(bootstrap_peers=address)) as node:
            assert process.line().startswith("peer ")
            until_now(lambda: node.p2p_stats().peers.connected_peers)
            node.place_sell_order(2, 100)
            node.place_buy_order(1, 100)
            line = until_now(lambda: _trade_in(process.line()))
            assert line == "trade    1 at 100 (seen)"
        ended(process, signal.SIGTERM)


def _trade_in(line: str) -> str:
    return line if line.startswith("trade") else ""


def test_a_maker_quotes_and_follows_its_trades() -> None:
    with ExchangeClient(**quiet_options()) as node:
        assert node.address
        with example("maker.py", "--mid", "50000", "--peer", node.address) as process:
            assert process.line().startswith("quoting BTC/USD around 50000 at ")
            book = until_now(lambda: _full(node))
            assert (book.best_bid, book.best_ask) == (49950, 50050)
            bought = node.place_buy_order("0.05", 50050)
            assert bought.trades[0].price == 50050
            assert process.line() == "buy 0.05 at 50050, now 50025.00"
            until_now(lambda: node.order_book().best_ask == Decimal("50075.02"))
            ended(process)


def _full(node: ExchangeClient) -> meshbook.BookSnapshot | None:
    book = node.order_book()
    return book if len(book.bids) == len(book.asks) == 5 else None


def test_the_book_is_watched() -> None:
    with ExchangeClient(**quiet_options()) as node:
        node.place_sell_order("1.5", "50000.5")
        node.place_buy_order(1, 49000)
        assert node.address
        with example("watch.py", "--peer", node.address) as process:
            until_now(lambda: "49000" in process.line())
            ended(process)


def test_the_notebook_runs_and_draws(tmp_path: Path) -> None:
    read: Any = nbformat.read
    notebook = read(EXAMPLES / "market.ipynb", 4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "it is kept without outputs"
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 2
    for picture in pictures:
        image = Image.open(BytesIO(base64.b64decode(picture))).convert("RGB")
        colours: Any = image.getcolors(image.width * image.height)
        assert colours
        green = sum(n for n, c in colours if c[1] > c[0] + 20 and c[1] > c[2] + 20)
        red = sum(n for n, c in colours if c[0] > c[1] + 20 and c[0] > c[2] + 20)
        assert min(green, red) > 500, (green, red)
    said = "".join(output.get("text", "") for output in outputs)
    assert "trades" in said


def test_the_examples_pass_mypy_and_ruff() -> None:
    done = mypy(EXAMPLES, ".")
    assert done.returncode == 0, done.stdout
    config = Path(__file__).resolve().parents[1] / "pyproject.toml"
    for what in (["check"], ["format", "--check"]):
        done = checked("ruff", *what, "--config", str(config), ".", folder=EXAMPLES)
        assert done.returncode == 0, done.stdout


def test_what_is_wrong_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "watch.py"), "--peer", "nowhere"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith('error: bootstrap_peers "nowhere" is not allowed')
    assert len(done.stderr.splitlines()) == 1
