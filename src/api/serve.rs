//! Connections: how many, how slow, and how large a head. One that becomes a WebSocket keeps its place and its patience.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Sleep, sleep};

use super::app::App;
use super::attempts::who;
use super::gateway::Task;

/// Bytes that a request's head may have.
const HEAD: usize = 16 * 1024;
/// Header fields that a request may have.
const FIELDS: usize = 64;
/// The pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// Where a request came from: whoever has connected, or, where that is a proxy of ours, whoever had connected to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remote(pub(super) SocketAddr);

/// Header field in which proxies note who came to them, each behind what was noted before.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address that a request came from. What strangers write stands before what our proxies have added, so that it is read
/// from behind, and as far only as our proxies have written it.
fn origin(remote: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> IpAddr {
    let is_ours = |address: &IpAddr| proxies.contains(&address.to_canonical());
    if !is_ours(&remote) {
        return remote;
    }
    let lines = headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok());
    let noted: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let read = |text: &str| {
        let socket = || text.parse().ok().map(|socket: SocketAddr| socket.ip());
        text.parse().ok().or_else(socket)
    };
    let mut known = noted.iter().rev().map_while(|text| read(text));
    known.find(|address| !is_ours(address)).unwrap_or(remote)
}

/// Accepts connections until it is dropped; `spawn` runs each of them.
pub async fn serve(listener: TcpListener, app: App, router: Router, spawn: impl Fn(Task)) {
    let room = Arc::new(Room::default());
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => match Place::take(&app, &room, remote.ip()) {
                Some(place) => {
                    let (app, router) = (app.clone(), router.clone());
                    spawn(Box::pin(connection(stream, remote, app, router, place)));
                }
                None => {
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

async fn connection(stream: TcpStream, remote: SocketAddr, app: App, router: Router, place: Place) {
    let (head, patience) = (app.limits.head, app.limits.stall);
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("HTTP connection from {remote}: {error}");
    }
    let inner = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let from = origin(remote.ip(), request.headers(), &app.limits.proxies);
        request.extensions_mut().insert(Remote(SocketAddr::new(from, remote.port())));
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

/// Connections that are open.
#[derive(Default)]
struct Room(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    all: usize,
    /// By where they come from; a proxy's are nobody's.
    from: BTreeMap<IpAddr, usize>,
}

impl Room {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a connection among all of them; free again when it is dropped.
struct Place {
    app: App,
    room: Arc<Room>,
    /// Whose place it is.
    from: Option<IpAddr>,
}

impl Place {
    /// Takes one, if any is left for this address: nobody alone gets more than three quarters, so that nobody alone keeps
    /// everybody else out.
    fn take(app: &App, room: &Arc<Room>, remote: IpAddr) -> Option<Self> {
        let (most, is_proxy) = (app.limits.connections, is_proxy(app, remote));
        let from = (!is_proxy).then(|| who(remote));
        let mut taken = room.taken();
        let own = from.and_then(|from| taken.from.get(&from)).copied().unwrap_or(0);
        if taken.all >= most || own >= most - most / 4 {
            return None;
        }
        taken.all += 1;
        if let Some(from) = from {
            taken.from.insert(from, own + 1);
        }
        drop(taken);
        app.figures.connections.fetch_add(1, Ordering::Relaxed);
        Some(Self { app: app.clone(), room: Arc::clone(room), from })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        taken.all = taken.all.saturating_sub(1);
        if let Some(from) = self.from
            && let Some(own) = taken.from.get_mut(&from)
        {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.from.remove(&from);
            }
        }
        drop(taken);
        self.app.figures.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

fn is_proxy(app: &App, address: IpAddr) -> bool {
    app.limits.proxies.contains(&address.to_canonical())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_came_to_our_proxy_counts_and_nobody_can_say_that_it_was_another() {
        let proxies: Vec<IpAddr> = ["127.0.0.1", "10.0.0.2"].map(|ip| ip.parse().unwrap()).into();
        let from = |remote: &str, lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            origin(remote.parse().unwrap(), &headers, &proxies).to_string()
        };
        assert_eq!(from("127.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(from("::ffff:127.0.0.1", &["192.0.2.1:4711"]), "192.0.2.1");
        assert_eq!(from("127.0.0.1", &["6.6.6.6, 192.0.2.1"]), "192.0.2.1", "what it says itself");
        assert_eq!(from("127.0.0.1", &["6.6.6.6", "192.0.2.1, 10.0.0.2"]), "192.0.2.1");
        assert_eq!(from("127.0.0.1", &["6.6.6.6, unknown"]), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &["[2001:db8::1]:80"]), "2001:db8::1");
        assert_eq!(from("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(from("192.0.2.9", &["192.0.2.1"]), "192.0.2.9", "no proxy of ours");
    }
}
