//! A bounded line from one thread to another that waits asleep, never spinning.
//!
//! The channels of the standard library spin while the other end is in the middle of putting
//! something in. The disk thread has real-time priority: where it woke up on the loop's core in
//! that very moment it spun, the loop could not go on, and the kernel parted them after 950 ms, the
//! most a real-time thread may run in a second. Whoever waits for a lock sleeps.

use std::collections::VecDeque;
use std::sync::mpsc::{RecvTimeoutError, TrySendError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug)]
struct Line<T> {
    items: VecDeque<T>,
    /// Both ends are there.
    open: bool,
}

impl<T> Line<T> {
    /// Whether who takes has to wait.
    fn keeps_waiting(&mut self) -> bool {
        self.items.is_empty() && self.open
    }
}

#[derive(Debug)]
struct Shared<T> {
    line: Mutex<Line<T>>,
    came: Condvar,
    room: usize,
}

impl<T> Shared<T> {
    /// Nobody can panic while holding it.
    fn lock(&self) -> MutexGuard<'_, Line<T>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().open = false;
        self.came.notify_one();
    }
}

/// The end that puts in.
#[derive(Debug)]
pub(super) struct Inlet<T>(Arc<Shared<T>>);

/// The end that takes out.
#[derive(Debug)]
pub(super) struct Outlet<T>(Arc<Shared<T>>);

/// A mailbox with room for so many.
pub(super) fn mailbox<T>(room: usize) -> (Inlet<T>, Outlet<T>) {
    let line = Line {
        items: VecDeque::new(),
        open: true,
    };
    let shared = Arc::new(Shared {
        line: Mutex::new(line),
        came: Condvar::new(),
        room,
    });
    (Inlet(Arc::clone(&shared)), Outlet(shared))
}

impl<T> Inlet<T> {
    /// Puts one in.
    ///
    /// # Errors
    /// There is no room, or nobody takes any more: the item is given back.
    pub(super) fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        let mut line = self.0.lock();
        if !line.open {
            return Err(TrySendError::Disconnected(item));
        }
        if line.items.len() >= self.0.room {
            return Err(TrySendError::Full(item));
        }
        let slept = line.items.is_empty();
        line.items.push_back(item);
        drop(line);
        if slept {
            self.0.came.notify_one();
        }
        Ok(())
    }
}

impl<T> Outlet<T> {
    /// Waits for one; none when nothing comes any more.
    pub(super) fn recv(&self) -> Option<T> {
        let line = self.0.came.wait_while(self.0.lock(), Line::keeps_waiting);
        line.unwrap_or_else(PoisonError::into_inner)
            .items
            .pop_front()
    }

    /// Waits for one, but not longer than this; with zero it only looks.
    ///
    /// # Errors
    /// Nothing came, or nothing comes any more.
    pub(super) fn recv_timeout(&self, longest: Duration) -> Result<T, RecvTimeoutError> {
        let (line, came) = (self.0.lock(), &self.0.came);
        let waited = came.wait_timeout_while(line, longest, Line::keeps_waiting);
        let (mut line, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match line.items.pop_front() {
            Some(item) => Ok(item),
            None if line.open => Err(RecvTimeoutError::Timeout),
            None => Err(RecvTimeoutError::Disconnected),
        }
    }
}

impl<T> Drop for Inlet<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T> Drop for Outlet<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::ZERO;

    #[test]
    fn it_is_bounded_and_in_order() {
        let (inlet, outlet) = mailbox(2);
        assert_eq!(outlet.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout));
        assert!((1..=2).all(|item| inlet.try_send(item).is_ok()));
        assert!(matches!(inlet.try_send(3), Err(TrySendError::Full(3))));
        assert_eq!((outlet.recv(), outlet.recv()), (Some(1), Some(2)));
        assert!(inlet.try_send(4).is_ok());
        assert_eq!(outlet.recv_timeout(LOOK), Ok(4));
    }

    #[test]
    fn what_was_put_in_comes_out_after_the_inlet_is_gone() {
        let (inlet, outlet) = mailbox(2);
        assert!(inlet.try_send(1).is_ok());
        drop(inlet);
        assert_eq!((outlet.recv(), outlet.recv()), (Some(1), None));
        assert_eq!(
            outlet.recv_timeout(LOOK),
            Err(RecvTimeoutError::Disconnected)
        );
    }

    #[test]
    fn nothing_is_put_in_for_nobody() {
        let (inlet, outlet) = mailbox(2);
        drop(outlet);
        assert!(matches!(
            inlet.try_send(1),
            Err(TrySendError::Disconnected(1))
        ));
    }

    #[test]
    fn who_waits_is_woken() {
        let (inlet, outlet) = mailbox(1);
        let taking = std::thread::spawn(move || std::iter::from_fn(|| outlet.recv()).sum::<u32>());
        let mut sent = 0;
        while sent < 1000 {
            // The other thread takes one after the other.
            match inlet.try_send(1) {
                Ok(()) => sent += 1,
                Err(_) => std::thread::yield_now(),
            }
        }
        drop(inlet);
        assert_eq!(taking.join().unwrap(), 1000);
    }
}
