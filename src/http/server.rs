//! The accept loop. `axum::serve` sets no timers and no bounds, so a few thousand slow clients would
//! hold it for ever; this one closes connections that send no head or read no answer in time, and
//! accepts no more than it was told to.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use metrics::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;

use super::crowd::Crowd;
use super::door::Door;
use super::held::{Handover, may_be_held};

/// Bounds of one listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connections_max: u32,
    /// Until a head must be complete; also ends a connection that rests between requests.
    pub header_timeout: Duration,
    /// How long a client may leave its answer unread.
    pub idle_timeout: Duration,
    /// How long open connections may finish after the stop.
    pub drain: Duration,
    /// Open connections from one address; `None`: as many as there are.
    pub per_address_max: Option<NonZeroU32>,
}

/// Most bytes of a request's head. 16 KiB hold any cookie jar worth accepting.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Connections the kernel may queue for us.
const BACKLOG: i32 = 4_096;
/// Rest after an accept that failed, most often for want of file descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(20);

/// # Errors
/// When the address is taken or not ours.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Serves until `stop` turns true, then lets open requests finish for at most `limits.drain`.
pub async fn serve(
    listener: TcpListener,
    door: Door,
    limits: Limits,
    open: Option<Gauge>,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max as usize));
    let door = Arc::new(door);
    let crowd = Crowd::new(limits.per_address_max);
    let graceful = GracefulShutdown::new();
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        // Answers are small: one copy costs less than a list of pieces for the kernel.
        .writev(false);
    loop {
        let accepted = tokio::select! {
            accepted = next(&listener, &places) => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Some((stream, peer, place)) = accepted else { break };
        // Closed at once: a place is for whoever has not taken so many.
        let Ok(seat) = crowd.seat(peer, || door.counts_connections(peer)) else { continue };
        let counted = open.clone().map(Counted::new);
        let door = Arc::clone(&door);
        let handover = Handover::default();
        let over = handover.clone();
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let (door, over) = (Arc::clone(&door), over.clone());
            async move {
                let may_be_held = may_be_held(&request);
                let answer = door.answer(request, peer).await;
                if may_be_held { over.take(answer) } else { Ok(answer) }
            }
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.idle_timeout));
        let lent = handover.lend(Box::pin(stream));
        let connection = http.serve_connection(TokioIo::new(lent), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // Whatever ended it, the client has hung up or was too slow; there is nobody to tell.
            drop(connection.await);
            if let Some(held) = handover.held() {
                // A task of its own, as this one has hyper's size.
                tokio::spawn(async move {
                    drop(held.write().await);
                    drop((place, counted, seat));
                });
            }
        });
    }
    drop(listener);
    let ended = async {
        graceful.shutdown().await;
        // Streams have places too.
        drop(places.acquire_many(limits.connections_max).await);
    };
    if tokio::time::timeout(limits.drain, ended).await.is_err() {
        tracing::warn!("some connections did not finish in time");
    }
}

/// An open connection in the gauge.
struct Counted(Gauge);

impl Counted {
    fn new(open: Gauge) -> Self {
        open.increment(1.0);
        Self(open)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, IpAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and complete; waiting to fill a packet only delays them.
                drop(stream.set_nodelay(true));
                return Some((stream, peer.ip(), place));
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}
