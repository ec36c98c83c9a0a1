//! Answers that are damaged on their way out, as a handler asks in the extensions of its response.
//!
//! A cut ends the connection, not only the exchange: over HTTP/2 every other stream goes down with it. What was to be sent
//! before the cut has been given to the socket by then. Over TLS no `close_notify` is sent, as when a process dies.
//! A cut inside a body always leaves something out: where the body is no longer than what goes out before the cut, a byte
//! more is announced than there is.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::{
    sync::Notify,
    time::{Instant, Sleep, sleep_until},
};

/// What happens to an answer; goes into the extensions of a handler's response.
#[derive(Debug, Clone, Default)]
pub struct Damage {
    /// Where and how the connection ends.
    pub cut: Option<Cut>,
    /// The speed of the body, in bytes a second.
    pub bytes_per_second: Option<u64>,
}

/// The end of a connection within an answer.
#[derive(Debug, Clone)]
pub struct Cut {
    /// Behind what.
    pub after: CutPoint,
    /// How.
    pub how: CutHow,
}

/// Behind what a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutPoint {
    /// Before the first byte of the answer.
    Before,
    /// Behind its headers and so many bytes of its body.
    Body(usize),
}

/// How a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CutHow {
    /// In order (FIN).
    Close,
    /// By a reset (RST).
    Reset,
    /// In order, behind these bytes.
    Garbage(Bytes),
}

/// The end of a connection, once somebody wants it. Shared by its streams and its socket.
#[derive(Debug, Default)]
pub(super) struct Doom {
    wanted: Notify,
    reset: Arc<AtomicBool>,
    garbage: Mutex<Option<Bytes>>,
    spoilt: AtomicBool,
}

impl Doom {
    /// What the socket of this connection looks at when it is dropped: whether to end by a reset.
    pub(super) fn of(reset: &Arc<AtomicBool>) -> Self {
        Self { reset: Arc::clone(reset), ..Self::default() }
    }

    /// Ends the connection as soon as what was given to it is sent.
    pub(super) fn seal(&self, how: &CutHow) {
        match how {
            CutHow::Close => {}
            CutHow::Reset => self.reset.store(true, Ordering::Release),
            CutHow::Garbage(bytes) => {
                *self.garbage.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes.clone());
                self.spoilt.store(true, Ordering::Release);
            }
        }
        self.wanted.notify_one();
    }

    /// Resolves when the end is wanted.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Bytes that go out as they are before the end.
    pub(super) fn garbage(&self) -> Option<Bytes> {
        if !self.spoilt.load(Ordering::Acquire) {
            return None;
        }
        self.garbage.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// How often a slow body sends a piece.
const TICK: Duration = Duration::from_millis(100);

/// The body of an answer.
#[derive(Debug)]
pub(super) enum AnswerBody {
    /// As the handler gave it; taken when it is sent.
    Whole(Option<Bytes>),
    /// Slow, or cut, or both.
    Damaged(Box<Damaged>),
}

impl AnswerBody {
    pub(super) fn whole(body: Bytes) -> Self {
        Self::Whole((!body.is_empty()).then_some(body))
    }

    pub(super) fn damaged(body: &Bytes, damage: &Damage, doom: Arc<Doom>) -> Self {
        let (kept, how) = match &damage.cut {
            Some(Cut { after: CutPoint::Body(kept), how }) => (*kept, Some(how.clone())),
            Some(Cut { after: CutPoint::Before, how }) => (0, Some(how.clone())),
            None => (usize::MAX, None),
        };
        let kept = kept.min(body.len());
        let missing = u64::from(how.is_some() && kept == body.len());
        let announced = (body.len() as u64).saturating_add(missing);
        let piece = damage.bytes_per_second.map(|speed| {
            let ticks = u64::try_from(TICK.as_millis()).unwrap_or(1);
            usize::try_from(speed.saturating_mul(ticks) / 1000).unwrap_or(usize::MAX).max(1)
        });
        // Slower than a byte in a tick: the ticks are longer.
        let tick = match damage.bytes_per_second {
            Some(speed) if speed < 10 => Duration::from_millis(1000 / speed.max(1)),
            Some(_) | None => TICK,
        };
        Self::Damaged(Box::new(Damaged {
            left: body.slice(..kept),
            announced,
            piece,
            tick,
            timer: None,
            how,
            doom,
        }))
    }
}

/// A body that is slow, or cut, or both.
#[derive(Debug)]
pub(super) struct Damaged {
    left: Bytes,
    announced: u64,
    piece: Option<usize>,
    tick: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    how: Option<CutHow>,
    doom: Arc<Doom>,
}

impl Damaged {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(timer) = &mut self.timer {
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
        }
        if self.left.is_empty() {
            return match self.how.take() {
                // The connection ends before this body does.
                Some(how) => {
                    self.doom.seal(&how);
                    Poll::Pending
                }
                None if self.announced == 0 || self.piece.is_some() => Poll::Ready(None),
                None => Poll::Pending,
            };
        }
        let length = self.piece.unwrap_or(usize::MAX).min(self.left.len());
        if self.piece.is_some() {
            self.timer = Some(Box::pin(sleep_until(Instant::now() + self.tick)));
        }
        let piece = self.left.split_to(length);
        self.announced = self.announced.saturating_sub(piece.len() as u64);
        Poll::Ready(Some(piece))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Self::Damaged(damaged) => {
                damaged.poll(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_none(),
            Self::Damaged(damaged) => damaged.announced == 0 && damaged.how.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Whole(body) => body.as_ref().map_or(0, |body| body.len() as u64),
            Self::Damaged(damaged) => damaged.announced,
        })
    }
}
