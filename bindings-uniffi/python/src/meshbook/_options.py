"""The options of a client, and the settings of the library that they stand for."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional, TypedDict, Union

from . import _native as native
from ._decimal import DecimalLike, decimal_text


class Options(TypedDict, total=False):
    """The keyword options of a client, all optional. An option outranks the environment variable
    named with it, which outranks the default. `None` counts as not given, but for `data_dir`."""

    pair: Optional[str]
    """What the node trades, like `BTC/USD`, the default. `EXCHANGE_PAIR`."""
    user_id: Optional[str]
    """The user of orders that name none; a random UUID by default. `USER_ID`."""
    network: Optional[str]
    """`local`, the default, `testnet`, `mainnet`, or `local:NAME`, a private network. `NETWORK`."""
    data_dir: Optional[Union[str, os.PathLike[str]]]
    """Where the node keeps its key, its orders and its peers. By default `.meshbook-<port>` in the
    current folder. With `None`, or with port 0 and no folder given, it keeps nothing and is
    another node each time. `MESHBOOK_DATA_DIR`."""
    journal_sync: Optional[str]
    """When what is kept is flushed to the disk: `always`, `interval` or `off`. `JOURNAL_SYNC`."""
    host: Optional[str]
    """The address to listen on, `0.0.0.0` by default. `P2P_HOST`."""
    port: Optional[Union[int, str]]
    """The port to listen on, 3000 by default; 0 takes a free one. `P2P_PORT`."""
    p2p_enabled: Optional[Union[bool, str]]
    """Whether to have direct connections; without them the node is found at Grapes and reached by
    Grenache's RPC alone. `P2P_ENABLED`."""
    bootstrap_peers: Optional[Union[str, Sequence[str]]]
    """Peers to dial, each as `host:port`. `BOOTSTRAP_PEERS`."""
    use_well_known_nodes: Optional[Union[bool, str]]
    """Whether to dial the network's well-known nodes; on `local` ports 3001 to 3005 of this
    machine. `USE_WELL_KNOWN_NODES`."""
    enable_mdns: Optional[Union[bool, str]]
    """Find nodes on the local network, and be found. `DISCOVERY_MDNS`."""
    enable_grenache: Optional[Union[bool, str]]
    """Find nodes at a Grape, and be found. `DISCOVERY_GRENACHE`."""
    grape_url: Optional[Union[str, Sequence[str]]]
    """Grapes' HTTP APIs, tried in turn. `GRAPE_URL`."""
    enable_peer_exchange: Optional[Union[bool, str]]
    """Tell peers about peers, and believe them. `DISCOVERY_PEER_EXCHANGE`."""
    enable_dht: Optional[Union[bool, str]]
    """Announce the node in the BitTorrent DHT, and look others up. `DISCOVERY_DHT`."""
    dht_bootstrap: Optional[Union[str, Sequence[str]]]
    """Nodes of another DHT to begin with, each as `host:port`. `DHT_BOOTSTRAP`."""
    legacy: Optional[str]
    """What becomes of plain peers: `off`, `observe` or `match`. `P2P_LEGACY`."""
    max_peers: Optional[Union[int, str]]
    """The most peers, 50 by default. `MAX_PEERS`."""
    peer_reconnect_interval: Optional[Union[int, str]]
    """The longest pause until a known peer is dialed again, in ms. `PEER_RECONNECT_INTERVAL`."""
    peer_storage_path: Optional[Union[str, os.PathLike[str]]]
    """The file of known peers; `.peers.json` in the data directory by default.
    `PEER_STORAGE_PATH`."""
    max_message_size_kb: Optional[Union[int, str]]
    """The largest message that a peer may send. `MAX_MESSAGE_SIZE_KB`."""
    self_trade: Optional[str]
    """Orders of one user that meet: `allow`, `skip` or `cancel-newest`. `SELF_TRADE`."""
    max_order_amount: Optional[DecimalLike]
    """The largest amount of an order. `MAX_ORDER_AMOUNT`."""
    max_order_price: Optional[DecimalLike]
    """The highest price of an order. `MAX_ORDER_PRICE`."""
    enable_rate_limit: Optional[Union[bool, str]]
    """Refuse orders that come faster than the next two say. `ENABLE_RATE_LIMIT`."""
    max_orders_per_second: Optional[Union[int, str]]
    """`MAX_ORDERS_PER_SECOND`."""
    max_orders_per_minute: Optional[Union[int, str]]
    """`MAX_ORDERS_PER_MINUTE`."""
    circuit_breaker_failure_threshold: Optional[Union[int, str]]
    """After so many failures in a row a Grape is left alone.
    `CIRCUIT_BREAKER_FAILURE_THRESHOLD`."""
    circuit_breaker_reset_timeout: Optional[Union[int, str]]
    """For so long, in ms. `CIRCUIT_BREAKER_RESET_TIMEOUT_MS`."""
    log_level: Optional[str]
    """`trace`, `debug`, `info`, `warn`, `error` or `fatal`: sets the level of the logger
    `meshbook`, which is otherwise the program's to set. `LOG_LEVEL`."""


def _text(value: Any, option: str) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"{option} must be a string, not {type(value).__name__}")


def _path(value: Any, option: str) -> str:
    try:
        return os.fsdecode(value)
    except TypeError:
        kind = type(value).__name__
        raise TypeError(f"{option} must be a string or a path, not {kind}") from None


def _whole(value: Any, option: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"{option} must be an int, not {type(value).__name__}")


def _switch(value: Any, option: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    raise TypeError(f"{option} must be a bool, not {type(value).__name__}")


def _list(value: Any, option: str) -> str:
    if isinstance(value, str):
        return value
    try:
        items: list[Any] = list(value)
    except TypeError:
        items = [None]
    if not all(isinstance(item, str) for item in items):
        raise TypeError(f"{option} must be a list of strings, not {value!r}")
    return ",".join(items)


_Reader = Callable[[Any, str], str]

_SETTINGS: dict[str, tuple[str, _Reader]] = {
    "pair": ("EXCHANGE_PAIR", _text),
    "user_id": ("USER_ID", _text),
    "network": ("NETWORK", _text),
    "data_dir": ("MESHBOOK_DATA_DIR", _path),
    "journal_sync": ("JOURNAL_SYNC", _text),
    "host": ("P2P_HOST", _text),
    "port": ("P2P_PORT", _whole),
    "p2p_enabled": ("P2P_ENABLED", _switch),
    "bootstrap_peers": ("BOOTSTRAP_PEERS", _list),
    "use_well_known_nodes": ("USE_WELL_KNOWN_NODES", _switch),
    "enable_mdns": ("DISCOVERY_MDNS", _switch),
    "enable_grenache": ("DISCOVERY_GRENACHE", _switch),
    "grape_url": ("GRAPE_URL", _list),
    "enable_peer_exchange": ("DISCOVERY_PEER_EXCHANGE", _switch),
    "enable_dht": ("DISCOVERY_DHT", _switch),
    "dht_bootstrap": ("DHT_BOOTSTRAP", _list),
    "legacy": ("P2P_LEGACY", _text),
    "max_peers": ("MAX_PEERS", _whole),
    "peer_reconnect_interval": ("PEER_RECONNECT_INTERVAL", _whole),
    "peer_storage_path": ("PEER_STORAGE_PATH", _path),
    "max_message_size_kb": ("MAX_MESSAGE_SIZE_KB", _whole),
    "self_trade": ("SELF_TRADE", _text),
    "max_order_amount": ("MAX_ORDER_AMOUNT", decimal_text),
    "max_order_price": ("MAX_ORDER_PRICE", decimal_text),
    "enable_rate_limit": ("ENABLE_RATE_LIMIT", _switch),
    "max_orders_per_second": ("MAX_ORDERS_PER_SECOND", _whole),
    "max_orders_per_minute": ("MAX_ORDERS_PER_MINUTE", _whole),
    "circuit_breaker_failure_threshold": ("CIRCUIT_BREAKER_FAILURE_THRESHOLD", _whole),
    "circuit_breaker_reset_timeout": ("CIRCUIT_BREAKER_RESET_TIMEOUT_MS", _whole),
    "log_level": ("LOG_LEVEL", _text),
}


def node_options(options: Mapping[str, Any]) -> native.NodeOptions:
    """The options as the library takes them, which checks the values.

    Raises TypeError for a name that is no option and for a value of a wrong type.
    """
    settings: list[native.Setting] = []
    storage = native.Storage.STANDARD
    for option, value in options.items():
        if option not in _SETTINGS:
            raise TypeError(_unknown(option))
        if value is None:
            if option == "data_dir":
                storage = native.Storage.NOTHING
            continue
        name, read = _SETTINGS[option]
        settings.append(native.Setting(name=name, value=read(value, option), option=option))
    return native.NodeOptions(settings=settings, storage=storage)


def _unknown(option: str) -> str:
    by_variable = {variable: name for name, (variable, _) in _SETTINGS.items()}
    if option.upper() in by_variable:
        near = [by_variable[option.upper()]]
    else:
        near = difflib.get_close_matches(option, _SETTINGS, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f": there are {', '.join(_SETTINGS)}"
    return f"ExchangeClient has no option {option!r}{hint}"
