//! The RPC of Grenache, as the original's service speaks it: messages to whoever announces the
//! service at a Grape, and messages from them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use meshbook::client::Config;
use meshbook::discovery::GRENACHE_SERVICE;
use meshbook::types::InvalidValue;
use meshbook_grape::{
    RpcAnswer, RpcClient, RpcClientConfig, RpcError, RpcLimits, RpcRequest, RpcServer,
};
use napi::bindgen_prelude::{Either, Function, Object};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Result, Status};
use napi_derive::napi;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::grapes::{BreakerView, Grapes};
use crate::options;
use crate::runtime::{promise, runtime};

/// The service is announced so often, as by the original.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(1);
/// To so many peers a message goes at most.
const MOST_PEERS: usize = 10;

/// Called with the text of a message; gives the text of the answer. Weak: that somebody may ask
/// is no reason to go on.
type Handler = ThreadsafeFunction<String, String, String, Status, false, true>;

/// A service that is not started yet, running, or down.
#[napi]
#[derive(Debug)]
pub struct NativeGrenache(Arc<Service>);

#[derive(Debug)]
struct Service {
    grapes: Grapes,
    running: Mutex<Option<Running>>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Running {
    server: RpcServer,
    client: Arc<RpcClient>,
    port: u16,
}

/// Where a message went.
#[napi(object)]
#[derive(Debug)]
pub struct Sent {
    /// Where, as `host:port`.
    pub address: String,
    /// What was answered, as JSON.
    pub answer: Option<String>,
    /// Why nothing was.
    pub error: Option<String>,
}

/// A service at these Grapes, with the circuit breaker that the environment asks for.
#[napi(catch_unwind)]
pub fn create_grenache(
    grape_url: String,
    env: HashMap<String, String>,
) -> Either<NativeGrenache, Failure> {
    let read = || -> std::result::Result<Config, InvalidValue> {
        let circuit = |name: &str| options::plain(name).starts_with("CIRCUIT_BREAKER_");
        let builder =
            Config::builder().env(|name| env.get(name).filter(|_| circuit(name)).cloned());
        let set = builder?.set("GRAPE_URL", &grape_url);
        set.map_err(|error| error.for_field("grapeUrl"))?.build()
    };
    match read() {
        Ok(config) => match Service::new(&config) {
            Ok(service) => Either::A(NativeGrenache(Arc::new(service))),
            Err(why) => Either::B(Failure::new("RPC_NOT_STARTED", why)),
        },
        Err(error) => Either::B(error.into()),
    }
}

#[napi]
impl NativeGrenache {
    /// Opens a port for the RPC and announces it at the Grapes from now on. Gives what is wrong if
    /// there is no port.
    #[napi(catch_unwind)]
    pub fn initialize<'env>(
        &self,
        env: &'env Env,
        handler: Function<'_, String, String>,
    ) -> Result<Object<'env>> {
        let handler: Handler = handler
            .build_threadsafe_function()
            .weak::<true>()
            .build_callback(|call| Ok(call.value))?;
        let service = Arc::clone(&self.0);
        promise(env, async move { service.start(handler).await.err() })
    }

    /// Sends a message to up to ten peers that a Grape names. Gives what came of it at each.
    #[napi(catch_unwind)]
    pub fn send<'env>(&self, env: &'env Env, message: String) -> Result<Object<'env>> {
        let service = Arc::clone(&self.0);
        promise(env, async move {
            match service.send(message).await {
                Ok(sent) => Either::A(sent),
                Err(failure) => Either::B(failure),
            }
        })
    }

    /// How the Grapes are doing.
    #[napi(catch_unwind)]
    pub fn breaker(&self) -> BreakerView {
        self.0.grapes.view()
    }

    /// Closes the circuit breaker.
    #[napi(catch_unwind)]
    pub fn reset_breaker(&self) {
        self.0.grapes.reset();
    }

    /// Ends all that runs.
    #[napi(catch_unwind)]
    pub fn shutdown<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let service = Arc::clone(&self.0);
        promise(env, async move {
            service.stop.cancel();
            let running = lock(&service.running).take();
            if let Some(running) = running {
                running.server.shutdown().await;
            }
        })
    }

    /// The port of the RPC; 0 while there is none.
    #[napi(getter, catch_unwind)]
    pub fn port(&self) -> u32 {
        lock(&self.0.running)
            .as_ref()
            .map_or(0, |running| running.port.into())
    }
}

impl Drop for NativeGrenache {
    fn drop(&mut self) {
        self.0.stop.cancel();
        if let Ok(runtime) = runtime() {
            let _entered = runtime.enter();
            drop(lock(&self.0.running).take());
        }
    }
}

impl Service {
    fn new(config: &Config) -> std::result::Result<Self, String> {
        let reset = Duration::from_millis(config.circuit_breaker_reset_timeout.0);
        let threshold = config.circuit_breaker_failure_threshold;
        Ok(Self {
            grapes: Grapes::new(config.grape_urls.clone(), threshold, reset)?,
            running: Mutex::default(),
            stop: CancellationToken::new(),
        })
    }

    async fn start(self: &Arc<Self>, handler: Handler) -> std::result::Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::new("RPC_NOT_STARTED", error);
        let client = RpcClient::new(RpcClientConfig::default()).map_err(|error| failed(&error))?;
        let anywhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let started = RpcServer::start(anywhere, RpcLimits::default()).await;
        let (server, requests) = started.map_err(|error| failed(&error))?;
        let port = server.address().port();
        if self.stop.is_cancelled() {
            return Err(Failure::new("SHUTTING_DOWN", "the service was destroyed"));
        }
        *lock(&self.running) = Some(Running {
            server,
            client: Arc::new(client),
            port,
        });
        let service = Arc::clone(self);
        tokio::spawn(async move {
            service
                .stop
                .run_until_cancelled(service.announce(port))
                .await;
        });
        let stop = self.stop.clone();
        tokio::spawn(async move {
            stop.run_until_cancelled(answer(requests, handler)).await;
        });
        Ok(())
    }

    /// A Grape that isn't there is told by the circuit breaker, and by nothing else.
    async fn announce(&self, port: u16) {
        let mut due = interval(ANNOUNCE_EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            due.tick().await;
            // It counts what fails.
            let _ = self.grapes.announce(port).await;
        }
    }

    async fn send(&self, message: String) -> std::result::Result<Vec<Sent>, Failure> {
        let Some((client, own)) = self.client() else {
            let message = "Grenache service not initialized";
            return Err(Failure::new("NOT_INITIALIZED", message));
        };
        let payload = RawValue::from_string(message);
        let payload = payload.map_err(|error| Failure::new("INVALID_MESSAGE", error))?;
        let found = self.grapes.look_up().await;
        let found = found.map_err(|error| Failure::new("GRAPE_FAILED", error))?;
        let peers = found
            .iter()
            .filter_map(|text| text.parse::<SocketAddr>().ok());
        // An own announcement comes back at whichever address the Grape saw.
        let peers = peers.filter(|peer| peer.port() != own || !is_here(peer));
        let sending = peers.take(MOST_PEERS).map(|peer| {
            let (client, payload) = (&client, &payload);
            async move { (peer, client.request(peer, GRENACHE_SERVICE, payload).await) }
        });
        let sent = join_all(sending).await;
        Ok(sent
            .into_iter()
            .map(|(peer, answer)| show(peer, answer))
            .collect())
    }

    fn client(&self) -> Option<(Arc<RpcClient>, u16)> {
        let running = lock(&self.running);
        let Running { client, port, .. } = running.as_ref()?;
        Some((Arc::clone(client), *port))
    }
}

/// Whether the address is one of this machine's.
fn is_here(peer: &SocketAddr) -> bool {
    peer.ip().is_loopback() || std::net::UdpSocket::bind((peer.ip(), 0)).is_ok()
}

fn show(peer: SocketAddr, answer: std::result::Result<Box<RawValue>, RpcError>) -> Sent {
    let address = peer.to_string();
    match answer {
        Ok(answer) => Sent {
            address,
            answer: Some(answer.get().to_owned()),
            error: None,
        },
        Err(error) => Sent {
            address,
            answer: None,
            error: Some(error.to_string()),
        },
    }
}

/// Has each message answered on the thread of JavaScript, one after the other.
async fn answer(mut requests: mpsc::Receiver<RpcRequest>, handler: Handler) {
    while let Some(request) = requests.recv().await {
        let answer = ask(&handler, request.payload.get().to_owned()).await;
        request.reply(answer);
    }
}

async fn ask(handler: &Handler, message: String) -> RpcAnswer {
    let (sender, answered) = oneshot::channel();
    let mode = ThreadsafeFunctionCallMode::NonBlocking;
    let called = handler.call_with_return_value(message, mode, move |answer, _| {
        // Fails only if nobody waits any more.
        let _ = sender.send(answer);
        Ok(())
    });
    if called != Status::Ok {
        return Err("ERR_NOT_ANSWERED".to_owned());
    }
    let Ok(Ok(answer)) = answered.await else {
        return Err("ERR_NOT_ANSWERED".to_owned());
    };
    RawValue::from_string(answer).map_err(|error| error.to_string())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
