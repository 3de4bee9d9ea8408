//! How long each stage of a call takes: kept for `system.health`, exported for /metrics.
//!
//! Times are wall time between two stamps the shell took; this ring reads no clock.

use super::view::StageTimes;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;

/// A stretch of a call's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// From the decision until the journal has it.
    Durable,
    /// From the report's line read until its frame is handed to the socket.
    ReportToFrame,
    /// From the decision to offer until the gateway's transport ack.
    OfferToSent,
    /// From an emergency's datagram read until its first back-up's frame is handed to the socket.
    EmergencyToBackup,
}

struct Meter {
    times: Histogram<u64>,
    exported: metrics::Histogram,
}

/// One histogram a stage, microseconds.
pub(super) struct Stages([Meter; Stage::ALL.len()]);

impl Stage {
    const ALL: [Self; 4] = [
        Self::Durable,
        Self::ReportToFrame,
        Self::OfferToSent,
        Self::EmergencyToBackup,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::ReportToFrame => "report_to_frame",
            Self::OfferToSent => "offer_to_sent",
            Self::EmergencyToBackup => "emergency_to_backup",
        }
    }
}

impl Default for Stages {
    fn default() -> Self {
        Self(Stage::ALL.map(|stage| Meter {
            times: bounded(),
            exported: metrics::histogram!("tieqi_stage_seconds", "stage" => stage.name()),
        }))
    }
}

impl Stages {
    /// Notes that `stage` took `us` microseconds.
    pub(super) fn note(&mut self, stage: Stage, us: u64) {
        if let Some(meter) = self.0.get_mut(stage as usize) {
            meter.times.saturating_record(us);
            #[expect(
                clippy::cast_precision_loss,
                reason = "microseconds of a stage fit 52 bits"
            )]
            meter.exported.record(us as f64 / 1e6);
        }
    }

    /// Each stage's times, by name.
    #[must_use]
    pub(super) fn view(&self) -> BTreeMap<&'static str, StageTimes> {
        let entry = |(stage, meter): (Stage, &Meter)| {
            let times = &meter.times;
            let (p50, p99) = (times.value_at_quantile(0.5), times.value_at_quantile(0.99));
            let count = times.len();
            (stage.name(), StageTimes { count, p50, p99 })
        };
        Stage::ALL.into_iter().zip(&self.0).map(entry).collect()
    }
}

/// Two digits up to a minute; longer ones count as a minute.
#[expect(
    clippy::expect_used,
    reason = "these bounds are constants the library accepts"
)]
fn bounded() -> Histogram<u64> {
    const LONGEST_US: u64 = 60_000_000;
    Histogram::new_with_max(LONGEST_US, 2).expect("legal bounds")
}
