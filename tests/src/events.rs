//! A running node's event stream.

use futures_util::StreamExt;
use meshbook::node::Trade;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::{WebSocketStream, client_async};

/// The events of a node from the opening of the stream on.
#[derive(Debug)]
pub struct Events(WebSocketStream<TcpStream>);

impl Events {
    pub(crate) async fn open(address: &str, token: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).await.ok()?;
        let url = format!("ws://{address}/v1/events");
        let mut request = url.into_client_request().expect("an address");
        let bearer = format!("Bearer {token}").parse().expect("a token");
        request.headers_mut().insert(AUTHORIZATION, bearer);
        let (socket, _) = client_async(request, stream).await.ok()?;
        Some(Self(socket))
    }

    /// The next trade of which an order of this node is a side; `None` once the node is gone
    /// and everything that it said was read.
    ///
    /// # Panics
    /// Where the node sends what is no event.
    pub async fn own_trade(&mut self) -> Option<Trade> {
        loop {
            let Message::Text(text) = self.0.next().await?.ok()? else {
                continue;
            };
            let mut event: Value = serde_json::from_str(&text).expect("an event is JSON");
            if event["type"] == "trade" && event["own"] == true {
                let trade = event["trade"].take();
                return Some(serde_json::from_value(trade).expect("a trade"));
            }
        }
    }
}
