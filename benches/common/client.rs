//! A console: blocking, one connection, one request at a time.

use crate::town;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub(crate) const USER: &str = "bench";
pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) struct Client {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
    id: u64,
}

impl Client {
    pub(crate) fn connect(at: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(at)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let lines = BufReader::new(stream.try_clone()?);
        let mut client = Self {
            stream,
            lines,
            id: 0,
        };
        client.call(
            "session.login",
            &json!({ "user": USER, "password": PASSWORD }),
        )?;
        Ok(client)
    }

    /// Goes, and waits until the daemon has seen it.
    pub(crate) fn close(mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
        let _ = std::io::copy(&mut self.lines, &mut std::io::sink());
    }

    /// The connection itself; nothing may be under way.
    pub(crate) fn stream(&self) -> anyhow::Result<TcpStream> {
        Ok(self.stream.try_clone()?)
    }

    /// The same connection, to write and to read at once.
    pub(crate) fn split(&mut self) -> anyhow::Result<(Reporter, Answers)> {
        let reporter = Reporter(self.stream.try_clone()?);
        Ok((reporter, Answers(BufReader::new(self.stream.try_clone()?))))
    }

    fn line(&mut self, method: &str, params: &Value) -> String {
        self.id += 1;
        let request =
            json!({ "jsonrpc": "2.0", "id": self.id, "method": method, "params": params });
        format!("{request}\n")
    }

    fn answer(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        loop {
            line.clear();
            anyhow::ensure!(self.lines.read_line(&mut line)? > 0, "the daemon closed");
            let answer: Value = serde_json::from_str(&line)?;
            // What everybody is told, of a slow disk for instance.
            if answer.get("method").is_some() {
                continue;
            }
            anyhow::ensure!(answer.get("error").is_none(), "refused: {answer}");
            return Ok(answer["result"].clone());
        }
    }

    pub(crate) fn call(&mut self, method: &str, params: &Value) -> anyhow::Result<Value> {
        let line = self.line(method, params);
        self.stream.write_all(line.as_bytes())?;
        self.answer()
    }

    /// Signs every unit on, many requests under way at once.
    pub(crate) fn sign_on(&mut self, units: u32) -> anyhow::Result<()> {
        const WINDOW: u32 = 100;
        for first in (0..units).step_by(WINDOW as usize) {
            let some = first..(first + WINDOW).min(units);
            let mut lines = String::new();
            for unit in some.clone() {
                lines += &self.line(
                    "unit.sign_on",
                    &json!({ "key": format!("on-{unit}"), "unit": town::call_sign(unit),
                             "crew": [town::officer(unit)] }),
                );
            }
            self.stream.write_all(lines.as_bytes())?;
            for _ in some {
                self.answer()?;
            }
        }
        Ok(())
    }

    /// Waits until the daemon has nothing under way.
    pub(crate) fn settle(&mut self) -> anyhow::Result<()> {
        loop {
            let health = self.call("system.health", &json!({}))?;
            let links = health["links"].as_array().cloned().unwrap_or_default();
            let quiet = links.iter().all(|link| link["queued"] == 0);
            if quiet && health["durable"] == true {
                eprintln!("positions taken: {}", health["since_start"]["positions"]);
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// One report: when its write began, and the incident it became.
    pub(crate) fn report(&mut self, number: usize) -> anyhow::Result<(Instant, u32)> {
        let key = format!("k-{}", self.id);
        let line = self.line("incident.report", &report(&key, number as u32));
        let began = Instant::now();
        self.stream.write_all(line.as_bytes())?;
        let answer = self.answer()?;
        Ok((began, answer["incident"].as_u64().unwrap_or(0) as u32))
    }
}

/// What a report says: one unit is needed, somewhere on the lattice.
pub(crate) fn report(key: &str, number: u32) -> Value {
    let (lat_e7, lon_e7) = town::place_e7((number * 7919) % 19_000);
    let degrees = |e7: i32| f64::from(e7) / 1e7;
    json!({
        "key": key,
        "source": "110",
        "place": "黄江大道17号",
        "position": { "lat": degrees(lat_e7), "lon": degrees(lon_e7), "datum": "wgs84" },
        "caller": "13800000000",
        "text": "路口两车相撞，无人受伤，占用一条车道",
        "category": "traffic_minor",
    })
}

/// Writes reports without waiting for answers.
pub(crate) struct Reporter(TcpStream);

impl Reporter {
    /// One report under its number.
    pub(crate) fn report(&mut self, number: u32) -> anyhow::Result<()> {
        let params = report(&format!("load-{number}"), number);
        let request = json!({ "jsonrpc": "2.0", "id": number, "method": "incident.report",
                              "params": params });
        Ok(self.0.write_all(format!("{request}\n").as_bytes())?)
    }
}

/// Reads their answers.
pub(crate) struct Answers(BufReader<TcpStream>);

impl Answers {
    /// Which incident each number became; a refused one is left out.
    pub(crate) fn incidents(mut self, reports: u32) -> anyhow::Result<BTreeMap<u32, u32>> {
        let mut incidents = BTreeMap::new();
        let mut line = String::new();
        for _ in 0..reports {
            line.clear();
            anyhow::ensure!(self.0.read_line(&mut line)? > 0, "the daemon closed");
            let answer: Value = serde_json::from_str(&line)?;
            let incident = answer["result"]["incident"].as_u64();
            if let (Some(number), Some(incident)) = (answer["id"].as_u64(), incident) {
                incidents.insert(u32::try_from(number)?, u32::try_from(incident)?);
            }
        }
        Ok(incidents)
    }
}
