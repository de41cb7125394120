//! A `nats-server` of one's own, for as long as the example runs.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use tempfile::TempDir;

pub(crate) struct Server {
    process: Child,
    port: u16,
    _store: TempDir,
}

impl Server {
    /// Starts it on a port that is free. `None` if it is not installed.
    pub(crate) fn start() -> Result<Option<Self>> {
        let store = tempfile::tempdir()?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut command = Command::new("nats-server");
        command.args(["--jetstream", "--addr", "127.0.0.1", "--port", &port.to_string()]);
        command.arg("--store_dir").arg(store.path());
        match command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(process) => Ok(Some(Self { process, port, _store: store })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("nats-server could not be started"),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing that anybody needs any more. Errors mean that it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
