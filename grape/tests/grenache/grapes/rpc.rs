use std::net::SocketAddr;
use std::time::Duration;

use meshbook_grape::{RpcClient, RpcClientConfig, RpcError, RpcLimits, RpcServer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::{api, free_port, ours};
use meshbook_tests::Agent;

fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).unwrap()
}

#[tokio::test]
async fn a_real_client_calls_our_server() {
    let grape = ours(&[]).await;
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let limits = RpcLimits {
        time_limit: Duration::from_millis(300),
        ..RpcLimits::default()
    };
    let (server, mut requests) = RpcServer::start(here, limits).await.unwrap();
    let port = server.address().port();
    let answering = tokio::spawn(async move {
        while let Some(request) = requests.recv().await {
            match request.payload.get() {
                "\"fail\"" => request.reply(Err("ERR_ASKED_FOR".to_owned())),
                "\"drop\"" => drop(request),
                // Answered by the server when the time is over.
                "\"silence\"" => std::mem::forget(request),
                payload => {
                    let payload: Value = serde_json::from_str(payload).unwrap();
                    let answer = json!({"key": request.key, "payload": payload});
                    request.reply(Ok(raw(&answer)));
                }
            }
        }
    });

    let mut agent = Agent::start();
    agent.does("link", json!({"grape": api(&grape)})).await;
    agent
        .does("announce", json!({"key": "p2p_exchange", "port": port}))
        .await;
    let long = "ä".repeat(10_000);
    for compress in [false, true] {
        let opts = json!({"timeout": 10_000, "compress": compress});
        let ask =
            |payload: &Value| json!({"key": "p2p_exchange", "payload": payload, "opts": opts});
        for payload in [
            json!({"id": 1, "text": "\u{1}ü"}),
            json!(null),
            json!([]),
            json!(long),
        ] {
            let answer = agent.does("request", ask(&payload)).await;
            assert_eq!(answer, json!({"key": "p2p_exchange", "payload": payload}));
        }
        for (payload, error) in [
            ("fail", "ERR_ASKED_FOR"),
            ("drop", "ERR_NOT_ANSWERED"),
            ("silence", "ERR_TIMEOUT"),
        ] {
            let answer = agent.tell("request", ask(&json!(payload))).await;
            assert_eq!(answer, Err(error.to_owned()));
        }
        let answers = agent.does("map", ask(&json!(7))).await;
        assert_eq!(answers, json!([{"key": "p2p_exchange", "payload": 7}]));
        let too_long = agent.tell("request", ask(&json!("x".repeat(70_000)))).await;
        let too_long = too_long.unwrap_err();
        assert!(too_long.contains("ERR_REQUEST_SIZE"), "{too_long}");
    }
    server.shutdown().await;
    answering.await.unwrap();
    grape.shutdown().await;
}

#[tokio::test]
async fn our_client_calls_a_real_server() {
    let grape = ours(&[]).await;
    let mut agent = Agent::start();
    let port = free_port();
    agent.does("link", json!({"grape": api(&grape)})).await;
    agent.does("serve", json!({"port": port})).await;
    agent
        .does("announce", json!({"key": "p2p_exchange", "port": port}))
        .await;
    let service = meshbook_grape::InfoHash::new(b"p2p_exchange").unwrap();
    let found = grape.lookup(&service).await.unwrap();
    let [peer] = found[..] else {
        panic!("{found:?}");
    };

    let config = RpcClientConfig {
        time_limit: Duration::from_millis(500),
        max_answer: 1000,
    };
    let client = RpcClient::new(config).unwrap();
    let ask = async |payload: Value| {
        let answer = client
            .request(peer.into(), "p2p_exchange", &raw(&payload))
            .await;
        answer.map(|answer| serde_json::from_str::<Value>(answer.get()).unwrap())
    };
    for payload in [json!({"id": 1, "text": "\u{1}ü"}), json!(null), json!([])] {
        let expected = json!({"key": "p2p_exchange", "payload": payload});
        // Twice, so that the connection is used again.
        assert_eq!(ask(payload.clone()).await.unwrap(), expected);
        assert_eq!(ask(payload).await.unwrap(), expected);
    }
    let failed = ask(json!("fail")).await;
    assert!(matches!(&failed, Err(RpcError::Refused(text)) if text == "ERR_ASKED_FOR"));
    let late = ask(json!("silence")).await;
    assert!(matches!(late, Err(RpcError::TimedOut(_))), "{late:?}");
    let long = ask(json!("x".repeat(2000))).await;
    assert!(matches!(long, Err(RpcError::TooLong(1000))), "{long:?}");
    assert_eq!(agent.does("served", json!({})).await, json!(9));
    drop(agent);
    let gone = ask(json!(1)).await;
    assert!(matches!(
        gone,
        Err(RpcError::Unreachable(_) | RpcError::TimedOut(_))
    ));
    grape.shutdown().await;
}
