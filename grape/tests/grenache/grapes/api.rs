use serde_json::{Value, json};

use crate::{api, ask, call, free_port, ours, theirs};
use meshbook_tests::Agent;

#[tokio::test]
async fn answers_are_those_of_the_original_to_the_byte() {
    let mut agent = Agent::start();
    let their_port = free_port();
    let theirs = theirs(&mut agent, their_port, &[]).await;
    let grape = ours(&[]).await;
    let ours = api(&grape);

    let long = format!("{{\"data\":\"{}\"}}", "x".repeat(8192));
    let key = "00".repeat(32);
    let data = |data: Value| json!({"rid": "r", "data": data}).to_string();
    let requests = [
        ("lookup", data(json!("nobody's"))),
        ("lookup", data(json!(""))),
        ("lookup", data(json!(5))),
        ("lookup", data(json!(["x"]))),
        ("lookup", "{}".to_owned()),
        ("lookup", "5".to_owned()),
        ("lookup", "[]".to_owned()),
        ("lookup", "\"text\"".to_owned()),
        ("lookup", String::new()),
        ("lookup", "{".to_owned()),
        ("lookup", long),
        ("lookup?x", data(json!("x"))),
        ("", data(json!("x"))),
        ("Lookup/", data(json!("x"))),
        ("nothing", data(json!("x"))),
        ("announce", "{}".to_owned()),
        ("announce", data(json!("x"))),
        ("announce", data(json!([]))),
        ("announce", data(json!(["x"]))),
        ("announce", data(json!(["x", "5"]))),
        ("announce", data(json!(["x", 5.5]))),
        ("announce", data(json!(["x", null]))),
        ("put", data(json!({}))),
        ("put", data(json!(5))),
        ("put", data(json!({"foo": "bar"}))),
        ("put", data(json!({"v": "x".repeat(1000)}))),
        ("put", data(json!({"v": "x", "k": "00"}))),
        ("put", data(json!({"v": "x", "k": key}))),
        ("put", data(json!({"v": "x", "k": key, "cas": "5"}))),
        (
            "put",
            data(json!({"v": "x", "k": key, "sig": "00", "salt": "x".repeat(65)})),
        ),
        ("put", data(json!({"v": "x", "k": key, "sig": "00"}))),
        (
            "put",
            data(json!({"v": "x", "k": key, "sig": "00", "seq": "5"})),
        ),
        ("get", data(json!("ab".repeat(20)))),
        ("get", data(json!("abcd"))),
        ("get", data(json!({}))),
        ("get", data(json!(5))),
        ("get", data(json!({"hash": 5}))),
        ("get", data(json!({"hash": "ab".repeat(20), "salt": "s"}))),
    ];
    let mut different = Vec::new();
    for (path, body) in requests {
        let expected = ask(&theirs, path, body.clone()).await;
        let answered = ask(&ours, path, body.clone()).await;
        if answered != expected {
            different.push(format!(
                "/{path} {body:.60}: {answered:?} and not {expected:?}"
            ));
        }
    }
    assert!(different.is_empty(), "{different:#?}");
    grape.shutdown().await;
}

#[tokio::test]
async fn what_a_grape_keeps_is_told_as_the_original_tells_it() {
    let mut agent = Agent::start();
    let theirs = theirs(&mut agent, free_port(), &[]).await;
    let grape = ours(&[]).await;
    let ours = api(&grape);
    for value in [
        json!("text ä \" \u{1}"),
        json!(5),
        json!(-7),
        json!(["a", 1, ["b"]]),
        json!({"b": 1, "a": [true]}),
    ] {
        let data = json!({"v": value});
        // The original says that it knows nobody to put it to, and keeps it.
        let body = json!({"data": data}).to_string();
        let (_, refused) = ask(&theirs, "put", body).await;
        assert_eq!(refused, "\"No nodes to query\"");
        let hash = call(&ours, "put", data).await;
        let got = async |api: &str| {
            let (status, body) = ask(api, "get", json!({"data": hash}).to_string()).await;
            let told: Value = serde_json::from_str(&body).expect("JSON");
            let id = told["id"].as_str().expect("an id").to_owned();
            (status, body.replace(&id, "id"))
        };
        assert_eq!(got(&ours).await, got(&theirs).await, "{value}");
    }
    grape.shutdown().await;
}

#[tokio::test]
async fn a_real_link_works_with_our_grape_alone() {
    let grape = ours(&[]).await;
    let mut agent = Agent::start();
    agent.does("link", json!({"grape": api(&grape)})).await;
    let nobody = agent.tell("lookup", json!({"key": "p2p_exchange"})).await;
    assert_eq!(nobody, Err("ERR_GRAPE_LOOKUP_EMPTY".to_owned()));
    let announced = agent
        .does("announce", json!({"key": "p2p_exchange", "port": 4242}))
        .await;
    assert_eq!(announced, json!(1));
    let found = agent.does("lookup", json!({"key": "p2p_exchange"})).await;
    assert_eq!(found, json!(["127.0.0.1:4242"]));
    let hash = agent
        .does("put", json!({"data": {"v": "hello world"}}))
        .await;
    let got = agent.does("get", json!({"hash": hash})).await;
    assert_eq!(got["v"], "hello world");
    grape.shutdown().await;
}

#[tokio::test]
async fn a_real_server_and_a_real_client_find_each_other_by_our_grape_alone() {
    let grape = ours(&[]).await;
    let (mut server, mut client) = (Agent::start(), Agent::start());
    let port = free_port();
    for agent in [&mut server, &mut client] {
        agent.does("link", json!({"grape": api(&grape)})).await;
    }
    server.does("serve", json!({"port": port})).await;
    server
        .does("announce", json!({"key": "rpc_test", "port": port}))
        .await;
    for compress in [false, true] {
        let opts = json!({"timeout": 10_000, "compress": compress});
        let request = json!({"key": "rpc_test", "payload": {"a": 1}, "opts": opts});
        let answer = client.does("request", request).await;
        assert_eq!(answer, json!({"key": "rpc_test", "payload": {"a": 1}}));
    }
    grape.shutdown().await;
}
