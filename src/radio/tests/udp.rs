//! The driver on real sockets: a listening end on loopback sees registrations and delivers a text.

use super::*;
use crate::radio::{Stats, run};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// One link of the daemon's end on its socket.
struct Wire {
    socket: UdpSocket,
    link: Link,
    service: Service,
    slot: u8,
}

impl Wire {
    fn now_ms(start: Instant) -> u64 {
        u64::try_from(start.elapsed().as_millis()).unwrap()
    }

    /// Takes what came and sends what waits; gives the messages.
    fn turn(&mut self, start: Instant) -> Vec<Bytes> {
        let now_ms = Self::now_ms(start);
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = self.socket.try_recv_from(&mut buffer) {
            self.link.handle_bytes(now_ms, from, &buffer[..length]);
        }
        self.link.handle_timeout(now_ms);
        let mut heard = Vec::new();
        while let Some(event) = self.link.poll_event() {
            if let LinkEvent::Received { bytes, .. } = event {
                heard.push(bytes);
            }
        }
        while let Some(transmit) = self.link.poll_transmit() {
            self.socket
                .try_send_to(&transmit.bytes, transmit.to)
                .unwrap();
        }
        heard
    }
}

async fn bound() -> (Config, Vec<Wire>) {
    let mut config = config().clone();
    // The first CONNECT must arrive: there is no second one.
    config.link.reconnect_s = 3_600;
    let mut wires = Vec::new();
    for known in &mut config.gateways[0].links {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        known.port = socket.local_addr().unwrap().port();
        wires.push(Wire {
            socket,
            link: Link::new(0, Role::Listen, LinkConfig::default()),
            service: known.service,
            slot: known.slot,
        });
    }
    (config, wires)
}

#[tokio::test]
async fn over_real_sockets_a_text_is_acknowledged_and_the_run_ends_when_told() {
    let (config, mut wires) = bound().await;
    let options = RadioOptions {
        spread_ms: 0,
        air_ms: 2,
        ..quiet()
    };
    let (stop, stopped) = watch::channel(false);
    let (told, stats) = watch::channel(Stats::default());
    let (start, offer) = (Instant::now(), "#12 II级 交通事故 嘉荣广场 1.2公里");
    let daemon = async {
        let mut asked = false;
        loop {
            // Whatever socket is ready first; the tick is for the links' timers.
            let ready = wires.iter().map(|wire| Box::pin(wire.socket.readable()));
            let _ = timeout(Duration::from_millis(50), first_of(ready.collect())).await;
            for wire in &mut wires {
                for bytes in wire.turn(start) {
                    let Ok(Parsed::Complete(hdap, _)) = Hdap::parse(&bytes) else {
                        panic!("not one message")
                    };
                    match Message::from_hdap(&hdap).unwrap() {
                        Message::Tmp(tmp) => return (tmp.request_id, tmp.opcode()),
                        Message::Rrs(_) => {}
                        other => panic!("{other}"),
                    }
                }
                let is_ours = (wire.service, wire.slot) == (Service::Tmp, 1);
                if is_ours && !asked && wire.link.ready() {
                    asked = true;
                    let text = Message::Tmp(Tmp {
                        flag: false,
                        request_id: 12 << 4,
                        body: Body::Private {
                            destination: RadioIp::terminal(FIRST).unwrap(),
                            source: DESK,
                            text: Text::new(offer),
                        },
                        option: None,
                    });
                    let now_ms = Wire::now_ms(start);
                    wire.link.send(now_ms, 1, text.to_bytes(false)).unwrap();
                    wire.turn(start);
                }
            }
        }
    };
    let script = async {
        let heard = timeout(Duration::from_secs(20), daemon).await.unwrap();
        stop.send_replace(true);
        heard
    };
    let (heard, ended) = tokio::join!(script, run(&config, options, stopped, told));
    assert_eq!(heard, (12 << 4, 0x00A2));
    let ended = ended.unwrap();
    assert_eq!(
        (ended.offers, ended.delivered, ended.frames_lost),
        (1, 1, 0)
    );
    assert!(
        ended.frames_sent >= 8 && ended.frames_received >= 8,
        "{ended}"
    );
    assert_eq!(*stats.borrow(), ended);
}

/// Ready when the first of them is.
async fn first_of<F: Future + Unpin>(mut futures: Vec<F>) {
    std::future::poll_fn(|context| {
        let ready = |future: &mut F| std::pin::Pin::new(future).poll(context).is_ready();
        match futures.iter_mut().any(ready) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
}
