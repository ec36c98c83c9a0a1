//! The two ways to keep the database: in memory behind a mutex, or in a folder with a writer thread and readers.
//!
//! The writer commits what is waiting together, with a savepoint for every job, and answers only after the commit.
//! `synchronous = NORMAL`: a killed process loses nothing that was answered; a machine without power may.
//! A job that panics is rolled back and answered like one that failed, and no transaction is left open for the next.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use super::{DirectoryError, schema};

/// Jobs that one commit holds at most.
const BATCH: usize = 256;
/// Connections for point reads on the runtime's own threads.
const POINT_READERS: usize = 4;
/// Connections for lists and scans, which run beside the runtime.
const SCAN_READERS: usize = 2;

/// What a job leaves: whether to keep what it wrote, and how to answer once the commit is through or has failed.
type After = Box<dyn FnOnce(Result<(), DirectoryError>) + Send>;
/// A job without a connection is one whose transaction could not begin: it leaves only its answer.
type Job = Box<dyn FnOnce(Option<&Connection>) -> (bool, After) + Send>;

/// The database of a directory, and the number of its last change.
pub(super) struct Store {
    kept: Kept,
    version: Arc<AtomicU64>,
}

enum Kept {
    Memory(Mutex<Connection>),
    Folder(Box<Folder>),
}

struct Folder {
    writer: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    points: Vec<Mutex<Connection>>,
    scans: Arc<[Mutex<Connection>]>,
    next: AtomicUsize,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kept {
            Kept::Memory(_) => "Store::Memory",
            Kept::Folder(_) => "Store::Folder",
        })
    }
}

impl Store {
    pub(super) fn memory(connection: Connection) -> Self {
        Self { kept: Kept::Memory(Mutex::new(connection)), version: Arc::default() }
    }

    pub(super) fn folder(file: &Path) -> Result<Self, DirectoryError> {
        let writer = Connection::open(file)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "NORMAL")?;
        // Joins write all over the indexes: 16 MiB, which a large directory alone ever fills.
        writer.pragma_update(None, "cache_size", -16_384)?;
        writer.busy_timeout(std::time::Duration::from_secs(5))?;
        schema::prepare(&writer)?;
        let readers = |count: usize| -> Result<Vec<_>, rusqlite::Error> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let open = || -> Result<_, rusqlite::Error> {
                let reader = Connection::open_with_flags(file, flags)?;
                reader.set_prepared_statement_cache_capacity(64);
                Ok(Mutex::new(reader))
            };
            (0..count).map(|_| open()).collect()
        };
        let (points, scans) = (readers(POINT_READERS)?, readers(SCAN_READERS)?);
        let (sender, jobs) = mpsc::channel();
        let version = Arc::<AtomicU64>::default();
        let moved = Arc::clone(&version);
        let thread = std::thread::Builder::new()
            .name("directory-writer".to_owned())
            .spawn(move || write_until_closed(&writer, &jobs, &moved))
            .map_err(|error| DirectoryError::Folder {
                folder: file.display().to_string(),
                cause: error.to_string(),
            })?;
        let kept = Kept::Folder(Box::new(Folder {
            writer: Some(sender),
            thread: Some(thread),
            points,
            scans: scans.into(),
            next: AtomicUsize::new(0),
        }));
        Ok(Self { kept, version })
    }

    /// A number that moves with every write before the write is answered. Who reads it and then rows, and finds it
    /// unmoved later, has the rows of now.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// [`Self::write`] for a job that says itself whether it changed anything that readers remember, and is told the number
    /// of the last change, which nothing moves while it runs. In a folder every job counts as a change, and there is no
    /// number (`None`): jobs before it in the same commit may have changed what was read under the last one.
    pub(super) async fn write_telling<T, F>(&self, work: F) -> Result<T, DirectoryError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, Option<u64>) -> Result<(T, bool), DirectoryError> + Send + 'static,
    {
        match &self.kept {
            Kept::Memory(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let version = self.version();
                let work = |c: &Connection| work(c, Some(version));
                let done = in_transaction(&connection, || guarded(work, &connection));
                if !matches!(done, Ok((_, false))) {
                    self.version.fetch_add(1, Ordering::Release);
                }
                done.map(|(done, _)| done)
            }
            Kept::Folder(_) => self.write(move |c| work(c, None).map(|(done, _)| done)).await,
        }
    }

    /// Runs a job that may write. What it wrote is kept when it returns `Ok`, a refusal inside included.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, DirectoryError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, DirectoryError> + Send + 'static,
    {
        match &self.kept {
            Kept::Memory(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let done = in_transaction(&connection, || guarded(work, &connection));
                self.version.fetch_add(1, Ordering::Release);
                done
            }
            Kept::Folder(folder) => {
                let (answer, answered) = oneshot::channel();
                let job: Job = Box::new(move |connection| {
                    let done = match connection {
                        Some(connection) => guarded(work, connection),
                        None => Err(DirectoryError::Closed),
                    };
                    let keep = done.is_ok();
                    let after: After = Box::new(move |committed| {
                        // Nobody may be waiting any more; the work stands all the same.
                        let _gone = answer.send(committed.and(done));
                    });
                    (keep, after)
                });
                let writer = folder.writer.as_ref().ok_or(DirectoryError::Closed)?;
                writer.send(job).map_err(|_| DirectoryError::Closed)?;
                answered.await.map_err(|_| DirectoryError::Closed)?
            }
        }
    }

    /// Runs a read of a few rows by an index, at once and on this thread.
    pub(super) fn point<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, DirectoryError>,
    ) -> Result<T, DirectoryError> {
        match &self.kept {
            Kept::Memory(connection) => {
                guarded(work, &connection.lock().unwrap_or_else(PoisonError::into_inner))
            }
            Kept::Folder(folder) => {
                let free = folder.points.iter().find_map(|reader| reader.try_lock().ok());
                if let Some(connection) = free {
                    return guarded(work, &connection);
                }
                let turn = folder.next.fetch_add(1, Ordering::Relaxed) % POINT_READERS;
                let reader = folder.points.get(turn).ok_or(DirectoryError::Closed)?;
                guarded(work, &reader.lock().unwrap_or_else(PoisonError::into_inner))
            }
        }
    }

    /// Runs a read that may take long, beside the runtime when there is a folder.
    pub(super) async fn scan<T, F>(&self, work: F) -> Result<T, DirectoryError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, DirectoryError> + Send + 'static,
    {
        match &self.kept {
            Kept::Memory(connection) => {
                guarded(work, &connection.lock().unwrap_or_else(PoisonError::into_inner))
            }
            Kept::Folder(folder) => {
                let scans = Arc::clone(&folder.scans);
                let turn = folder.next.fetch_add(1, Ordering::Relaxed) % SCAN_READERS;
                tokio::task::spawn_blocking(move || {
                    let reader = scans.get(turn).ok_or(DirectoryError::Closed)?;
                    guarded(work, &reader.lock().unwrap_or_else(PoisonError::into_inner))
                })
                .await
                .map_err(|_| DirectoryError::Closed)?
            }
        }
    }

    /// Whether the database is in a folder.
    pub(super) const fn is_folder(&self) -> bool {
        matches!(self.kept, Kept::Folder(_))
    }

    /// Runs something that needs the connection outside any transaction (snapshots); memory only.
    pub(super) fn exclusive<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, DirectoryError>,
    ) -> Result<T, DirectoryError> {
        match &self.kept {
            Kept::Memory(connection) => {
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let done = work(&mut connection);
                self.version.fetch_add(1, Ordering::Release);
                done
            }
            Kept::Folder(_) => Err(DirectoryError::Closed),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.writer.take());
        if let Some(thread) = self.thread.take() {
            // The thread ends by itself once its queue is empty; a panic in it has been answered as `Closed`.
            let _ended = thread.join();
        }
    }
}

fn write_until_closed(connection: &Connection, jobs: &mpsc::Receiver<Job>, version: &AtomicU64) {
    while let Ok(first) = jobs.recv() {
        let mut answers = Vec::new();
        let committed = commit_batch(connection, first, jobs, &mut answers);
        version.fetch_add(1, Ordering::Release);
        let failure = committed.err().map(|error| error.to_string());
        for answer in answers {
            answer(match &failure {
                None => Ok(()),
                Some(cause) => Err(DirectoryError::Folder {
                    folder: connection.path().unwrap_or_default().to_owned(),
                    cause: cause.clone(),
                }),
            });
        }
    }
}

/// Runs what waits in one transaction. When that fails, nothing of it stays, whatever each job said of itself.
fn commit_batch(
    connection: &Connection,
    first: Job,
    jobs: &mpsc::Receiver<Job>,
    answers: &mut Vec<After>,
) -> Result<(), DirectoryError> {
    let mut next = Some(first);
    let done = in_transaction(connection, || {
        while let Some(job) = next.take() {
            if let Err(error) = say(connection, "SAVEPOINT job") {
                next = Some(job);
                return Err(error.into());
            }
            let (keep, after) = job(Some(connection));
            answers.push(after);
            if !keep {
                say(connection, "ROLLBACK TO job")?;
            }
            say(connection, "RELEASE job")?;
            if answers.len() < BATCH {
                next = jobs.try_recv().ok();
            }
        }
        Ok(())
    });
    // Only a transaction that failed leaves a job behind; it still has to be answered.
    answers.extend(next.map(|job| job(None).1));
    done
}

/// Runs something in a transaction of its own, which is over afterwards, however it went.
fn in_transaction<T>(
    connection: &Connection,
    work: impl FnOnce() -> Result<T, DirectoryError>,
) -> Result<T, DirectoryError> {
    let done = say(connection, "BEGIN IMMEDIATE").map_err(Into::into).and_then(|()| {
        let done = work()?;
        say(connection, "COMMIT")?;
        Ok(done)
    });
    if !connection.is_autocommit() {
        say(connection, "ROLLBACK")?;
    }
    done
}

/// Runs a job and makes an error of its panic.
fn guarded<T>(
    work: impl FnOnce(&Connection) -> Result<T, DirectoryError>,
    connection: &Connection,
) -> Result<T, DirectoryError> {
    // What a panic leaves half-done is in the transaction, which is rolled back.
    catch_unwind(AssertUnwindSafe(|| work(connection))).unwrap_or_else(|thrown| {
        let text = thrown.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| thrown.downcast_ref::<&str>().copied());
        Err(DirectoryError::Panicked(text.unwrap_or("no message").to_owned()))
    })
}

/// Runs a statement about transactions, which is prepared once like all others.
fn say(connection: &Connection, sql: &str) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(sql)?.execute([]).map(|_rows| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store in memory and one in a folder, with a table whose reference is checked at the commit only.
    fn stores() -> (tempfile::TempDir, [Store; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open_in_memory().unwrap();
        schema::prepare(&connection).unwrap();
        let stores = [
            Store::memory(connection),
            Store::folder(&folder.path().join("directory.sqlite")).unwrap(),
        ];
        (folder, stores)
    }

    async fn note(store: &Store, key: &'static str) -> Result<(), DirectoryError> {
        store.write(move |c| put(c, key)).await
    }

    fn put(c: &Connection, key: &str) -> Result<(), DirectoryError> {
        c.execute("INSERT INTO meta (key, value) VALUES (?1, 1)", [key])?;
        Ok(())
    }

    /// The notes that are there.
    async fn notes(store: &Store) -> Vec<String> {
        let read = |c: &Connection| {
            let mut all =
                c.prepare("SELECT key FROM meta WHERE key NOT LIKE '%:%' ORDER BY key")?;
            Ok(all.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        };
        store.scan(read).await.unwrap()
    }

    #[tokio::test]
    async fn a_job_that_panics_is_rolled_back_answered_and_forgotten() {
        let (_folder, stores) = stores();
        for store in &stores {
            note(store, "before").await.unwrap();
            let panicking = store.write(|c| -> Result<(), DirectoryError> {
                put(c, "panicked")?;
                panic!("half-way");
            });
            let said = panicking.await.unwrap_err().to_string();
            assert!(said.contains("half-way"), "{store:?}: {said}");
            note(store, "after").await.unwrap();
            assert_eq!(notes(store).await, ["after", "before"], "{store:?}");
            for _ in 0..3 * POINT_READERS {
                let thrown = store.point(|_| -> Result<(), DirectoryError> { panic!("reading") });
                assert!(thrown.is_err());
                let read = |_: &Connection| -> Result<(), DirectoryError> { panic!("scanning") };
                assert!(store.scan(read).await.is_err());
            }
            assert_eq!(notes(store).await.len(), 2, "{store:?}");
        }
    }

    #[tokio::test]
    async fn a_transaction_that_cannot_be_ended_does_not_stop_the_next_job() {
        let (_folder, stores) = stores();
        for store in &stores {
            let define =
                "CREATE TABLE child (of TEXT REFERENCES meta (key) DEFERRABLE INITIALLY DEFERRED)";
            store.write(|c| Ok(c.execute_batch(define)?)).await.unwrap();
            // The commit fails and leaves the transaction open.
            let orphan = store.write(|c| {
                put(c, "orphan")?;
                Ok(c.execute_batch("INSERT INTO child VALUES ('nobody')")?)
            });
            assert!(orphan.await.is_err(), "{store:?}");
            note(store, "first").await.unwrap();
            // The job ends the transaction that it runs in.
            assert!(store.write(|c| Ok(c.execute_batch("ROLLBACK")?)).await.is_err(), "{store:?}");
            note(store, "second").await.unwrap();
            assert_eq!(notes(store).await, ["first", "second"], "{store:?}");
        }
    }

    #[tokio::test]
    async fn a_transaction_left_open_by_something_else_does_not_stop_the_next_job() {
        let (_folder, [memory, _]) = stores();
        memory.exclusive(|c| Ok(c.execute_batch("BEGIN")?)).unwrap();
        assert!(note(&memory, "refused").await.is_err());
        note(&memory, "kept").await.unwrap();
        assert_eq!(notes(&memory).await, ["kept"]);
    }
}
