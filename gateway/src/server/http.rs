//! `/metrics` and `/healthz` on a loopback port.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::executor::{Handle, Job, Query};
use crate::metrics::Metrics;

/// Connections at once; a scraper needs one.
const CONNECTIONS: usize = 16;
/// Time for a request's head.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// Time that the writer has to show that it lives.
const HEALTH_TIME: Duration = Duration::from_secs(5);

/// Serves until the task is dropped.
pub async fn serve_metrics(listener: TcpListener, metrics: Arc<Metrics>, handle: Handle) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let (metrics, handle) = (Arc::clone(&metrics), handle.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| respond(request, Arc::clone(&metrics), handle.clone()));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME)
                .serve_connection(TokioIo::new(stream), service);
            drop(connection.await);
            drop(place);
        });
    }
}

async fn respond(
    request: Request<Incoming>,
    metrics: Arc<Metrics>,
    handle: Handle,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => {
            (StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", metrics.text())
        }
        (&Method::GET, "/healthz") => health(&handle).await,
        _ => (StatusCode::NOT_FOUND, "text/plain", "there is /metrics and /healthz\n".into()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    Ok(response)
}

/// Healthy means: the writer answers, and takes money.
async fn health(handle: &Handle) -> (StatusCode, &'static str, String) {
    let (reply, answer) = tokio::sync::oneshot::channel();
    let asked = handle.submit(Job::Query { query: Query::Status, reply });
    let status = match asked {
        Ok(()) => tokio::time::timeout(HEALTH_TIME, answer).await.ok().and_then(Result::ok),
        Err(_) => None,
    };
    match status {
        Some(value) if value["stopped"].is_null() => {
            (StatusCode::OK, "application/json", format!("{value}\n"))
        }
        Some(value) => (StatusCode::SERVICE_UNAVAILABLE, "application/json", format!("{value}\n")),
        None => (StatusCode::SERVICE_UNAVAILABLE, "text/plain", "the writer does not answer\n".into()),
    }
}
