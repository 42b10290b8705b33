use std::time::Duration;

use meshbook_grape::InfoHash;
use serde_json::json;
use tokio::time::Instant;

use crate::{api, ask, call, eventually, free_port, ours, theirs};
use meshbook_tests::Agent;

#[tokio::test]
async fn a_service_announced_at_any_grape_is_found_at_each_of_the_others() {
    let mut agents = [Agent::start(), Agent::start()];
    let (first, second) = (free_port(), free_port());
    let a = theirs(&mut agents[0], first, &[second]).await;
    let b = theirs(&mut agents[1], second, &[first]).await;
    let grape = ours(&[first]).await;
    eventually("the Grapes know each other", async || {
        grape.node_count().await == Ok(2)
    })
    .await;

    let c = api(&grape);
    let apis = [&a, &b, &c];
    let long = "x".repeat(300);
    let names = [
        "p2p_exchange",
        "s",
        "exactly-twenty-bytes",
        "rest:util:net:of:some:length",
        &long,
    ];
    for (number, name) in names.iter().enumerate() {
        for (place, at) in apis.iter().enumerate() {
            let service = format!("{name}{place}");
            let port = 1000 + 10 * number + place;
            let announced = call(at, "announce", json!([service, port])).await;
            assert_eq!(announced, json!(2), "{service} at {at}");
            for other in apis {
                let found = call(other, "lookup", json!(service)).await;
                assert_eq!(
                    found,
                    json!([format!("127.0.0.1:{port}")]),
                    "{service} at {other}"
                );
            }
            let service = InfoHash::new(service.as_bytes()).unwrap();
            let found = grape.lookup(&service).await.unwrap();
            assert_eq!(found, [format!("127.0.0.1:{port}").parse().unwrap()]);
        }
    }
    let service = InfoHash::new(b"of the process").unwrap();
    assert_eq!(grape.announce(&service, 77).await, Ok(2));
    let found = call(&b, "lookup", json!("of the process")).await;
    assert_eq!(found, json!(["127.0.0.1:77"]));
    grape.shutdown().await;
}

#[tokio::test]
async fn grapes_that_join_by_ours_find_each_other() {
    let grape = ours(&[]).await;
    let own = grape.addresses().dht.port();
    let mut agents = [Agent::start(), Agent::start()];
    let a = theirs(&mut agents[0], free_port(), &[own]).await;
    let b = theirs(&mut agents[1], free_port(), &[own]).await;
    eventually("ours knows both", async || {
        grape.node_count().await == Ok(2)
    })
    .await;
    eventually("an announcement reaches both others", async || {
        call(&a, "announce", json!(["p2p_exchange", 42])).await == json!(2)
    })
    .await;
    assert_eq!(
        call(&b, "lookup", json!("p2p_exchange")).await,
        json!(["127.0.0.1:42"])
    );
    grape.shutdown().await;
}

#[tokio::test]
async fn values_put_at_any_grape_are_got_at_each_of_the_others() {
    let mut agent = Agent::start();
    let port = free_port();
    let grape = ours(&[port]).await;
    let own = grape.addresses().dht.port();
    let theirs = theirs(&mut agent, port, &[own]).await;
    eventually("ours knows theirs", async || {
        grape.node_count().await == Ok(1)
    })
    .await;
    let ours = api(&grape);
    for (at, other, text) in [
        (&ours, &theirs, "from ours ä"),
        (&theirs, &ours, "from theirs ü"),
    ] {
        let hash = call(at, "put", json!({"v": text})).await;
        assert_eq!(hash.as_str().map(str::len), Some(40), "{hash}");
        let got = call(other, "get", hash.clone()).await;
        assert_eq!(got["v"], text);
        let kept = call(at, "get", hash).await;
        assert_eq!(kept["v"], text);
        assert_eq!(kept["token"], json!(null));
    }
    grape.shutdown().await;
}

#[tokio::test]
async fn values_that_their_owner_signed_are_replaced_through_any_grape() {
    let mut agent = Agent::start();
    let port = free_port();
    let grape = ours(&[port]).await;
    let own = grape.addresses().dht.port();
    let theirs = theirs(&mut agent, port, &[own]).await;
    eventually("ours knows theirs", async || {
        grape.node_count().await == Ok(1)
    })
    .await;
    let ours = api(&grape);
    for (number, salt) in [json!(null), json!("salt")].iter().enumerate() {
        let mut hash = json!(null);
        for (seq, [at, other]) in [[&ours, &theirs], [&theirs, &ours]].into_iter().enumerate() {
            let text = format!("{number} {seq}");
            let what = json!({"v": text, "seq": seq + 1, "salt": salt});
            let signed = agent.does("sign", what).await;
            hash = call(at, "put", signed.clone()).await;
            assert_eq!(hash.as_str().map(str::len), Some(40), "{hash}");
            for api in [other, at] {
                let wanted = json!({"hash": hash, "salt": salt, "cache": false});
                let got = call(api, "get", wanted).await;
                for field in ["v", "seq", "k", "sig"] {
                    assert_eq!(got[field], signed[field], "{api} {field}");
                }
            }
        }
        let old = agent
            .does("sign", json!({"v": "old", "seq": 1, "salt": salt}))
            .await;
        for at in [&ours, &theirs] {
            let body = json!({"data": old}).to_string();
            let refused = (302, "\"302 sequence number less than current\"".to_owned());
            assert_eq!(ask(at, "put", body).await, refused);
        }
        let other = json!({"v": "new", "seq": 9, "salt": salt, "cas": 1});
        let other = agent.does("sign", other).await;
        for at in [&ours, &theirs] {
            let body = json!({"data": other}).to_string();
            let refused = (
                301,
                "\"301 CAS mismatch, re-read and try again\"".to_owned(),
            );
            assert_eq!(ask(at, "put", body).await, refused);
        }
        let mut forged = other;
        forged["v"] = json!("forged");
        assert_eq!(call(&ours, "put", forged).await, "ERR_GRAPE_SIGNATURE");
    }
    grape.shutdown().await;
}

#[tokio::test]
async fn a_grape_that_dies_and_comes_back_is_used_again() {
    let port = free_port();
    let grape = ours(&[port]).await;
    let own = grape.addresses().dht.port();
    let c = api(&grape);
    for round in 0..2 {
        let mut agent = Agent::start();
        let a = theirs(&mut agent, port, &[own]).await;
        let service = format!("round {round}");
        eventually("ours announces at theirs", async || {
            call(&c, "announce", json!([service, 5])).await;
            call(&a, "lookup", json!(service)).await == json!(["127.0.0.1:5"])
        })
        .await;
        drop(agent);
        let start = Instant::now();
        assert_eq!(
            call(&c, "lookup", json!(service)).await,
            json!(["127.0.0.1:5"])
        );
        assert!(
            start.elapsed() < Duration::from_millis(2500),
            "a client would have given up"
        );
    }
    grape.shutdown().await;
}
