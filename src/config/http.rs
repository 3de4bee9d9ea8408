//! Gateways behind HTTP: where they are, the token they want, and how long an answer may take.

use super::fault::Text;
use super::load::Files;
use super::node::Node;
use std::fmt;
use std::net::SocketAddr;

/// Largest token file, bytes.
const TOKEN_MAX: usize = 4096;
/// Timers, where the config says none; no public source tells what gateways need.
const ANSWER_MS: i64 = 500;
const TRIES: i64 = 2;
const RETRY_MS: i64 = 500;
const WAIT_S: i64 = 20;

/// A gateway behind HTTP. It carries all services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpPort {
    /// Where it listens.
    pub address: SocketAddr,
    /// Path before `/messages` and `/events`: empty, or begins with `/` and does not end with it.
    pub path: String,
    /// Told with each request, if there is one.
    pub token: Option<Token>,
    /// Slot its terminals count as being on, 1 or 2.
    pub slot: u8,
    /// An answer is awaited this long, milliseconds; that to a poll, longer by what it may wait.
    pub answer_ms: u32,
    /// Times a text, or a poll, is put before it counts as failed.
    pub tries: u8,
    /// Before one that failed is put again, milliseconds.
    pub retry_ms: u32,
    /// The gateway may hold a poll back so long, seconds.
    pub wait_s: u32,
}

/// What shows the gateway who we are: printable ASCII, at least a character.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    /// Never the token itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// The port of a gateway whose transport is HTTP.
pub(super) fn port(
    node: &Node<'_>,
    files: &mut Files<'_>,
    send_ms: u32,
    taken: &mut Vec<String>,
) -> HttpPort {
    let (address, path) = place(node, taken).unwrap_or_else(nowhere);
    let number = |key, range, usual| u32::try_from(node.int_or(key, range, usual)).unwrap_or(1);
    let small = |key, range, usual| u8::try_from(node.int_or(key, range, usual)).unwrap_or(1);
    let port = HttpPort {
        address,
        path,
        token: token(node, files),
        slot: small("slot", super::radio::SLOTS, 1),
        answer_ms: number("answer_ms", 1..=super::radio::ACK_MS_MAX, ANSWER_MS),
        tries: small("tries", 1..=16, TRIES),
        retry_ms: number("retry_ms", 1..=super::radio::ACK_MS_MAX, RETRY_MS),
        wait_s: number("wait_s", 0..=super::radio::LINK_S_MAX, WAIT_S),
    };
    let tries = u32::from(port.tries);
    let whole_ms = port.answer_ms * tries + port.retry_ms * tries.saturating_sub(1);
    if send_ms < whole_ms {
        let text = format!(
            "tries x answer_ms and retry_ms between them are {whole_ms} ms, longer than \
             ladder.send_ms = {send_ms}: the engine tries again before the link gives up"
        );
        node.report.warn(&node.spot("answer_ms"), text);
    }
    port
}

/// A stand-in where `url` is wrong: the config is refused anyway.
fn nowhere() -> (SocketAddr, String) {
    (SocketAddr::from(([127, 0, 0, 1], 80)), String::new())
}

/// Address and path of `url`, which nobody else may have.
fn place(node: &Node<'_>, taken: &mut Vec<String>) -> Option<(SocketAddr, String)> {
    let url = node.text("url")?;
    let found = parse(&url.value);
    let Some((address, path)) = &found else {
        let text = format!(
            "`{}` is not http://ADDRESS:PORT/PATH (numbers, no host name; no TLS)",
            url.value
        );
        node.report.fault(&url.spot, text);
        return None;
    };
    let place = format!("http://{address}{path}");
    if taken.contains(&place) {
        let text = format!("{place} is taken by another gateway");
        node.report.fault(&url.spot, text);
    }
    taken.push(place);
    found
}

/// Address, port 80 unless given, and path without its last `/`.
fn parse(url: &str) -> Option<(SocketAddr, String)> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let address = host.parse().or_else(|_| format!("{host}:80").parse());
    let address = address.ok().filter(|at: &SocketAddr| at.port() != 0)?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.bytes().all(fits).then(|| (address, path.to_owned()))
}

/// The file's text without the line break editors leave.
fn token(node: &Node<'_>, files: &mut Files<'_>) -> Option<Token> {
    let name = node.text_opt("token_file")?;
    let bytes = files.read(&name, TOKEN_MAX)?;
    let words = bytes.trim_ascii_end();
    if words.is_empty() || !words.iter().all(u8::is_ascii_graphic) {
        let Text { spot, .. } = &name;
        node.report
            .fault(spot, "holds no token: printable ASCII without spaces");
        return None;
    }
    Some(Token(String::from_utf8_lossy(words).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_url_is_an_address_and_a_path() {
        for (url, expected) in [
            (
                "http://192.0.2.7:8080/pdt",
                Some(("192.0.2.7:8080", "/pdt")),
            ),
            (
                "http://192.0.2.7/pdt/v1/",
                Some(("192.0.2.7:80", "/pdt/v1")),
            ),
            ("http://[2001:db8::7]", Some(("[2001:db8::7]:80", ""))),
            ("http://192.0.2.7:0/pdt", None),
            ("http://gateway.example/pdt", None),
            ("http://me@192.0.2.7/", None),
            ("https://192.0.2.7/", None),
            ("http://192.0.2.7/a b", None),
            ("http://192.0.2.7/?a=1", None),
            ("http://", None),
            ("", None),
        ] {
            let found = parse(url);
            let expected = expected.map(|(at, path)| (at.parse().unwrap(), path.to_owned()));
            assert_eq!(found, expected, "{url}");
        }
    }
}
