//! An HTTP service, in one text for every executor that it runs on.
//!
//! | request | is answered with | runs on |
//! |---|---|---|
//! | `GET /health` | `ok` | the connection's own task |
//! | `PUT /items/NAME`, `GET /items/NAME` | an item of the store | the role `database` |
//! | `POST /hash` | a password's hash, which is slow on purpose | the role `compute` |
//!
//! What differs between executors is a [`Platform`], three functions that say where things run, and a [`Listener`], whose sockets there
//! are: `async_io_sockets.rs` or `tokio_sockets.rs`, to be chosen in `sockets.rs`. The rest is the same: `service.rs` answers requests, `server.rs` serves connections until
//! it is told to stop, `store.rs` keeps items, `check.rs` drives it all.

mod check;
mod platform;
mod server;
mod service;
mod store;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use anyhow::Context;
use clap::Args;
use executor_common::CancellationToken;

pub(crate) use platform::{Listener, Platform, Unavailable};
use service::Service;
pub(crate) use store::Store;

/// What can be chosen on the command line.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The file with the items. Without it they are kept in memory.
    #[arg(long)]
    pub(crate) store: Option<PathBuf>,
    /// How often a password is hashed. 100,000 take some 10 ms in a release build.
    #[arg(long, default_value_t = 100_000)]
    rounds: u32,
    /// Drives itself with some hundreds of requests, stops under load, and fails if one was lost.
    #[arg(long)]
    check: bool,
}

impl Options {
    /// Where to listen.
    pub(crate) fn address(&self) -> SocketAddr {
        if self.check { SocketAddr::from(([127, 0, 0, 1], 0)) } else { self.listen }
    }
}

/// Serves until the process is asked to end, or until the check has what it wants. All requests that were begun have been answered by then.
pub(crate) fn run(
    options: &Options,
    platform: impl Platform,
    listener: impl Listener,
) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    if !options.check {
        let stop = stop.clone();
        ctrlc::set_handler(move || stop.cancel())?;
    }
    let address = listener.local_addr()?;
    println!("listening on http://{address}");

    let rounds = if options.check { check::ROUNDS } else { options.rounds };
    let service = Arc::new(Service::new(platform.clone(), rounds));
    let (at_end, ended) = mpsc::channel();
    let server = server::serve(Arc::clone(&service), listener, stop.clone());
    platform.spawn(async move {
        server.await;
        let _ = at_end.send(());
    })?;

    if options.check {
        check::check(address, &service, &stop, &ended)
    } else {
        ended.recv().context("the server was dropped")?;
        println!("{} requests were begun, and answered", service.begun());
        Ok(())
    }
}
