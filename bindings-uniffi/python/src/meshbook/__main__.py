"""`python -m meshbook` runs a node until Ctrl-C, SIGTERM, SIGHUP or SIGQUIT.

Its flags are those of the command `meshbook run`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import logging
import os
import signal
import sys
import threading
from typing import Any, Callable, Optional

from . import ExchangeClient, MeshbookError, NotRunningError
from ._lines import LineHandler, Lines

_EPILOG = """\
Exit codes: 0 ended by a signal, 1 failed, 2 the command line or a setting is wrong.
The flags are those of the command `meshbook run`, as far as a node has them that takes no commands
from outside and serves no metrics. Logs go to stderr; lines that nobody reads are dropped.
"""

_HELP = {
    "port": "the port for peers; 0 takes a free one [env: P2P_PORT] [default: 3000]",
    "host": "the address to listen on for peers [env: P2P_HOST] [default: 0.0.0.0]",
    "pair": "what is traded [env: EXCHANGE_PAIR] [default: BTC/USD]",
    "user": "the user of orders that name none [env: USER_ID] [default: a random UUID]",
    "network": "local, testnet, mainnet, or local:NAME for a private network [env: NETWORK] "
    "[default: local]",
    "well-known": "whether to dial the network's well-known nodes [env: USE_WELL_KNOWN_NODES] "
    "[default: true]",
    "legacy": "what becomes of plain peers: off, observe or match [env: P2P_LEGACY] "
    "[default: observe]",
    "max-peers": "the most peers [env: MAX_PEERS] [default: 50]",
    "self-trade": "allow, cancel-newest or skip [env: SELF_TRADE] [default: allow]",
    "journal-sync": "always, interval or off [env: JOURNAL_SYNC] [default: always]",
    "log-level": "trace, debug, info, warn, error or fatal [env: LOG_LEVEL] [default: info]",
}

#: How long the end of the process may wait for the readers of stdout and stderr, in seconds.
_LAST_LINES_TIMEOUT = 1.0

#: Flags whose option has another name.
_NAMES = {
    "user": "user_id",
    "well_known": "use_well_known_nodes",
    "bootstrap": "bootstrap_peers",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m meshbook",
        description="Run a node of the exchange until Ctrl-C, SIGTERM, SIGHUP or SIGQUIT.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", nargs="?", choices=["run"], help=argparse.SUPPRESS)
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="its folder [env: MESHBOOK_DATA_DIR] [default: .meshbook-PORT; with port 0 none]",
    )
    parser.add_argument(
        "--bootstrap",
        action="append",
        metavar="PEER",
        help="a peer to dial, as host:port; may be repeated [env: BOOTSTRAP_PEERS]",
    )
    for name, text in _HELP.items():
        parser.add_argument(f"--{name}", help=text, metavar=name.upper().replace("-", "_"))
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other option by its name, like max_order_amount=5; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print the ready line as JSON")
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="end like at SIGTERM when stdin closes, so that the node ends with its parent",
    )
    return parser


def _options(args: argparse.Namespace, parser: argparse.ArgumentParser) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for text in args.set:
        name, equals, value = text.partition("=")
        if not equals:
            parser.error(f"--set {text!r} is not allowed: NAME=VALUE, like max_order_amount=5")
        options[name.lower()] = value
    for flag in ["data_dir", "bootstrap", *(name.replace("-", "_") for name in _HELP)]:
        value = getattr(args, flag)
        if value is not None:
            options[_NAMES.get(flag, flag)] = value
    return options


def _ready(node: ExchangeClient, as_json: bool, folder: Optional[str]) -> str:
    if as_json:
        ready = {"ready": True, "nodeId": node.node_id, "p2pAddress": node.address}
        return json.dumps({**ready, "dataDir": folder})
    return f"ready node={node.node_id} p2p={node.address or 'off'} data-dir={folder or 'none'}"


def _tell(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    # The loop may have ended for another reason.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(ended.set)


def _teller(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> Callable[[int, Any], None]:
    def tell(number: int, frame: Any) -> None:
        loop.call_soon_threadsafe(ended.set)

    return tell


def _wait_for_end_of_stdin(told: Callable[[], None]) -> None:
    # A parent may have given it none at all.
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    told()


def _ending_signals() -> list[signal.Signals]:
    # Windows lacks the last two. A process that `nohup` started ignores the end of its terminal.
    names = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP")
    numbers = [signal.Signals[name] for name in names if hasattr(signal, name)]
    ignored = [
        number
        for number in numbers
        if number.name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN
    ]
    return [number for number in numbers if number not in ignored]


async def _run(
    node: ExchangeClient, stdout: Lines, as_json: bool, until_stdin_closes: bool
) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    if until_stdin_closes:
        told = functools.partial(_tell, loop, ended)
        # A daemon, since nothing but the end of stdin ends it.
        threading.Thread(target=_wait_for_end_of_stdin, args=[told], daemon=True).start()
    for number in _ending_signals():
        try:
            loop.add_signal_handler(number, ended.set)
        except NotImplementedError:
            # Windows has no such handlers; the loop looks for a KeyboardInterrupt there.
            signal.signal(number, _teller(loop, ended))
    opening = asyncio.ensure_future(node.open())
    ending = asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait({opening, ending}, return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            opening.result()
            stdout.put(_ready(node, as_json, node.data_dir))
            await ending
    finally:
        ending.cancel()
        opening.cancel()
        await node.close()
    # A signal may have come before it was open.
    with contextlib.suppress(asyncio.CancelledError, NotRunningError):
        await opening


def main(arguments: Optional[list[str]] = None) -> int:
    """Runs the command line; gives the exit code."""
    parser = _parser()
    args = parser.parse_args(arguments)
    options = _options(args, parser)
    stdout, stderr = Lines(sys.stdout), Lines(sys.stderr)
    logging.basicConfig(
        handlers=[LineHandler(stderr)],
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    try:
        return _node(args, options, stdout, stderr)
    finally:
        for lines in (stdout, stderr):
            lines.close(_LAST_LINES_TIMEOUT)


def _node(args: argparse.Namespace, options: dict[str, Any], stdout: Lines, stderr: Lines) -> int:
    try:
        node = ExchangeClient(**options)
    except (ValueError, TypeError) as error:
        stderr.put(f"error: {error}")
        return 2
    try:
        asyncio.run(_run(node, stdout, args.json, args.until_stdin_closes))
    except MeshbookError as error:
        stderr.put(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
