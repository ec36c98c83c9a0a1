//! Process groups: a command with all that it starts, what they print, and their end.
//!
//! Both streams are drained from the start; of a very long one the beginning and the end are kept. What is left of a group is killed when its value is
//! dropped, whatever the reason. Left out: processes that make a group of their own on purpose.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop, ProcessGroup};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::seen::Seen;

/// How long a group may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);
/// How long pipes may stay open after the command has ended.
const PIPES: Duration = Duration::from_millis(500);
/// Bytes that are kept of the beginning of each stream, and as many of its end.
const KEPT: usize = 4 << 20;

/// The signal that ends a group when a step is over its time.
pub(crate) const TERM: i32 = 15;

/// A command and all in its process group.
pub(crate) struct Group {
    child: Box<dyn ChildWrapper>,
    printed: Arc<Mutex<Printed>>,
    drains: [JoinHandle<()>; 2],
    /// The file that says what time the command sees, when that is the world's and it goes on in the background.
    pub(crate) clock_file: Option<PathBuf>,
}

/// What was printed so far: each stream and both in the order of their arrival.
#[derive(Default)]
pub(crate) struct Printed {
    stdout: Kept,
    stderr: Kept,
    both: Kept,
    /// What came of a line of each stream that has no end yet. A program may write a line of its errors in pieces;
    /// what it prints at the same time must not stand in the middle of it.
    begun: [Vec<u8>; 2],
}

impl Printed {
    /// Takes in a part of one of the two streams.
    fn take(&mut self, part: &[u8], error: bool) {
        if error { &mut self.stderr } else { &mut self.stdout }.take(part);
        let [out, err] = &mut self.begun;
        let begun = if error { err } else { out };
        if let Some(end) = part.iter().rposition(|byte| *byte == b'\n') {
            let (whole, rest) = part.split_at(end + 1);
            self.both.take(begun);
            self.both.take(whole);
            begun.clear();
            begun.extend_from_slice(rest);
        } else {
            begun.extend_from_slice(part);
            // Who never ends a line is not waited for.
            if begun.len() > KEPT {
                self.both.take(begun);
                begun.clear();
            }
        }
    }

    /// Both streams, line by line in the order of their arrival; lines without an end stand last.
    fn both(&self) -> Vec<u8> {
        let mut both = self.both.clone();
        self.begun.iter().for_each(|begun| both.take(begun));
        both.bytes()
    }

    /// What is seen of what was printed.
    pub(crate) fn seen(&self, exit: Value) -> Seen {
        let text = |bytes: Vec<u8>| clean(&String::from_utf8_lossy(&bytes));
        Seen::of_process(
            exit,
            text(self.stdout.bytes()),
            text(self.stderr.bytes()),
            text(self.both()),
        )
    }
}

/// The beginning and the end of a stream; of a very long one the middle is left out, with a line that says so.
#[derive(Clone, Default)]
struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    lost: usize,
}

impl Kept {
    fn take(&mut self, part: &[u8]) {
        let room = KEPT.saturating_sub(self.head.len()).min(part.len());
        let (head, rest) = part.split_at(room);
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..over);
        self.lost += over;
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.clone();
        if self.lost > 0 {
            bytes.extend(format!("\n[{} bytes are left out here]\n", self.lost).into_bytes());
        }
        bytes.extend(&self.tail);
        bytes
    }
}

impl Group {
    /// Starts a command in a group of its own.
    pub(crate) fn spawn(
        program: &str,
        prepare: impl FnOnce(&mut Command),
        stdin: Option<String>,
    ) -> io::Result<Self> {
        let mut wrap = CommandWrap::with_new(program, |command| {
            prepare(command);
            command
                .stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() })
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
        });
        wrap.wrap(ProcessGroup::leader()).wrap(KillOnDrop);
        let mut child = wrap.spawn()?;
        let printed = Arc::new(Mutex::new(Printed::default()));
        let drains = [
            tokio::spawn(drain(child.stdout().take(), Arc::clone(&printed), false)),
            tokio::spawn(drain(child.stderr().take(), Arc::clone(&printed), true)),
        ];
        if let (Some(text), Some(mut pipe)) = (stdin, child.stdin().take()) {
            tokio::spawn(async move {
                // A command that does not read all of it is not wrong.
                let _written = pipe.write_all(text.as_bytes()).await;
            });
        }
        Ok(Self { child, printed, drains, clock_file: None })
    }

    /// Waits for the command's end, at most so long; then the group is ended.
    pub(crate) async fn follow(&mut self, limit: Duration) -> Seen {
        let exit = match timeout(limit, self.child.wait()).await {
            Ok(Ok(status)) => exit_of(status),
            Ok(Err(error)) => Value::String(format!("an error of the system: {error}")),
            Err(_) => {
                self.end(TERM).await;
                "timeout".into()
            }
        };
        self.close_pipes().await;
        self.seen(exit)
    }

    /// How the command has ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<Value> {
        self.child.try_wait().ok().flatten().map(exit_of)
    }

    /// Ends the group: this signal, time to obey, and a kill. Gives how the command ended.
    pub(crate) async fn stop(&mut self, signal: i32) -> Seen {
        self.end(signal).await;
        let exit = self.ended().unwrap_or_else(|| "signal:9".into());
        self.close_pipes().await;
        self.seen(exit)
    }

    /// What was printed so far on standard output.
    pub(crate) fn stdout(&self) -> String {
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        clean(&String::from_utf8_lossy(&printed.stdout.bytes()))
    }

    /// What is seen of the group so far.
    pub(crate) fn seen(&self, exit: Value) -> Seen {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner).seen(exit)
    }

    /// What it prints, for whoever has to tell of it when nobody waits for its end any more.
    pub(crate) fn printed(&self) -> Arc<Mutex<Printed>> {
        Arc::clone(&self.printed)
    }

    /// A grandchild may hold the pipes; what it prints later belongs to nobody.
    async fn close_pipes(&mut self) {
        let [out, err] = &mut self.drains;
        let _closed = timeout(PIPES, async {
            // Whether a reader ended well is of no interest: what it read is kept.
            let _both = (out.await, err.await);
        })
        .await;
        self.drains.iter().for_each(JoinHandle::abort);
    }

    async fn end(&mut self, signal: i32) {
        #[cfg(unix)]
        if self.child.signal(signal).is_ok() && timeout(GRACE, self.child.wait()).await.is_ok() {
            return;
        }
        if self.child.start_kill().is_ok() {
            let _ended = timeout(GRACE, self.child.wait()).await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // An error says that nothing of the group is left.
        let _gone = self.child.start_kill();
        self.drains.iter().for_each(JoinHandle::abort);
    }
}

async fn drain(stream: Option<impl AsyncRead + Unpin>, printed: Arc<Mutex<Printed>>, error: bool) {
    let Some(mut stream) = stream else { return };
    let mut buffer = [0_u8; 8192];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        let part = buffer.get(..length).unwrap_or_default();
        printed.lock().unwrap_or_else(PoisonError::into_inner).take(part, error);
    }
}

fn exit_of(status: ExitStatus) -> Value {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal() {
            return format!("signal:{signal}").into();
        }
    }
    status.code().map_or(Value::Null, Value::from)
}

/// Text as expectations see it: lines end with LF, and colours are gone.
fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\u{1b}' if rest.peek() == Some(&'[') => {
                rest.next();
                while rest.next().is_some_and(|c| !c.is_ascii_alphabetic()) {}
            }
            c => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_comes_in_pieces_stays_whole_beside_the_other_stream() {
        let mut printed = Printed::default();
        printed.take(b"curl: (52) Empty rep", true);
        printed.take(b"HTTP/1.1 200 OK\r\n\r\nno e", false);
        printed.take(b"ly from server\nlast", true);
        printed.take(b"nd", false);
        let both = printed.both();
        let both = String::from_utf8_lossy(&both);
        assert_eq!(both, "HTTP/1.1 200 OK\r\n\r\ncurl: (52) Empty reply from server\nno endlast");
        assert_eq!(printed.stderr.bytes(), b"curl: (52) Empty reply from server\nlast");
    }

    #[test]
    fn of_endless_output_the_beginning_and_the_end_are_kept_with_a_mark_between() {
        let mut printed = Printed::default();
        printed.take(b"begin\n", false);
        for _ in 0..3 {
            printed.take(&vec![b'x'; KEPT], false);
        }
        printed.take(b"\nend", false);
        let seen = printed.seen(Value::from(0));
        for text in [seen.stdout.unwrap(), seen.output.unwrap()] {
            assert!(text.starts_with("begin\nxxx") && text.ends_with("xxx\nend"));
            assert!(text.contains("bytes are left out here]\n"), "{}", text.len());
            assert!(text.len() < 2 * KEPT + 100, "{}", text.len());
        }
    }

    #[test]
    fn colours_and_carriage_returns_are_taken_out() {
        assert_eq!(clean("a\r\n\u{1b}[31mred\u{1b}[0m\n"), "a\nred\n");
    }
}
