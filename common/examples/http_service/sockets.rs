//! Whose sockets are used, where that can be chosen.

#[path = "async_io_sockets.rs"]
mod async_io_sockets;
#[path = "tokio_sockets.rs"]
mod tokio_sockets;

use clap::{Parser, ValueEnum};

use crate::http_service::Options;
pub(crate) use async_io_sockets::AsyncIoListener;
pub(crate) use tokio_sockets::TokioListener;

/// The executor's workers wait for either.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Sockets {
    AsyncIo,
    Tokio,
}

#[derive(Parser)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) options: Options,
    /// Whose sockets are used.
    #[arg(long, value_enum, default_value = "async-io")]
    pub(crate) sockets: Sockets,
}
