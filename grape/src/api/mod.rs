//! The HTTP API of a Grape: `/announce`, `/lookup`, `/put` and `/get`.
//!
//! A request is any method with `{"rid": any, "data": ...}` as its body. What went wrong is a JSON
//! string with status 200, as the npm package answers it; what is no such request at all, and a
//! value that may not replace another, have other statuses.

mod bytes;
mod put;
mod write;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::Value;

use crate::dht::InfoHash;
use crate::error::OperationError;
use crate::grape::DhtHandle;
use crate::http::{Answer, Service, answer, read_body};

/// The longest body, in bytes, as with Grapes.
const MAX_BODY: usize = 8192;

/// What went wrong, as a client reads it.
type Text = String;

/// What went wrong, and what the DHT said of it.
enum Failure {
    Request(Text),
    Dht(OperationError),
}

impl From<Text> for Failure {
    fn from(text: Text) -> Self {
        Self::Request(text)
    }
}

impl From<OperationError> for Failure {
    fn from(error: OperationError) -> Self {
        Self::Dht(error)
    }
}

impl Failure {
    /// The original takes an error's code for a status, so a value that was not replaced has the
    /// status 301 or 302.
    fn answer(self) -> Answer {
        let (status, text) = match self {
            Self::Request(text) => (None, text),
            Self::Dht(error) => {
                let status = match &error {
                    OperationError::Refused { code, .. } => u16::try_from(*code).ok(),
                    _ => None,
                };
                (status, error.to_string())
            }
        };
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        let body = Value::String(text).to_string();
        answer(status.unwrap_or(StatusCode::OK), body)
    }
}

/// Answers API requests by the DHT.
#[derive(Debug)]
pub(crate) struct Api(DhtHandle);

impl Api {
    pub(crate) fn new(dht: DhtHandle) -> Self {
        Self(dht)
    }

    async fn serve(&self, request: Request<Incoming>, from: SocketAddr) -> Answer {
        let path = request.uri().path_and_query().map(ToString::to_string);
        let body = match read_body(request.into_body(), MAX_BODY).await {
            Ok(body) => body,
            Err(unread) => return unread.answer("ERR_GRAPE_PAYLOAD_SIZE"),
        };
        let text = String::from_utf8_lossy(&body);
        let data = match serde_json::from_str(&text) {
            Ok(Value::Object(mut message)) => message.remove("data"),
            // JavaScript finds no `data` in these either.
            Ok(Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_)) => None,
            Ok(Value::Null) | Err(_) => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                return answer(status, "ERR_GRAPE_PAYLOAD_INVALID");
            }
        };
        let data = data.unwrap_or(Value::Null);
        let result = match path.as_deref() {
            Some("/announce") => self.announce(&data, from).await,
            Some("/lookup") => self.lookup(&data).await,
            Some("/put") if !data.is_null() => self.put(&data).await,
            Some("/get") if !data.is_null() => self.get(&data).await,
            Some("/put" | "/get") => {
                return answer(StatusCode::INTERNAL_SERVER_ERROR, "ERR_GRAPE_GENERIC");
            }
            _ => Err("ERR_REQ_NOTFOUND".to_owned().into()),
        };
        match result {
            Ok(body) => answer(StatusCode::OK, body),
            Err(failure) => failure.answer(),
        }
    }

    async fn announce(&self, data: &Value, from: SocketAddr) -> Result<String, Failure> {
        let invalid = || "ERR_GRAPE_ANNOUNCE".to_owned();
        let Value::Array(data) = data else {
            return Err(invalid().into());
        };
        let port = data.get(1).and_then(port);
        let port = port.ok_or_else(|| "ERR_GRAPE_SERVICE_PORT".to_owned())?;
        let name = data.first().and_then(Value::as_str);
        let service = name.and_then(|name| InfoHash::new(name.as_bytes()));
        let service = service.ok_or_else(invalid)?;
        let count = self.0.announce(service, port, ip(from)).await?;
        Ok(count.to_string())
    }

    async fn lookup(&self, data: &Value) -> Result<String, Failure> {
        let name = data.as_str();
        let service = name.and_then(|name| InfoHash::new(name.as_bytes()));
        let service = service.ok_or_else(|| "ERR_GRAPE_LOOKUP".to_owned())?;
        let peers = self.0.lookup(service).await?;
        Ok(write::peers(&peers))
    }

    async fn put(&self, data: &Value) -> Result<String, Failure> {
        let (item, replaces) = put::item(data)?;
        let target = self.0.put(item, replaces).await?;
        Ok(Value::String(hex::encode(target)).to_string())
    }

    async fn get(&self, data: &Value) -> Result<String, Failure> {
        let wanted = put::Wanted::read(data)?;
        let Ok(target) = wanted.hash.try_into() else {
            // Nothing is kept under what is no hash.
            return Ok(String::new());
        };
        let salt = wanted.salt.clone();
        let found = self.0.get(target, salt, wanted.kept).await?;
        Ok(found.map_or_else(String::new, |found| write::found(&found, &wanted.salt)))
    }
}

impl Service for Api {
    fn answer(&self, request: Request<Incoming>, from: SocketAddr) -> BoxFuture<'_, Answer> {
        self.serve(request, from).boxed()
    }
}

/// A port, as `Number.isInteger` takes it: `1.0` is one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number within the bounds of a port"
)]
fn port(value: &Value) -> Option<u16> {
    let number = value.as_f64()?;
    let is_port = number.fract() == 0.0 && (0.0..=f64::from(u16::MAX)).contains(&number);
    is_port.then_some(number as u16)
}

/// Where a caller's service is: on its own machine.
fn ip(from: SocketAddr) -> Ipv4Addr {
    match from.ip() {
        IpAddr::V4(ip) => ip,
        // No Grape listens there.
        IpAddr::V6(_) => Ipv4Addr::LOCALHOST,
    }
}
