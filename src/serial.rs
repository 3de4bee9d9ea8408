//! Serial ports on real time, for the daemon and for simulated radios alike: open, read, write, and
//! open again when a port is lost. What the bytes mean is a link machine's.
//!
//! An unplugged adapter gives 0 bytes or an error at once, over and over: the port is closed then
//! and tried again after a while, each time a longer one up to [`WAIT_MAX`], with jitter so that
//! several ports do not keep step. Only a port that stood for [`STOOD`] counts as mended.

use bytes::{Bytes, BytesMut};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::{Receiver, Sender};
use tokio_serial::{DataBits, FlowControl, Parity, SerialPortBuilderExt, SerialStream, StopBits};

/// Frames that may wait to be written; more are as if lost on the line.
pub const WAITING: usize = 64;
/// First wait before a lost port is tried again.
const WAIT: Duration = Duration::from_millis(100);
/// Longest wait.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// A port that stood for so long is tried at once when it is lost.
const STOOD: Duration = Duration::from_secs(5);
/// A line that takes no byte for so long is stuck.
const STUCK: Duration = Duration::from_secs(5);
/// Bytes read at once.
const CHUNK: usize = 4096;

/// What happens at a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It is open.
    Opened,
    /// Bytes came.
    Bytes(Bytes),
    /// It is gone; it will be tried again.
    Lost,
}

/// Serves a port until nobody listens to `told` or the sender of `frames` is gone. `wrap` makes of
/// news what the listener takes.
pub async fn run<T>(
    (path, baud): (String, u32),
    mut frames: Receiver<Bytes>,
    told: Sender<T>,
    wrap: impl Fn(News) -> T,
) {
    let mut failed = 0;
    let mut silent = false;
    loop {
        let began = Instant::now();
        match open(&path, baud) {
            Ok(stream) => {
                tracing::info!(path, baud, "serial port open");
                silent = false;
                // What waited for another port is stale.
                while frames.try_recv().is_ok() {}
                if told.send(wrap(News::Opened)).await.is_err() {
                    return;
                }
                let (reader, writer) = tokio::io::split(stream);
                let lost = tokio::select! {
                    read = read(reader, &told, &wrap) => read,
                    written = write(writer, &mut frames) => written,
                };
                let Some(error) = lost else { return };
                tracing::warn!(path, %error, "serial port lost");
                if told.send(wrap(News::Lost)).await.is_err() {
                    return;
                }
            }
            Err(error) if !silent => {
                tracing::warn!(path, %error, "failed to open the serial port; trying again");
                silent = true;
            }
            Err(_) if told.is_closed() => return,
            Err(_) => {}
        }
        if began.elapsed() >= STOOD {
            failed = 0;
        }
        tokio::time::sleep(wait(failed)).await;
        failed += 1;
    }
}

fn open(path: &str, baud: u32) -> tokio_serial::Result<SerialStream> {
    tokio_serial::new(path, baud)
        .data_bits(DataBits::Eight)
        .parity(Parity::None)
        .stop_bits(StopBits::One)
        .flow_control(FlowControl::None)
        .open_native_async()
}

/// Reads until the port is lost; none when nobody listens any more.
async fn read<T>(
    mut reader: impl AsyncRead + Unpin,
    told: &Sender<T>,
    wrap: &impl Fn(News) -> T,
) -> Option<io::Error> {
    let mut buffer = BytesMut::with_capacity(CHUNK);
    loop {
        buffer.reserve(CHUNK);
        match reader.read_buf(&mut buffer).await {
            Ok(0) => return Some(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                let bytes = News::Bytes(buffer.split().freeze());
                told.send(wrap(bytes)).await.ok()?;
            }
            Err(error) => return Some(error),
        }
    }
}

/// Writes until the port is lost; none when there will be no more frames.
async fn write(
    mut writer: impl AsyncWrite + Unpin,
    frames: &mut Receiver<Bytes>,
) -> Option<io::Error> {
    loop {
        let frame = frames.recv().await?;
        let written = tokio::time::timeout(STUCK, writer.write_all(&frame)).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Some(error),
            Err(_) => return Some(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Twice as long each time, of which the second half is left to chance.
fn wait(failed: u32) -> Duration {
    let most = WAIT
        .saturating_mul(1u32.checked_shl(failed.min(16)).unwrap_or(u32::MAX))
        .min(WAIT_MAX);
    let half_ms = u64::try_from(most.as_millis() / 2).unwrap_or(1).max(1);
    let chance = RandomState::new().build_hasher().finish() % half_ms;
    Duration::from_millis(half_ms + chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_never_to_nothing() {
        for failed in 0..40 {
            let waited = wait(failed);
            let most = WAIT.saturating_mul(1 << failed.min(16)).min(WAIT_MAX);
            assert!(waited >= most / 2 && waited <= most, "{failed}: {waited:?}");
        }
    }

    #[tokio::test]
    async fn a_port_that_is_not_there_ends_with_its_listener() {
        let (told, news) = tokio::sync::mpsc::channel(1);
        let (_frames, waiting) = tokio::sync::mpsc::channel(1);
        drop(news);
        let path = String::from("/nowhere/ttyUSB0");
        run((path, 115_200), waiting, told, |news| news).await;
    }
}
