//! Answers requests.

use std::sync::atomic::{AtomicU64, Ordering};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use pbkdf2::sha2::Sha256;

use super::{Platform, Unavailable};

/// No item and no password is longer.
const MAX_BODY_BYTES: usize = 64 << 10;

/// The service, and what it runs on.
#[derive(Debug)]
pub(crate) struct Service<P> {
    platform: P,
    rounds: u32,
    begun: AtomicU64,
}

/// What a request is answered with, or the status that says why not.
type Answer = Result<Bytes, StatusCode>;

impl<P: Platform> Service<P> {
    pub(crate) fn new(platform: P, rounds: u32) -> Self {
        Self { platform, rounds, begun: AtomicU64::new(0) }
    }

    pub(crate) fn platform(&self) -> &P {
        &self.platform
    }

    /// How often a password is hashed.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds
    }

    /// How many requests have been begun.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let (status, body) = match self.route(request).await {
            Ok(body) => (StatusCode::OK, body),
            Err(status) => (status, Bytes::new()),
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        response
    }

    async fn route(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        match (&head.method, path.strip_prefix("/items/")) {
            (&Method::GET, None) if path == "/health" => Ok(Bytes::from_static(b"ok\n")),
            (&Method::POST, None) if path == "/hash" => self.hash(whole(body).await?).await,
            (&Method::GET, Some(name)) => self.read(name.to_owned()).await,
            (&Method::PUT, Some(name)) => self.write(name.to_owned(), whole(body).await?).await,
            _ => Err(StatusCode::NOT_FOUND),
        }
    }

    async fn hash(&self, password: Bytes) -> Answer {
        let rounds = self.rounds;
        let hash = self.platform.compute(move || hash(&password, rounds)).await;
        hash.map(Bytes::from).map_err(unavailable)
    }

    async fn read(&self, name: String) -> Answer {
        let found = self.platform.with_store(move |store| store.get(&name)).await;
        match found.map_err(unavailable)?.map_err(failed)? {
            Some(value) => Ok(value.into()),
            None => Err(StatusCode::NOT_FOUND),
        }
    }

    async fn write(&self, name: String, value: Bytes) -> Answer {
        let stored = self.platform.with_store(move |store| store.put(&name, &value)).await;
        stored.map_err(unavailable)?.map_err(failed)?;
        Ok(Bytes::new())
    }
}

/// A password's hash, in hexadecimal digits. A real service would have a salt for each.
pub(crate) fn hash(password: &[u8], rounds: u32) -> String {
    let hash: [u8; 32] = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, b"salt", rounds);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The client may come again later.
fn unavailable(_: Unavailable) -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}

fn failed(error: rusqlite::Error) -> StatusCode {
    eprintln!("the store: {error}");
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn whole(body: Incoming) -> Result<Bytes, StatusCode> {
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
    body.map(|body| body.to_bytes()).map_err(|_too_long_or_gone| StatusCode::PAYLOAD_TOO_LARGE)
}
