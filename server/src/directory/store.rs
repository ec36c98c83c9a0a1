//! The two ways to keep the database: in memory behind a mutex, or in a folder with a writer thread and readers.
//!
//! The writer commits what is waiting together, with a savepoint for every job, and answers only after the commit.
//! `synchronous = NORMAL`: a killed process loses nothing that was answered; a machine without power may.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
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
type Job = Box<dyn FnOnce(&Connection) -> (bool, After) + Send>;

/// The database of a directory.
pub(super) enum Store {
    Memory(Mutex<Connection>),
    Folder(Box<Folder>),
}

pub(super) struct Folder {
    writer: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    points: Vec<Mutex<Connection>>,
    scans: Arc<[Mutex<Connection>]>,
    next: AtomicUsize,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory(_) => "Store::Memory",
            Self::Folder(_) => "Store::Folder",
        })
    }
}

impl Store {
    pub(super) fn memory(connection: Connection) -> Self {
        Self::Memory(Mutex::new(connection))
    }

    pub(super) fn folder(file: &Path) -> Result<Self, DirectoryError> {
        let writer = Connection::open(file)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "NORMAL")?;
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
        let thread = std::thread::Builder::new()
            .name("directory-writer".to_owned())
            .spawn(move || write_until_closed(&writer, &jobs))
            .map_err(|error| DirectoryError::Folder {
                folder: file.display().to_string(),
                cause: error.to_string(),
            })?;
        Ok(Self::Folder(Box::new(Folder {
            writer: Some(sender),
            thread: Some(thread),
            points,
            scans: scans.into(),
            next: AtomicUsize::new(0),
        })))
    }

    /// Runs a job that may write. What it wrote is kept when it returns `Ok`, a refusal inside included.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, DirectoryError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, DirectoryError> + Send + 'static,
    {
        match self {
            Self::Memory(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                connection.execute_batch("BEGIN IMMEDIATE")?;
                let done = work(&connection);
                connection.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
                done
            }
            Self::Folder(folder) => {
                let (answer, answered) = oneshot::channel();
                let job: Job = Box::new(move |connection| {
                    let done = work(connection);
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
        match self {
            Self::Memory(connection) => {
                work(&connection.lock().unwrap_or_else(PoisonError::into_inner))
            }
            Self::Folder(folder) => {
                let free = folder.points.iter().find_map(|reader| reader.try_lock().ok());
                if let Some(connection) = free {
                    return work(&connection);
                }
                let turn = folder.next.fetch_add(1, Ordering::Relaxed) % POINT_READERS;
                let reader = folder.points.get(turn).ok_or(DirectoryError::Closed)?;
                work(&reader.lock().unwrap_or_else(PoisonError::into_inner))
            }
        }
    }

    /// Runs a read that may take long, beside the runtime when there is a folder.
    pub(super) async fn scan<T, F>(&self, work: F) -> Result<T, DirectoryError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, DirectoryError> + Send + 'static,
    {
        match self {
            Self::Memory(connection) => {
                work(&connection.lock().unwrap_or_else(PoisonError::into_inner))
            }
            Self::Folder(folder) => {
                let scans = Arc::clone(&folder.scans);
                let turn = folder.next.fetch_add(1, Ordering::Relaxed) % SCAN_READERS;
                tokio::task::spawn_blocking(move || {
                    let reader = scans.get(turn).ok_or(DirectoryError::Closed)?;
                    work(&reader.lock().unwrap_or_else(PoisonError::into_inner))
                })
                .await
                .map_err(|_| DirectoryError::Closed)?
            }
        }
    }

    /// Whether the database is in a folder.
    pub(super) const fn is_folder(&self) -> bool {
        matches!(self, Self::Folder(_))
    }

    /// Runs something that needs the connection outside any transaction (snapshots); memory only.
    pub(super) fn exclusive<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, DirectoryError>,
    ) -> Result<T, DirectoryError> {
        match self {
            Self::Memory(connection) => {
                work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
            }
            Self::Folder(_) => Err(DirectoryError::Closed),
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

fn write_until_closed(connection: &Connection, jobs: &mpsc::Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut answers = Vec::new();
        let committed = commit_batch(connection, first, jobs, &mut answers);
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

fn commit_batch(
    connection: &Connection,
    first: Job,
    jobs: &mpsc::Receiver<Job>,
    answers: &mut Vec<After>,
) -> Result<(), rusqlite::Error> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let mut next = Some(first);
    while let Some(job) = next.take() {
        connection.execute_batch("SAVEPOINT job")?;
        let (keep, after) = job(connection);
        connection.execute_batch(if keep {
            "RELEASE job"
        } else {
            "ROLLBACK TO job; RELEASE job"
        })?;
        answers.push(after);
        if answers.len() < BATCH {
            next = jobs.try_recv().ok();
        }
    }
    connection.execute_batch("COMMIT")
}
