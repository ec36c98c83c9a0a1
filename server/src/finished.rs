//! A future that is finished even when nobody waits for it any more.
//!
//! A client that takes its HTTP/2 request back drops whatever answers it, at any moment at which that waits, and so does
//! a fault that cuts connections. What has changed the directory by then must be in the journal too. Nothing is spawned unless that happens. Left out: the end of
//! the runtime, which ends everything.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Wraps a future; see the module.
pub(crate) struct Finished<F: Future + Send + 'static>(Option<Pin<Box<F>>>)
where
    F::Output: Send;

impl<F: Future + Send + 'static> Finished<F>
where
    F::Output: Send,
{
    /// Wraps a future.
    pub(crate) fn new(future: F) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<F: Future + Send + 'static> Future for Finished<F>
where
    F::Output: Send,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // Taken out meanwhile: one that panics is not to be polled again.
        let Some(mut future) = self.0.take() else { return Poll::Pending };
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            self.0 = Some(future);
        }
        polled
    }
}

impl<F: Future + Send + 'static> Drop for Finished<F>
where
    F::Output: Send,
{
    fn drop(&mut self) {
        if let (Some(future), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            drop(runtime.spawn(async move { drop(future.await) }));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;

    use tokio::sync::{Notify, oneshot};

    use super::*;

    /// A future that waits once and then says that it is done.
    fn waiting(
        go: &Arc<Notify>,
    ) -> (Finished<impl Future<Output = u8> + use<>>, oneshot::Receiver<()>) {
        let (done, is_done) = oneshot::channel();
        let go = Arc::clone(go);
        let future = Finished::new(async move {
            go.notified().await;
            done.send(()).unwrap();
            7
        });
        (future, is_done)
    }

    async fn polled_once<F: Future + Unpin>(future: &mut F) -> bool {
        poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx).is_ready())).await
    }

    #[tokio::test]
    async fn what_was_dropped_half_way_is_finished() {
        let go = Arc::new(Notify::new());
        let (mut future, done) = waiting(&go);
        assert!(!polled_once(&mut future).await);
        drop(future);
        go.notify_one();
        done.await.unwrap();
    }

    #[tokio::test]
    async fn what_is_waited_for_gives_its_value_and_runs_once() {
        let go = Arc::new(Notify::new());
        let (future, done) = waiting(&go);
        go.notify_one();
        assert_eq!(future.await, 7);
        done.await.unwrap();
    }

    #[tokio::test]
    async fn what_panicked_is_not_run_again() {
        let mut future = Finished::new(async { panic!("once") });
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let _panics: Poll<()> = Pin::new(&mut future).poll(&mut cx);
        }));
        assert!(polled.is_err());
        assert!(future.0.is_none());
    }
}
