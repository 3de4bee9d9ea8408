//! A gateway with its terminals: blocking sockets, frames made and read with the codecs, acks at
//! once. It shares nothing with the daemon.

use crate::town;
use anyhow::Context;
use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tieqi_protocols::Parsed;
use tieqi_protocols::gps::{Gps, GpsField};
use tieqi_protocols::hdap::Hdap;
use tieqi_protocols::lp::{Cause, Lp, Report};
use tieqi_protocols::message::Message;
use tieqi_protocols::radio_ip::RadioIp;
use tieqi_protocols::rrs::{RegistrationResult, Rrs};
use tieqi_protocols::tmp::{Body, Tmp, TmpResult};

const CONNECT: u8 = 0x24;
const DATA: u8 = 0x20;
const ACK: u8 = 0x01;
/// Device id 1, slot 1: what a real repeater sends.
const OPTIONS: [u8; 9] = [0x83, 4, 0, 0, 0, 1, 4, 1, 1];
/// How long to wait for a datagram that must come, and for one that may.
const PATIENCE: Duration = Duration::from_secs(5);
const A_WHILE: Duration = Duration::from_millis(500);
/// How often a terminal registers that nobody answers.
const TRIES: usize = 20;

struct Port {
    socket: UdpSocket,
    sequence: u16,
}

/// A text that offers an incident, as it reached the gateway.
pub(crate) struct Offer {
    pub(crate) incident: u32,
    /// The unit that called for help, if it is about an emergency.
    pub(crate) emergency: Option<u32>,
    pub(crate) arrived: Instant,
}

/// The offers' texts in the order they came.
pub(crate) type Offers = Receiver<Offer>;

/// Three links: registration, location, text.
pub(crate) struct Gateway {
    rrs: Port,
    lp: Port,
    tmp: Option<Port>,
}

fn header(kind: u8, sequence: u16) -> Vec<u8> {
    let mut bytes = vec![0x32, 0x42, 0, kind];
    bytes.extend(sequence.to_be_bytes());
    bytes
}

impl Port {
    fn connect(to: SocketAddr) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(to)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut connect = header(CONNECT, 2);
        connect.extend(OPTIONS);
        socket.send(&connect)?;
        let mut buffer = [0u8; 2048];
        socket.recv(&mut buffer).context("no answer to a connect")?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    fn send(&mut self, message: &Message<'_>) -> anyhow::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut datagram = header(DATA, self.sequence);
        datagram.extend(OPTIONS);
        datagram.extend(message.to_bytes(false));
        self.socket.send(&datagram)?;
        Ok(())
    }

    /// The next service message with the moment it was received, acked; none for acks and
    /// heartbeats.
    fn receive<'b>(&self, buffer: &'b mut [u8]) -> anyhow::Result<Option<(Instant, &'b [u8])>> {
        let length = self.socket.recv(buffer)?;
        let arrived = Instant::now();
        let datagram = &buffer[..length];
        let [_, _, _, kind, high, low, ..] = *datagram else {
            return Ok(None);
        };
        if kind & 0x02 != 0 {
            self.socket.send(&header(0x02, 0))?;
            return Ok(None);
        }
        if kind & ACK != 0 {
            return Ok(None);
        }
        let options = if kind & 0x20 == 0 { 0 } else { OPTIONS.len() };
        let mut ack = header(kind | ACK, u16::from_be_bytes([high, low]));
        ack.extend(&datagram[6..6 + options]);
        self.socket.send(&ack)?;
        Ok(Some((arrived, &buffer[6 + options..length])))
    }

    /// Sends and waits for the transport ack, answering whatever comes in between; `each` sees it.
    fn exchange(
        &mut self,
        message: &Message<'_>,
        mut each: impl FnMut(&[u8]),
    ) -> anyhow::Result<()> {
        self.send(message)?;
        let mut buffer = [0u8; 2048];
        while let Some((_, bytes)) = self.receive(&mut buffer)? {
            each(bytes);
        }
        Ok(())
    }
}

fn radio(unit: u32) -> RadioIp {
    RadioIp {
        subnet: 10,
        id: town::FIRST_RADIO + unit,
    }
}

impl Gateway {
    pub(crate) fn connect(links: &[SocketAddr]) -> anyhow::Result<Self> {
        let [rrs, lp, tmp] = links else {
            anyhow::bail!("three links expected")
        };
        let (rrs, lp) = (Port::connect(*rrs)?, Port::connect(*lp)?);
        Ok(Self {
            rrs,
            lp,
            tmp: Some(Port::connect(*tmp)?),
        })
    }

    /// Registers every terminal; who is not answered tries again, as terminals do: while its disk
    /// is slow the daemon answers nobody whom it could not record. It also asks each where it is,
    /// on the location link; those requests are drained from time to time so that they do not pile
    /// up.
    pub(crate) fn register(&mut self, units: u32) -> anyhow::Result<()> {
        let mut silent: BTreeSet<u32> = (0..units).collect();
        for _ in 0..TRIES {
            for unit in silent.clone() {
                let asks = Message::Rrs(Rrs::Registration(radio(unit)));
                self.rrs
                    .exchange(&asks, |bytes| answered(bytes, &mut silent))?;
                self.drain()?;
            }
            self.hear_out(&mut silent)?;
        }
        anyhow::ensure!(silent.is_empty(), "{} are not registered", silent.len());
        Ok(())
    }

    /// The answers under way: until none comes for a while.
    fn hear_out(&mut self, silent: &mut BTreeSet<u32>) -> anyhow::Result<()> {
        self.rrs.socket.set_read_timeout(Some(A_WHILE))?;
        let mut buffer = [0u8; 2048];
        while !silent.is_empty() {
            match self.rrs.receive(&mut buffer) {
                Ok(Some((_, bytes))) => answered(bytes, silent),
                Ok(None) => {}
                Err(_) => break,
            }
        }
        self.rrs.socket.set_read_timeout(Some(PATIENCE))?;
        self.drain()
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        self.lp.socket.set_nonblocking(true)?;
        let mut buffer = [0u8; 2048];
        while self.lp.receive(&mut buffer).is_ok() {}
        self.lp.socket.set_nonblocking(false)?;
        Ok(())
    }

    /// Sends every terminal's position.
    pub(crate) fn place(&mut self, units: u32) -> anyhow::Result<()> {
        for unit in 0..units {
            let field = fix(unit, 0)?.to_field();
            self.lp.exchange(&located(unit, &field), |_| {})?;
        }
        Ok(())
    }

    /// From here on every text is acked at once, by gateway and terminal; each is told with the
    /// time it was received. The threads end with the process.
    pub(crate) fn listen(mut self, units: u32) -> anyhow::Result<(Offers, Positions)> {
        let (sender, offers) = sync_channel(1 << 16);
        let (rrs, drained) = (self.rrs, self.lp.socket.try_clone()?);
        std::thread::spawn(move || idle(&rrs));
        let drained = Port {
            socket: drained,
            sequence: 0,
        };
        std::thread::spawn(move || idle(&drained));
        if let Some(mut port) = self.tmp.take() {
            std::thread::spawn(move || {
                let mut buffer = [0u8; 2048];
                loop {
                    let Ok(Some(bytes)) = port.receive(&mut buffer) else {
                        continue;
                    };
                    let (arrived, bytes) = bytes;
                    if let Some((offer, ack)) = delivered(arrived, bytes) {
                        let _ = sender.try_send(offer);
                        let _ = port.send(&ack);
                    }
                }
            });
        }
        let positions = Positions {
            port: self.lp,
            units,
        };
        Ok((offers, positions))
    }
}

/// The location link towards the daemon, whose acks somebody else drains.
pub(crate) struct Positions {
    port: Port,
    units: u32,
}

impl Positions {
    /// The position of the next of all units, a few metres from where it was before.
    pub(crate) fn send(&mut self, number: u32) -> anyhow::Result<()> {
        let (unit, turn) = (number % self.units, number / self.units);
        self.tell(unit, 1 + turn % 5, SystemTime::now())
    }

    /// A unit's fix of a time, so many times six metres north of its place.
    pub(crate) fn tell(&mut self, unit: u32, steps: u32, at: SystemTime) -> anyhow::Result<()> {
        let field = fix_at(unit, steps, at)?.to_field();
        self.port.send(&located(unit, &field))
    }

    /// One of all units, another one for each number.
    pub(crate) fn some_unit(&self, number: u32) -> u32 {
        (number * 7_907) % self.units
    }

    /// The emergency button of a unit's terminal.
    pub(crate) fn press(&mut self, unit: u32) -> anyhow::Result<()> {
        let field = fix(unit, 0)?.to_field();
        self.port.send(&Message::Lp(Lp::Emergency {
            radio: radio(unit),
            kind: 1,
            gps: GpsField(&field),
        }))
    }
}

fn located(unit: u32, field: &[u8; 40]) -> Message<'_> {
    Message::Lp(Lp::Report(Report {
        cause: Cause::Subscribed,
        request_id: radio(unit).id,
        radio: radio(unit),
        result: None,
        gps: GpsField(field),
        rssi_dbm: None,
    }))
}

fn idle(port: &Port) {
    let mut buffer = [0u8; 2048];
    loop {
        let _ = port.receive(&mut buffer);
    }
}

/// Whoever's registration this answers is silent no more.
fn answered(bytes: &[u8], silent: &mut BTreeSet<u32>) {
    let Ok(Parsed::Complete(hdap, _)) = Hdap::parse(bytes) else {
        return;
    };
    if let Ok(Message::Rrs(Rrs::RegistrationAnswer { radio, result, .. })) =
        Message::from_hdap(&hdap)
        && result == RegistrationResult::OK
    {
        silent.remove(&radio.id.wrapping_sub(town::FIRST_RADIO));
    }
}

/// What a text offers, and the delivery ack of its terminal.
fn delivered(arrived: Instant, bytes: &[u8]) -> Option<(Offer, Message<'static>)> {
    let Ok(Parsed::Complete(hdap, _)) = Hdap::parse(bytes) else {
        return None;
    };
    let Ok(Message::Tmp(tmp)) = Message::from_hdap(&hdap) else {
        return None;
    };
    let Body::Private {
        destination,
        source,
        text,
    } = tmp.body
    else {
        return None;
    };
    let text: String = text.chars().collect();
    let mut words = text.strip_prefix('#')?.split(' ');
    let incident = words.next()?.parse().ok()?;
    let is_emergency = words.next() == Some("紧急");
    let caller = words.nth(1).filter(|_| is_emergency);
    let offer = Offer {
        incident,
        emergency: caller.and_then(|sign| sign.strip_prefix('B')?.parse().ok()),
        arrived,
    };
    let body = Body::PrivateAck {
        destination,
        source,
        result: TmpResult::OK,
    };
    Some((
        offer,
        Message::Tmp(Tmp {
            flag: tmp.flag,
            request_id: tmp.request_id,
            body,
            option: None,
        }),
    ))
}

/// A unit's fix now, so many times six metres north of its place.
fn fix(unit: u32, steps: u32) -> anyhow::Result<Gps> {
    fix_at(unit, steps, SystemTime::now())
}

fn fix_at(unit: u32, steps: u32, at: SystemTime) -> anyhow::Result<Gps> {
    let wall_ms = at.duration_since(UNIX_EPOCH)?.as_millis();
    town::fix(unit, steps as i32 * 540, i64::try_from(wall_ms)?)
}
