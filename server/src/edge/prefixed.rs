//! A TCP stream of which some bytes have been read already: what a client sent right behind its
//! `CONNECT` belongs to the tunnel.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::{Buf as _, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Bytes that come first, then the stream.
#[derive(Debug)]
pub(super) struct Prefixed {
    first: Bytes,
    tcp: Socket,
}

/// A socket that ends by a reset when it is told to.
#[derive(Debug)]
struct Socket {
    tcp: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Acquire) {
            // A socket that is gone already needs no reset.
            drop(self.tcp.set_zero_linger());
        }
    }
}

impl Prefixed {
    /// A stream of which nothing has been read. It ends by a reset when `reset` is set by then.
    pub(super) fn fresh(tcp: TcpStream, reset: Arc<AtomicBool>) -> Self {
        Self { first: Bytes::new(), tcp: Socket { tcp, reset } }
    }

    /// Puts bytes back that were read from the stream last.
    pub(super) fn unread(self, read: Bytes) -> Self {
        if self.first.is_empty() {
            return Self { first: read, tcp: self.tcp };
        }
        Self { first: [read, self.first].concat().into(), tcp: self.tcp }
    }

    /// The next byte, which stays there. `None`: the client closed, or the connection broke.
    pub(super) async fn peek(&self) -> Option<u8> {
        if let Some(byte) = self.first.first() {
            return Some(*byte);
        }
        let mut byte = [0];
        match self.tcp.tcp.peek(&mut byte).await {
            Ok(1) => byte.first().copied(),
            Ok(_) | Err(_) => None,
        }
    }
}

impl AsyncRead for Prefixed {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.first.is_empty() {
            return Pin::new(&mut this.tcp.tcp).poll_read(cx, buf);
        }
        let length = this.first.len().min(buf.remaining());
        if let Some(piece) = this.first.get(..length) {
            buf.put_slice(piece);
        }
        this.first.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prefixed {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp.tcp).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp.tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.tcp.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp.tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp.tcp).poll_shutdown(cx)
    }
}
