//! The CA in a folder: made once, under a lock, and read ever after.
//!
//! `tls-ca.key.pem` holds the private key and the certificate (mode 0600, replaced in one step, so
//! that key and certificate always belong together); `tls-ca.pem` holds the certificate alone, for
//! `REQUESTS_CA_BUNDLE` and its like; `tls-ca.lock` is what processes that start together wait for.
//! Left out: moving to a new CA by itself. Who wants one moves the old files away.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use super::{TlsCa, TlsError};

/// The private key and the certificate of the CA.
const KEY_FILE: &str = "tls-ca.key.pem";
/// The certificate of the CA alone.
const CERTIFICATE_FILE: &str = "tls-ca.pem";
const LOCK_FILE: &str = "tls-ca.lock";

impl TlsCa {
    /// The CA of the folder `dir`, made there when it has none. `now_unix` and `domains` as for
    /// [`TlsCa::generate`].
    ///
    /// # Errors
    /// The folder or its files cannot be used ([`TlsError::Io`]), the file is damaged
    /// ([`TlsError::Damaged`]), or the CA is there but was made for other domains
    /// ([`TlsError::Domains`]).
    pub fn load_or_create(
        dir: &Path,
        now_unix: i64,
        domains: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, TlsError> {
        let domains: Vec<String> =
            domains.into_iter().map(|d| d.as_ref().to_ascii_lowercase()).collect();
        fs::create_dir_all(dir).map_err(|e| io("make the folder", dir, e))?;
        let lock_path = dir.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|e| io("open", &lock_path, e))?;
        lock.lock().map_err(|e| io("lock", &lock_path, e))?;

        let key_path = dir.join(KEY_FILE);
        let ca = match fs::read_to_string(&key_path) {
            Ok(pem) => stored(&key_path, &pem, &domains)?,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let ca = Self::generate(now_unix, &domains)?;
                replace(&key_path, &ca.to_pem(), Readers::Owner)?;
                ca
            }
            Err(e) if e.kind() == ErrorKind::InvalidData => {
                return Err(TlsError::Damaged { path: key_path, reason: "no text".to_owned() });
            }
            Err(e) => return Err(io("read", &key_path, e)),
        };
        let certificate_path = Self::certificate_path(dir);
        let there = fs::read(&certificate_path).ok();
        if there.as_deref() != Some(ca.ca_pem().as_bytes()) {
            replace(&certificate_path, ca.ca_pem(), Readers::Everybody)?;
        }
        lock.unlock().map_err(|e| io("unlock", &lock_path, e))?;
        Ok(ca)
    }

    /// Where the certificate alone stands in the folder `dir`: the file for clients to trust.
    pub fn certificate_path(dir: &Path) -> PathBuf {
        dir.join(CERTIFICATE_FILE)
    }
}

/// The CA that stands in `path`, if it may certify all of `domains`.
fn stored(path: &Path, pem: &str, domains: &[String]) -> Result<TlsCa, TlsError> {
    let ca = TlsCa::from_pem(pem)
        .map_err(|e| TlsError::Damaged { path: path.to_owned(), reason: e.to_string() })?;
    let missing: Vec<&str> =
        domains.iter().map(String::as_str).filter(|domain| !ca.permits(domain)).collect();
    if missing.is_empty() {
        Ok(ca)
    } else {
        Err(TlsError::Domains { path: path.to_owned(), missing: missing.join(", ") })
    }
}

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readers {
    Owner,
    Everybody,
}

/// Puts `text` in the place of `path` in one step: a reader sees the old file or the new one.
fn replace(path: &Path, text: &str, readers: Readers) -> Result<(), TlsError> {
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Ok(()) => {}
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(io("remove", &new, e)),
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if readers == Readers::Owner { 0o600 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = readers;
    let write = |mut file: File| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    options.open(&new).and_then(write).map_err(|e| io("write", &new, e))?;
    fs::rename(&new, path).map_err(|e| io("replace", path, e))
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> TlsError {
    TlsError::Io { action, path: path.to_owned(), source }
}
