"""What a client can be told, and how it answers to what it can't."""

from __future__ import annotations

import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import meshbook
import meshbook._native as native
from meshbook import ExchangeClient, InvalidOptionError
from meshbook._options import _SETTINGS  # pyright: ignore[reportPrivateUsage]

from helpers import quiet, run


def test_an_option_outranks_the_environment_which_outranks_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ExchangeClient().settings["P2P_PORT"] == "3000"
    monkeypatch.setenv("P2P_PORT", "4000")
    monkeypatch.setenv("EXCHANGE_PAIR", "ETH/USD")
    assert ExchangeClient().port == 4000
    node = ExchangeClient(port=5000)
    assert (node.port, node.pair) == (5000, "ETH/USD")
    assert ExchangeClient(port=None).port == 4000


#: Each option with a value that is not the default, and how the setting shows it.
VALUES: dict[str, Any] = {
    "pair": ("ETH/USD", "ETH/USD"),
    "user_id": ("ann", "ann"),
    "network": ("local:acme", "local:acme"),
    "data_dir": (Path("here"), "here"),
    "journal_sync": ("off", "off"),
    "host": ("127.0.0.1", "127.0.0.1"),
    "port": (4000, "4000"),
    "p2p_enabled": (False, "false"),
    "bootstrap_peers": (["127.0.0.1:1", "[::1]:2"], "127.0.0.1:1,[::1]:2"),
    "use_well_known_nodes": (False, "false"),
    "enable_mdns": ("off", "false"),
    "enable_grenache": (False, "false"),
    "grape_url": ("http://10.0.0.1:30001", "http://10.0.0.1:30001"),
    "enable_peer_exchange": (False, "false"),
    "enable_dht": (True, "true"),
    "dht_bootstrap": (("127.0.0.1:20001",), "127.0.0.1:20001"),
    "legacy": ("off", "off"),
    "max_peers": (5, "5"),
    "peer_reconnect_interval": (1000, "1000"),
    "peer_storage_path": ("peers.json", "peers.json"),
    "max_message_size_kb": (64, "64"),
    "self_trade": ("skip", "skip"),
    "max_order_amount": (Decimal("1E+1"), "10"),
    "max_order_price": ("0.5", "0.5"),
    "enable_rate_limit": (True, "true"),
    "max_orders_per_second": (1, "1"),
    "max_orders_per_minute": (2, "2"),
    "circuit_breaker_failure_threshold": (4, "4"),
    "circuit_breaker_reset_timeout": (5, "5"),
    "log_level": ("error", "error"),
}


def test_every_option_sets_its_setting() -> None:
    assert set(VALUES) == set(_SETTINGS) == set(meshbook.Options.__annotations__)
    defaults = ExchangeClient().settings
    for option, (value, shown) in VALUES.items():
        options: Any = {option: value}
        settings = ExchangeClient(**options).settings
        name = _SETTINGS[option][0]
        assert settings[name] == shown != defaults.get(name), option
        settings.pop("USER_ID", None)


def test_every_setting_of_a_node_has_an_option() -> None:
    without_one = {
        "EMBEDDED_GRAPE",
        "GRAPE_DHT_PORT",
        "GRAPE_API_PORT",
        "GRAPE_BOOTSTRAP_NODES",
        "GRAPE_HOST",
        "MAX_REQUESTS_PER_MINUTE",
        # Where the key is mounted decides about it.
        "KEY_FILE_MODE",
        # What others may claim of a node is set in the environment.
        "MAX_PEERS_PER_ADDRESS",
        "MAX_PEERS_PER_SUBNET",
        "MAX_HANDSHAKES",
        "MAX_HANDSHAKES_PER_ADDRESS",
        "MAX_CONNECTS_PER_SECOND",
        "MAX_PEER_MESSAGES_PER_SECOND",
        "MAX_PEER_KB_PER_SECOND",
        "MAX_PEER_SIGNATURES_PER_SECOND",
        "MAX_PEER_REPEATS_PER_SECOND",
        "MAX_PEER_REQUESTS_PER_SECOND",
        "MAX_STORED_ORDERS",
        "HISTORY_MB",
        "HISTORY_DAYS",
        "LOG_FORMAT",
        "ENABLE_METRICS",
        "METRICS_HOST",
        "METRICS_PORT",
        "CONTROL_ADDR",
    }
    here = {name for name, _ in _SETTINGS.values()}
    assert set(native.variables()) - here == without_one


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("port", 70000, "65535"),
        ("port", -1, "65535"),
        ("port", "http", "65535"),
        ("pair", "BTCUSD", "BTC/USD"),
        ("host", "a b", "IP"),
        ("bootstrap_peers", ["127.0.0.1"], "host:port"),
        ("enable_mdns", "maybe", "true"),
        ("network", "moon", "testnet"),
        ("max_order_amount", 0, "0"),
        ("user_id", "a b", "3 to 50"),
        ("grape_url", ["https://a"], "http"),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_what_is(
    option: str, value: Any, allowed: str
) -> None:
    options: Any = {option: value}
    with pytest.raises(InvalidOptionError) as caught:
        ExchangeClient(**options)
    error = caught.value
    assert (error.code, error.field) == ("INVALID_OPTION", option)
    assert allowed in error.allowed
    assert str(error) == f'{option} "{error.value}" is not allowed: {error.allowed}'
    assert isinstance(error, ValueError)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.field, again.code) == (str(error), option, error.code)


def test_a_variable_that_is_not_allowed_is_named_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("P2P_PORT", "eleven")
    with pytest.raises(InvalidOptionError, match="P2P_PORT"):
        ExchangeClient(port=1)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("port", 3000.0),
        ("port", True),
        ("pair", 5),
        ("enable_mdns", 1),
        ("bootstrap_peers", [3000]),
        ("bootstrap_peers", 3000),
        ("data_dir", 5),
        ("max_order_amount", 0.1),
    ],
)
def test_a_value_of_a_wrong_type_is_a_type_error_that_names_the_option(
    option: str, value: Any
) -> None:
    options: Any = {option: value}
    with pytest.raises(TypeError, match=option):
        ExchangeClient(**options)


def test_an_option_that_is_none_is_answered_with_the_nearest() -> None:
    for wrong, meant in [
        ("prot", "port"),
        ("P2P_PORT", "port"),
        ("boostrap_peers", "bootstrap_peers"),
    ]:
        options: Any = {wrong: "1"}
        with pytest.raises(TypeError, match=f"{wrong}.*{meant}"):
            ExchangeClient(**options)


def test_a_node_keeps_what_it_has_where_it_is_told_and_otherwise_beside_its_port(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert ExchangeClient(port=4000).data_dir == ".meshbook-4000"
    assert ExchangeClient(port=0).data_dir is None
    assert ExchangeClient(port=4000, data_dir=None).data_dir is None
    assert ExchangeClient(port=0, data_dir="here").data_dir == "here"
    monkeypatch.setenv("MESHBOOK_DATA_DIR", "there")
    assert ExchangeClient(port=0).data_dir == "there"
    assert ExchangeClient(port=0, data_dir=None).data_dir is None

    async def opened() -> None:
        async with quiet(data_dir=None):
            assert list(tmp_path.iterdir()) == []
        async with quiet() as node:
            assert node.data_dir == "there"
            assert (tmp_path / "there" / "node.key").exists()

    run(opened())
