//! The disk thread: batches in, one write and one sync for all that wait, word back.
//!
//! It is the only thread that may block on the disk, and it never retries a failed sync.

use super::Wake;
use crate::engine::id::EngineTime;
use crate::journal::{CommitError, Disk, Journal, Kind, PushError};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// One decision's records.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) batch: u64,
    pub(super) at: EngineTime,
    pub(super) records: Vec<Vec<u8>>,
}

/// How long to wait before asking again for space.
const STALL: Duration = Duration::from_millis(200);

/// Serves until the other end is gone or the journal failed.
pub(super) fn run<D: Disk>(
    mut journal: Journal<D>,
    batches: &Receiver<Append>,
    told: &Sender<Wake>,
) {
    while let Some(first) = next(&mut journal, batches) {
        if let Err(reason) = group(&mut journal, first, batches, told) {
            let _ = told.blocking_send(Wake::JournalFailed(reason));
            return;
        }
    }
}

/// The next batch. While none waits, the next segment is prepared step by step.
fn next<D: Disk>(journal: &mut Journal<D>, batches: &Receiver<Append>) -> Option<Append> {
    loop {
        if !journal.needs_segment() {
            return batches.recv().ok();
        }
        match batches.try_recv() {
            Ok(batch) => return Some(batch),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        if let Err(error) = journal.prepare_step() {
            tracing::warn!(%error, "failed to prepare the next journal segment");
            match batches.recv_timeout(STALL) {
                Ok(batch) => return Some(batch),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// Makes `first` and all that wait behind it durable together.
fn group<D: Disk>(
    journal: &mut Journal<D>,
    first: Append,
    batches: &Receiver<Append>,
    told: &Sender<Wake>,
) -> Result<(), String> {
    let mut last = first.batch;
    push(journal, &first)?;
    while let Ok(more) = batches.try_recv() {
        let bytes = more.records.iter().map(Vec::len).sum();
        if !journal.fits(more.records.len(), bytes) {
            commit(journal, last, told)?;
        }
        last = more.batch;
        push(journal, &more)?;
    }
    commit(journal, last, told)
}

fn push<D: Disk>(journal: &mut Journal<D>, batch: &Append) -> Result<(), String> {
    for record in &batch.records {
        let pushed = journal.push(Kind::EVENT, batch.at.0, record);
        pushed.map_err(|error: PushError| error.to_string())?;
    }
    Ok(())
}

fn commit<D: Disk>(journal: &mut Journal<D>, last: u64, told: &Sender<Wake>) -> Result<(), String> {
    loop {
        match journal.commit() {
            Ok(_) => {
                let _ = told.blocking_send(Wake::Durable(last));
                return Ok(());
            }
            // Nothing was written: this one recovers by itself when there is space again.
            Err(CommitError::NoSegment(error)) => {
                let _ = told.blocking_send(Wake::JournalStalled(error.to_string()));
                std::thread::sleep(STALL);
            }
            Err(error) => return Err(chain(&error)),
        }
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
