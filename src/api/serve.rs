//! Connections: how many, how slow, and how large a head. One that becomes a WebSocket keeps its place and its patience.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

use super::app::App;
use super::gateway::Task;

/// Bytes that a request's head may have.
const HEAD: usize = 16 * 1024;
/// Header fields that a request may have.
const FIELDS: usize = 64;
/// The pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remote(pub(super) SocketAddr);

/// Accepts connections until it is dropped; `spawn` runs each of them.
pub async fn serve(listener: TcpListener, app: App, router: Router, spawn: impl Fn(Task)) {
    let room = Arc::new(Semaphore::new(app.limits.connections));
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => match Arc::clone(&room).try_acquire_owned() {
                Ok(place) => {
                    let (app, router) = (app.clone(), router.clone());
                    spawn(Box::pin(connection(stream, remote, app, router, place)));
                }
                Err(_) => {
                    app.figures.connections_refused.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!("an HTTP connection from {remote} is refused: too many");
                }
            },
            Err(error) => {
                // Out of descriptors, most likely: give the others time to return some.
                tracing::warn!("accepting an HTTP connection: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    remote: SocketAddr,
    app: App,
    router: Router,
    place: OwnedSemaphorePermit,
) {
    let (head, patience) = (app.limits.head, app.limits.stall);
    let place = Place::new(app, place);
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("HTTP connection from {remote}: {error}");
    }
    let inner = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Remote(remote));
        inner.call(request)
    });
    let io = TokioIo::new(Patient { stream, patience, waiting: None, _place: place });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(HEAD)
        .max_headers(FIELDS)
        .serve_connection(io, service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!("HTTP connection from {remote}: {error}");
    }
}

/// The place of a connection among all of them; free again when it is dropped.
struct Place {
    app: App,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn new(app: App, permit: OwnedSemaphorePermit) -> Self {
        app.figures.connections.fetch_add(1, Ordering::Relaxed);
        Self { app, _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.app.figures.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that fails when the peer takes nothing for too long.
struct Patient {
    stream: TcpStream,
    patience: Duration,
    /// Runs while something waits to be written.
    waiting: Option<Pin<Box<Sleep>>>,
    /// Held as long as the connection lives, whatever protocol it changes to.
    _place: Place,
}

impl Patient {
    fn judge<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.waiting = None;
            return result;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        match waiting.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.judge(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
