//! Requests to gateways behind HTTP: one connection each, and always exactly one answer, because
//! the link's machine has no timer for one that does not come.

use crate::config::{HttpPort, Token};
use axum::body::{Body, Bytes, to_bytes};
use axum::http::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tieqi_protocols::link::{Answer, Ask, Way};
use tokio::net::TcpStream;

/// Largest body of an answer, bytes.
const BODY_MAX: usize = 256 << 10;

/// Puts one request. Whoever does not answer in time has not answered.
pub(super) async fn put(to: &HttpPort, ask: Ask) -> Answer {
    let way = ask.way;
    let held_s = match way {
        Way::Messages => 0,
        Way::Events => to.wait_s,
    };
    let within = Duration::from_secs(held_s.into()) + Duration::from_millis(to.answer_ms.into());
    let reply = match tokio::time::timeout(within, exchange(to, ask)).await {
        Ok(Ok(reply)) => Some(reply),
        Ok(Err(error)) => {
            tracing::debug!(gateway = %to.address, %error, "no answer");
            None
        }
        Err(_) => None,
    };
    Answer { way, reply }
}

async fn exchange(to: &HttpPort, ask: Ask) -> anyhow::Result<(u16, Bytes)> {
    let request = request(to, ask)?;
    let stream = TcpStream::connect(to.address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answered = async move {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = Body::new(response.into_body());
        // One too long, or broken off, is no JSON either; a text's status stands all the same.
        let body = to_bytes(body, BODY_MAX).await.unwrap_or_default();
        anyhow::Ok((status, body))
    };
    tokio::pin!(connection, answered);
    tokio::select! {
        reply = &mut answered => reply,
        // The other end closed: what it said before is still to be read.
        closed = &mut connection => {
            closed?;
            answered.await
        }
    }
}

fn request(to: &HttpPort, ask: Ask) -> Result<Request<Body>, axum::http::Error> {
    let name = match ask.way {
        Way::Messages => "messages",
        Way::Events => "events",
    };
    let mut request = Request::post(format!("{}/{name}", to.path))
        .header(HOST, to.address.to_string())
        .header(CONTENT_TYPE, "application/json");
    if let Some(Token(token)) = &to.token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Body::from(ask.body))
}
