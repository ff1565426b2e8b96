//! Binds what a configuration names: TCP or a Unix socket for Envoy, TCP for operators.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::net::{TcpListener, UnixListener};

/// A bound door for Envoy.
#[derive(Debug)]
pub enum Door {
    /// A TCP port.
    Tcp(TcpListener),
    /// A Unix socket, removed again when it is dropped.
    Unix(UnixListener, SocketFile),
}

/// Why a door could not be bound.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The address is taken, or not ours to bind.
    #[error("cannot listen on `{address}` (`listen.{field}`): {source}")]
    Bind {
        /// Field of the configuration.
        field: &'static str,
        /// What was to be bound.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// Something that is no socket of ours lies at the path.
    #[error(
        "cannot listen on `{0}` (`listen.grpc`): something that is no socket lies there; remove it or choose another path"
    )]
    NoSocket(PathBuf),
    /// Another process answers on the socket.
    #[error("cannot listen on `{0}` (`listen.grpc`): another process is listening there")]
    InUse(PathBuf),
}

impl Door {
    /// Binds `HOST:PORT` or `unix:///PATH`.
    pub async fn bind(address: &str) -> Result<Self, ListenError> {
        match address.strip_prefix("unix://") {
            Some(path) => bind_unix(Path::new(path)),
            None => bind_tcp("grpc", address).await.map(Self::Tcp),
        }
    }

    /// The address that was bound, with the real port.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(|address| address.to_string()).unwrap_or_default(),
            Self::Unix(_, file) => format!("unix://{}", file.path.display()),
        }
    }
}

/// Binds the operators' port.
pub async fn bind_admin(address: &str) -> Result<TcpListener, ListenError> {
    bind_tcp("http", address).await
}

async fn bind_tcp(field: &'static str, address: &str) -> Result<TcpListener, ListenError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| ListenError::Bind { field, address: address.to_owned(), source })
}

/// Removes a stale socket, never anything else: no symlink is followed, nothing that is no socket is
/// touched, and a socket that answers belongs to somebody (S-269).
fn bind_unix(path: &Path) -> Result<Door, ListenError> {
    let failed = |source| ListenError::Bind { field: "grpc", address: format!("unix://{}", path.display()), source };
    match std::fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => return Err(ListenError::NoSocket(path.to_owned())),
        Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
            return Err(ListenError::InUse(path.to_owned()));
        }
        Ok(_) => std::fs::remove_file(path).map_err(failed)?,
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(failed)?;
    let file = SocketFile::of(path).map_err(failed)?;
    Ok(Door::Unix(listener, file))
}

/// A socket's file, removed when it is dropped, unless a successor has put its own there.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            // A file that stays is a stale socket, which the next start copes with.
            std::fs::remove_file(&self.path).ok();
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let meta = std::fs::symlink_metadata(path)?;
    Ok((meta.dev(), meta.ino()))
}
