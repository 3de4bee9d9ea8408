//! A console for programs: one connection, blocking calls, notices on the side.
//!
//! The demo and the tests speak to the daemon through this, over a real socket like everybody else.

use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Notices that may wait; beyond them the oldest are not kept for a reader that does not come.
const NOTICES: usize = 4096;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A logged-in console.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    answers: Receiver<Value>,
    notices: Receiver<Value>,
    reader: Option<JoinHandle<()>>,
    id: u64,
}

/// What the daemon answered instead of a result.
#[derive(Debug, thiserror::Error)]
#[error("{method} refused: {error}")]
pub struct Refused {
    /// What was asked.
    pub method: String,
    /// The error object.
    pub error: Value,
}

impl Client {
    /// Connects and logs in.
    ///
    /// # Errors
    /// When nobody listens or the login is refused.
    pub fn login(at: SocketAddr, user: &str, password: &str) -> anyhow::Result<Self> {
        let mut client = Self::connect(at)?;
        client.call(
            "session.login",
            &json!({ "user": user, "password": password }),
        )?;
        Ok(client)
    }

    /// Connects; nobody is logged in yet.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(at: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(at).with_context(|| format!("failed to reach {at}"))?;
        stream.set_nodelay(true)?;
        let lines = BufReader::new(stream.try_clone()?);
        let (answered, answers) = sync_channel(16);
        let (noticed, notices) = sync_channel(NOTICES);
        let reader = std::thread::spawn(move || read(lines, &answered, &noticed));
        Ok(Self {
            stream,
            answers,
            notices,
            reader: Some(reader),
            id: 0,
        })
    }

    /// Calls a method and waits for its answer.
    ///
    /// # Errors
    /// [`Refused`], or when the connection is gone.
    pub fn call(&mut self, method: &str, params: &Value) -> anyhow::Result<Value> {
        self.id += 1;
        let id = self.id;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(&format!("{request}\n"))?;
        loop {
            let mut answer = self
                .answer()
                .with_context(|| format!("{method} got no answer"))?;
            if answer.get("id") != Some(&json!(id)) {
                continue;
            }
            if let Some(error) = answer.get("error") {
                bail!(Refused {
                    method: method.to_owned(),
                    error: error.clone()
                });
            }
            return Ok(answer
                .get_mut("result")
                .map(Value::take)
                .unwrap_or_default());
        }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, bytes: &str) -> anyhow::Result<()> {
        Ok(self.stream.write_all(bytes.as_bytes())?)
    }

    /// The next line that answers something.
    ///
    /// # Errors
    /// When none comes in time.
    pub fn answer(&self) -> anyhow::Result<Value> {
        Ok(self.answers.recv_timeout(PATIENCE)?)
    }

    /// The next notice, none if none comes in time.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn notice(&self, patience: Duration) -> anyhow::Result<Option<Value>> {
        match self.notices.recv_timeout(patience) {
            Ok(notice) => Ok(Some(notice)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("the connection is gone"),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn read(
    mut lines: BufReader<TcpStream>,
    answered: &SyncSender<Value>,
    noticed: &SyncSender<Value>,
) {
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|length| length > 0) {
        if let Ok(value) = serde_json::from_str::<Value>(&line) {
            let sent = match value.get("id").is_some() {
                true => answered.send(value).is_ok(),
                // Nobody may read notices; answers must come through all the same.
                false => !matches!(noticed.try_send(value), Err(TrySendError::Disconnected(_))),
            };
            if !sent {
                return;
            }
        }
        line.clear();
    }
}
