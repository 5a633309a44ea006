//! Responses that stay open for minutes, written without hyper. Its two buffers take 16 KiB of each connection
//! whatever they hold; a stream that says a line now and then needs none. So hyper gives the socket back before
//! it has written anything, and the response, which has come through all layers, is written here.

use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::http::response::Parts;
use axum::http::{Method, Version};
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::Request;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;

/// A client's socket, on which a write that takes too long fails.
pub(super) type Socket = Pin<Box<TimeoutStream<TcpStream>>>;

/// In the extensions of a response: it is to be held.
#[derive(Debug, Clone, Copy)]
pub(super) struct StaysOpen;

/// Tells hyper that it is rid of this connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection is held for a stream")]
pub(super) struct HandedOver;

/// Where a connection's socket and the response that is to be held meet.
#[derive(Clone, Default)]
pub(super) struct Handover(Arc<Mutex<(Option<Socket>, Option<Response>)>>);

impl Handover {
    /// `socket`, for hyper to use until a response is to be held.
    pub fn lend(&self, socket: Socket) -> Lent {
        Lent { socket: Some(socket), to: self.clone() }
    }

    /// The response for hyper to write.
    ///
    /// # Errors
    /// When it is kept here, to be held: hyper then gives the socket back.
    pub fn take(&self, response: Response) -> Result<Response, HandedOver> {
        if response.extensions().get::<StaysOpen>().is_none() {
            return Ok(response);
        }
        self.lock().1 = Some(response);
        Err(HandedOver)
    }

    /// Once hyper has given the socket back: what is to be written.
    pub fn held(&self) -> Option<Held> {
        let mut both = self.lock();
        let (socket, response) = (both.0.take(), both.1.take());
        Some(Held { socket: socket?, response: response? })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Option<Socket>, Option<Response>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the client can read a response whose length nobody knows, and wants its body.
pub(super) fn may_be_held<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET && request.version() == Version::HTTP_11
}

/// A socket in hyper's hands.
pub(super) struct Lent {
    socket: Option<Socket>,
    to: Handover,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut both = self.to.lock();
        if both.1.is_some() {
            both.0 = self.socket.take();
        }
    }
}

/// A stream on its socket.
pub(super) struct Held {
    socket: Socket,
    response: Response,
}

impl Held {
    /// Writes until the response ends or its reader hangs up.
    ///
    /// # Errors
    /// When the reader is gone or reads nothing for too long; there is nobody to tell.
    pub async fn write(self) -> io::Result<()> {
        let Self { mut socket, response } = self;
        let (parts, mut body) = response.into_parts();
        socket.write_all(head(&parts).as_bytes()).await?;
        drop(parts);
        let mut heard = [0; 1];
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                // The end, or another request, which a stream leaves no room for.
                _ = socket.read(&mut heard) => return Ok(()),
            };
            let Some(frame) = frame else { break };
            let Some(data) = frame.ok().and_then(|frame| frame.into_data().ok()) else { break };
            if !data.is_empty() {
                let mut chunk = format!("{:x}\r\n", data.len()).into_bytes();
                chunk.extend_from_slice(&data);
                chunk.extend_from_slice(b"\r\n");
                socket.write_all(&chunk).await?;
            }
        }
        socket.write_all(b"0\r\n\r\n").await?;
        socket.shutdown().await
    }
}

/// The status line and the fields, for a body in chunks on a connection that ends with it.
fn head(parts: &Parts) -> String {
    let status = parts.status;
    let mut head = format!("HTTP/1.1 {} {}\r\n", status.as_u16(), reason(status));
    for (name, value) in &parts.headers {
        // Values of ours: hyper would refuse the others too.
        if let Ok(value) = value.to_str() {
            let _infallible = write!(head, "{name}: {value}\r\n");
        }
    }
    head.push_str("connection: close\r\ntransfer-encoding: chunked\r\n\r\n");
    head
}

fn reason(status: axum::http::StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or_default()
}

impl AsyncRead for Lent {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Some(socket) => socket.as_mut().poll_read(context, buffer),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncWrite for Lent {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.socket {
            Some(socket) => socket.as_mut().poll_write(context, bytes),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Some(socket) => socket.as_mut().poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Some(socket) => socket.as_mut().poll_shutdown(context),
            None => Poll::Ready(Ok(())),
        }
    }
}
