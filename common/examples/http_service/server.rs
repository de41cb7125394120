//! Accepts connections until it is told to stop, and then lets each finish what it has begun.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;
use executor_common::{CancellationToken, yield_now};
use futures_lite::future;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::server::graceful::GracefulShutdown;

use super::service::Service;
use super::{Listener, Platform};

/// Serves until `stop`. When it returns, each request that was begun has been answered, and no connection is left.
pub(crate) async fn serve<P: Platform, L: Listener>(
    service: Arc<Service<P>>,
    listener: L,
    stop: CancellationToken,
) {
    let connections = GracefulShutdown::new();
    let mut stopped = pin!(stop.cancelled());
    loop {
        let stopping = async {
            stopped.as_mut().await;
            None
        };
        let Some(accepted) = future::or(stopping, async { Some(listener.accept().await) }).await
        else {
            break;
        };
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) => {
                // The client was faster to go, or there are no file descriptors left: then those who are here have to end first.
                eprintln!("accept: {error}");
                Timer::after(Duration::from_millis(10)).await;
                continue;
            }
        };
        let answering = Arc::clone(&service);
        let answer = service_fn(move |request| {
            let service = Arc::clone(&answering);
            async move { Ok::<_, Infallible>(service.answer(request).await) }
        });
        let connection = http1::Builder::new().serve_connection(stream, answer);
        // Watched before it is spawned: the end waits for connections that have not run yet, too.
        let connection = connections.watch(connection);
        let spawned = service.platform().spawn(async move {
            // A client that goes away in the middle is no concern of the server.
            let _ = connection.await;
        });
        if let Err(error) = spawned {
            eprintln!("a connection was refused: {error}");
        }
        // A burst of connections must not keep those that are here waiting.
        yield_now().await;
    }
    // From here on the system refuses connections.
    drop(listener);
    connections.shutdown().await;
}
