//! What every command says to a command line or a setting that is wrong, and with which exit
//! code. No node runs here.

mod common;

use common::{call, meshbook, refused};

const ID: &str = "00000000000000000000000000000001";

#[test]
fn a_value_that_is_not_allowed_ends_each_command_with_code_2_and_the_fields_name() {
    let dir = tempfile::tempdir().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["book", "--depth", "0"], "depth"),
        (&["book", "--depth", "1001"], "depth"),
        (&["book", "--depth", "ten"], "depth"),
        (&["book", "--depth", "-1", "--watch"], "depth"),
        (&["trades", "--limit", "0"], "limit"),
        (&["trades", "--limit", "100001"], "limit"),
        (&["trades", "--limit", "1.5"], "limit"),
        (&["trades", "--since", "yesterday"], "--since"),
        (&["trades", "--since", "2026-02-30"], "--since"),
        (&["trades", "--since", "-1"], "--since"),
        (&["export", "fills"], "what"),
        (&["export", "trades", "--format", "xml"], "--format"),
        (&["export", "trades", "--since", "2y"], "--since"),
        (
            &["export", "orders", "--until", "2026-01-01T12:00"],
            "--until",
        ),
        (
            &[
                "export",
                "trades",
                "--since",
                "2026-01-02",
                "--until",
                "2026-01-01",
            ],
            "--until",
        ),
        (&["export", "trades", "--output", "."], "--output"),
        (&["export", "trades", "--output", "/dev/null"], "--output"),
        (&["run", "--journal-sync", "never"], "--journal-sync"),
        (&["peers", "ban", "nobody"], "peer"),
        (&["peers", "ban", "::1", "--for", "long"], "for"),
        (&["buy", "0", "1"], "amount"),
        (&["buy", "-1", "1"], "amount"),
        (&["buy", "1e3", "1"], "amount"),
        (&["buy", "0.000000001", "1"], "amount"),
        (&["sell", "1", "0"], "price"),
        (&["sell", "1", "1,5"], "price"),
        (&["sell", "1", "1000000000000000"], "price"),
        (&["sell", "1"], "price"),
        (&["sell", "1", "2", "--type", "market"], "price"),
        (&["buy", "1", "2", "--type", "stop"], "type"),
        (&["buy", "1", "2", "--tif", "day"], "timeInForce"),
        (
            &["buy", "1", "--type", "market", "--tif", "post"],
            "timeInForce",
        ),
        (&["buy", "1", "2", "--user", "a b"], "userId"),
        (&["cancel", "1"], "orderId"),
        (&["cancel", "-1"], "orderId"),
        (&["cancel", "0000000000000000000000000000000G"], "orderId"),
        (&["demo", "--seconds", "0"], "--seconds"),
        (&["demo", "--seconds", "soon"], "--seconds"),
        (&["run", "--port", "65536"], "--port"),
        (&["run", "--port", "-1"], "--port"),
        (&["run", "--host", "a b"], "--host"),
        (&["run", "--bootstrap", "nowhere"], "--bootstrap"),
        (&["run", "--well-known", "maybe"], "--well-known"),
        (&["run", "--pair", "BTCUSD"], "--pair"),
        (&["run", "--user", "x"], "--user"),
        (&["run", "--network", "elsewhere"], "--network"),
        (&["run", "--legacy", "sometimes"], "--legacy"),
        (&["run", "--max-peers", "0"], "--max-peers"),
        (&["run", "--self-trade", "never"], "--self-trade"),
        (&["run", "--control", "7000"], "--control"),
        (&["run", "--metrics", "2"], "--metrics"),
        (&["run", "--metrics-port", "x"], "--metrics-port"),
        (&["run", "--log-level", "loud"], "--log-level"),
        (&["run", "--log-format", "xml"], "--log-format"),
        (&["run", "--set", "max_peers"], "--set"),
        (&["run", "--set", "max_peers=0"], "max_peers"),
        (&["run", "--set", "max_pears=1"], "max_pears"),
    ];
    for (args, field) in cases {
        let (exit, code, named) = refused(dir.path(), args);
        assert_eq!((exit, code.as_str()), (2, "INVALID_VALUE"), "{args:?}");
        assert_eq!(named.as_deref(), Some(*field), "{args:?}");
        // The same for people, on stderr.
        let output = call(dir.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains(field) && said.contains("is not allowed"),
            "{args:?}: {said}"
        );
    }
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 0, "a refused command changes nothing");
}

#[test]
fn a_command_line_that_is_not_understood_ends_with_code_2() {
    let dir = tempfile::tempdir().unwrap();
    let cases: &[&[&str]] = &[
        &[],
        &["frobnicate"],
        &["run", "extra"],
        &["run", "--no-such-option"],
        &["demo", "--once", "--seconds", "5"],
        &["status", "extra"],
        &["peers", "extra"],
        &["book", "extra"],
        &["book", "--depth"],
        &["buy"],
        &["sell"],
        &["buy", "1", "2", "3"],
        &["cancel"],
        &["cancel", ID, ID],
        &["orders", "extra"],
        &["export"],
        &["export", "trades", "extra"],
        &["unsigned", "extra"],
        &["status", "--data-dir"],
    ];
    for args in cases {
        let (exit, code, _) = refused(dir.path(), args);
        assert_eq!((exit, code.as_str()), (2, "USAGE"), "{args:?}");
        let output = call(dir.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{args:?}"
        );
    }
}

#[test]
fn without_a_node_each_client_says_so_and_ends_with_code_1() {
    let dir = tempfile::tempdir().unwrap();
    let cases: &[&[&str]] = &[
        &["status"],
        &["peers"],
        &["book"],
        &["book", "--watch"],
        &["buy", "1", "2"],
        &["sell", "1", "--type", "market"],
        &["cancel", ID],
        &["orders"],
        &["trades"],
        &["trades", "--since", "2h"],
        &["export", "trades"],
        &["export", "orders", "--output", "orders.csv"],
        &["unsigned"],
    ];
    for args in cases {
        let (exit, code, _) = refused(dir.path(), args);
        assert_eq!((exit, code.as_str()), (1, "NODE_NOT_RUNNING"), "{args:?}");
        let output = call(dir.path(), args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("no node is running in .meshbook"),
            "{args:?}: {said}"
        );
    }
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 0, "a command that only reads makes nothing");
}

#[test]
fn help_and_version_are_no_errors() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["--help"][..],
        &["run", "--help"],
        &["help", "buy"],
        &["--version"],
    ] {
        let output = call(dir.path(), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(
            !output.stdout.is_empty() && output.stderr.is_empty(),
            "{args:?}"
        );
    }
}

#[test]
fn a_variable_that_is_not_allowed_is_named_wherever_it_comes_from() {
    let dir = tempfile::tempdir().unwrap();
    let output = meshbook(dir.path(), &["run"])
        .env("MAX_PEERS", "many")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("MAX_PEERS") && said.contains("many"),
        "{said}"
    );

    std::fs::write(dir.path().join(".env"), "P2P_ENABLED=perhaps\n").unwrap();
    let named = refused(dir.path(), &["run"]);
    assert_eq!(
        named,
        (
            2,
            "INVALID_VALUE".to_owned(),
            Some("P2P_ENABLED".to_owned())
        )
    );
    std::fs::write(dir.path().join(".env"), "P2P_ENABLED = 'x\n").unwrap();
    let named = refused(dir.path(), &["run"]);
    assert_eq!(named, (2, "ENV_FILE".to_owned(), Some(".env".to_owned())));
}

#[test]
fn a_configuration_file_that_is_wrong_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let run = ["run", "--config", "node.toml"];
    let named = refused(dir.path(), &run);
    assert_eq!(
        named,
        (2, "CONFIG_FILE".to_owned(), Some("--config".to_owned()))
    );
    std::fs::write(dir.path().join("node.toml"), "p2p_port = \n").unwrap();
    assert_eq!(refused(dir.path(), &run).1, "CONFIG_FILE");
    std::fs::write(dir.path().join("node.toml"), "p2p_prot = 3000\n").unwrap();
    let named = refused(dir.path(), &run);
    assert_eq!(
        named,
        (2, "INVALID_VALUE".to_owned(), Some("p2p_prot".to_owned()))
    );
}
