//! `/metrics` and `/healthz` on loopback, on a thread of their own.

use super::Wake;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::serve::Listener;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc::Sender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Sleep;

/// What the loop says of itself.
#[derive(Debug)]
pub(super) struct Pulse {
    /// Why nothing is accepted, if nothing is.
    pub(super) degraded: Option<String>,
}

/// Upper bounds of the stages' buckets, seconds: from 50 us to 10 s.
const BUCKETS: [f64; 12] = [
    50e-6, 100e-6, 200e-6, 400e-6, 800e-6, 1.6e-3, 5e-3, 20e-3, 100e-3, 0.5, 2.0, 10.0,
];

/// The process's one recorder of metrics.
pub(super) fn recorder() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let stage = Matcher::Full("tieqi_stage_seconds".into());
            let builder = PrometheusBuilder::new().set_buckets_for_metric(stage, &BUCKETS);
            builder.ok()?.install_recorder().ok()
        })
        .as_ref()
}

/// Connections at once; further ones wait for a place.
const CONNECTIONS: usize = 64;
/// A connection is ended after this, whatever it did or did not send.
const BRIEF: Duration = Duration::from_secs(2);

/// Lets so many in, each for so long: no slow client holds descriptors the consoles need.
struct Door {
    listener: tokio::net::TcpListener,
    places: Arc<Semaphore>,
}

impl Listener for Door {
    type Io = Brief;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Brief, SocketAddr) {
        // The semaphore is never closed.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        let ends = Box::pin(tokio::time::sleep(BRIEF));
        (
            Brief {
                stream,
                ends,
                _place: place,
            },
            peer,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends by itself.
struct Brief {
    stream: TcpStream,
    ends: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Brief {
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        self.ends.as_mut().poll(context).is_ready()
    }
}

impl AsyncRead for Brief {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_over(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Brief {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_over(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[derive(Clone)]
struct Asks {
    told: Sender<Wake>,
}

impl Asks {
    /// Asks the loop how it is; it has a second to answer.
    async fn pulse(&self) -> Option<Pulse> {
        let (answer, pulse) = oneshot::channel();
        self.told.send(Wake::Pulse(answer)).await.ok()?;
        tokio::time::timeout(Duration::from_secs(1), pulse)
            .await
            .ok()?
            .ok()
    }
}

async fn metrics(State(asks): State<Asks>) -> (StatusCode, String) {
    match (asks.pulse().await, recorder()) {
        (Some(_), Some(handle)) => {
            handle.run_upkeep();
            (StatusCode::OK, handle.render())
        }
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the loop does not answer\n".into(),
        ),
    }
}

async fn healthz(State(asks): State<Asks>) -> (StatusCode, String) {
    match asks.pulse().await {
        Some(Pulse { degraded: None }) => (StatusCode::OK, "ok\n".into()),
        Some(Pulse {
            degraded: Some(reason),
        }) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("degraded: {reason}\n"),
        ),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the loop does not answer\n".into(),
        ),
    }
}

/// Serves until the process ends.
///
/// # Errors
/// When the socket cannot be served.
pub(super) fn serve(listener: TcpListener, told: Sender<Wake>) -> std::io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .with_state(Asks { told });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = Door {
            listener: tokio::net::TcpListener::from_std(listener)?,
            places: Arc::new(Semaphore::new(CONNECTIONS)),
        };
        axum::serve(listener, router).await
    })
}
