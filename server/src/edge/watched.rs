//! A connection with a deadline: what it is closed for when the client keeps it waiting.
//!
//! Three waits are bounded: for the rest of a request's head (HTTP/1.1), for the next request, and for
//! a client that does not take its answer. While a request is being answered nothing here runs out;
//! its body has a limit of its own. Deadlines are looked at when the connection has to wait anyway,
//! and the one timer of a connection is moved only when a deadline comes nearer, so a request costs
//! no timer of its own.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use super::{Limits, damage::Doom};

/// The heartbeat of an HTTP connection: how many requests began and how many ended.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Pulse {
    /// A request begins; it ends when the answer is made, or dropped.
    pub(super) fn begin(&self) -> Beat<'_> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Beat(self)
    }

    /// How many began, and whether one is being answered.
    fn read(&self) -> (u64, bool) {
        let ended = self.ended.load(Ordering::Acquire);
        let begun = self.begun.load(Ordering::Acquire);
        (begun, begun != ended)
    }
}

/// One request that is being answered.
#[derive(Debug)]
pub(super) struct Beat<'a>(&'a Pulse);

impl Drop for Beat<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Release);
    }
}

/// Why a connection was closed: the text of the I/O error that the HTTP library gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Expired {
    /// The head of a request began and did not end.
    #[error("the head of a request did not come in time")]
    Head,
    /// No request came.
    #[error("no request came in time")]
    Idle,
    /// The client does not read.
    #[error("the client did not take its answer in time")]
    Answer,
}

/// Whether the bytes that come without a request going on must be the head of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.x: they must.
    Http1,
    /// HTTP/2: they may be settings, pings and windows.
    Http2,
}

/// An I/O stream that ends with [`Expired`] when the client keeps it waiting too long.
#[derive(Debug)]
pub(super) struct Watched<I> {
    io: I,
    protocol: Protocol,
    pulse: Arc<Pulse>,
    doom: Arc<Doom>,
    /// What goes out as it is, before anything else.
    garbage: Bytes,
    timer: Pin<Box<Sleep>>,
    head_time: Duration,
    idle_time: Duration,
    answer_time: Duration,
    /// Requests begun when the present wait began.
    seen: u64,
    /// Bytes came since then.
    in_head: bool,
    read_by: Option<Instant>,
    write_by: Option<Instant>,
}

impl<I> Watched<I> {
    /// Watches `io`. Must be made inside a runtime.
    pub(super) fn new(
        io: I,
        protocol: Protocol,
        pulse: Arc<Pulse>,
        doom: Arc<Doom>,
        limits: &Limits,
    ) -> Self {
        Self {
            io,
            protocol,
            pulse,
            doom,
            garbage: Bytes::new(),
            timer: Box::pin(sleep_until(Instant::now() + limits.idle_time)),
            head_time: limits.header_time,
            idle_time: limits.idle_time,
            answer_time: limits.body_time,
            seen: 0,
            in_head: false,
            read_by: None,
            write_by: None,
        }
    }

    /// The stream itself, watched no more.
    pub(super) fn into_inner(self) -> I {
        self.io
    }

    /// Begins a new wait if a request began since the last look. True: one is going on.
    fn busy(&mut self) -> bool {
        let (begun, busy) = self.pulse.read();
        if begun != self.seen {
            self.seen = begun;
            self.in_head = false;
            self.read_by = None;
        }
        busy
    }

    /// Whether `deadline` has passed; if not, the task is woken when it does.
    fn passed(&mut self, deadline: Instant, cx: &mut Context<'_>) -> bool {
        if self.timer.deadline() > deadline {
            self.timer.as_mut().reset(deadline);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return true;
            }
            // It was set for a wait that ended well.
            self.timer.as_mut().reset(deadline);
        }
        false
    }

    fn wait_to_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.busy() {
            return Poll::Pending;
        }
        let (limit, why) = if self.in_head {
            (self.head_time, Expired::Head)
        } else {
            (self.idle_time, Expired::Idle)
        };
        let deadline = *self.read_by.get_or_insert_with(|| Instant::now() + limit);
        self.verdict(deadline, why, cx)
    }

    fn wait_to_write<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let limit = self.answer_time;
        let deadline = *self.write_by.get_or_insert_with(|| Instant::now() + limit);
        self.verdict(deadline, Expired::Answer, cx)
    }

    fn verdict<T>(
        &mut self,
        deadline: Instant,
        why: Expired,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if self.passed(deadline, cx) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
        }
        Poll::Pending
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let Poll::Ready(read) = Pin::new(&mut this.io).poll_read(cx, buf) else {
            return this.wait_to_read(cx);
        };
        if this.protocol == Protocol::Http1
            && buf.filled().len() > before
            && !this.busy()
            && !this.in_head
        {
            this.in_head = true;
            this.read_by = None;
        }
        Poll::Ready(read)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Poll::Ready(written) = Pin::new(&mut this.io).poll_write(cx, buf) else {
            return this.wait_to_write(cx);
        };
        this.write_by = None;
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Poll::Ready(written) = Pin::new(&mut this.io).poll_write_vectored(cx, bufs) else {
            return this.wait_to_write(cx);
        };
        this.write_by = None;
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(garbage) = this.doom.garbage() {
            this.garbage = garbage;
        }
        while !this.garbage.is_empty() {
            match Pin::new(&mut this.io).poll_write(cx, &this.garbage) {
                Poll::Ready(Ok(written)) if written > 0 => this.garbage.advance(written),
                Poll::Ready(Ok(_)) => break,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return this.wait_to_write(cx),
            }
        }
        let Poll::Ready(flushed) = Pin::new(&mut this.io).poll_flush(cx) else {
            return this.wait_to_write(cx);
        };
        Poll::Ready(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Poll::Ready(shut) = Pin::new(&mut this.io).poll_shutdown(cx) else {
            return this.wait_to_write(cx);
        };
        Poll::Ready(shut)
    }
}
