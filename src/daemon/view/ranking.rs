//! Rankings that explain themselves, and proposals.

use super::{Name, Views};
use crate::engine::id::{EngineTime, IncidentId, ProposalId};
use crate::engine::proposal::Proposal;
use crate::engine::ranking::{Ranking, Reason, Why};
use schemars::JsonSchema;
use serde::Serialize;

/// The best units for what an incident needs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Ranking")]
pub struct RankingView<'a> {
    /// Its id, which an offer names.
    pub ranking: u64,
    /// Sworn officers asked for.
    pub sworn: u8,
    /// Skills asked for.
    pub skills: Vec<String>,
    /// The best first.
    pub candidates: Vec<CandidateView<'a>>,
    /// Nearer, and why not.
    pub passed_over: Vec<PassedOverView<'a>>,
}

/// A unit that may be sent.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Candidate")]
pub struct CandidateView<'a> {
    /// Its call sign.
    pub unit: Option<&'a str>,
    /// Travel time, seconds.
    pub travel_s: u32,
    /// Straight distance, metres.
    pub distance_m: u32,
    /// Age of its position, seconds.
    pub fix_age_s: u64,
    /// What the figures rest on.
    pub reasons: Vec<Name<Reason>>,
}

/// A nearer unit that is not sent.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "PassedOver")]
pub struct PassedOverView<'a> {
    /// Its call sign.
    pub unit: Option<&'a str>,
    /// Travel time, seconds; none without a position.
    pub travel_s: Option<u32>,
    /// Why not.
    pub why: Name<Why>,
}

/// A ranking put to the desks for one slot.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Proposal")]
pub struct ProposalView<'a> {
    /// Its number.
    pub proposal: ProposalId,
    /// The incident.
    pub incident: IncidentId,
    /// The slot it would fill.
    pub slot: u8,
    /// Call sign of the unit proposed.
    pub unit: Option<&'a str>,
    /// When it was made.
    pub made_at: EngineTime,
    /// When the supervisor is alarmed.
    pub deadline: EngineTime,
    /// How often that happened.
    pub overdue: u32,
    /// The ranking it stands on.
    pub ranking: RankingView<'a>,
}

impl<'a> Views<'a> {
    /// A ranking that explains itself.
    #[must_use]
    pub fn ranking(self, ranking: &Ranking) -> RankingView<'a> {
        let candidates = ranking.candidates.iter().map(|candidate| CandidateView {
            unit: self.call_sign(candidate.unit),
            travel_s: candidate.travel_ms.div_ceil(1000),
            distance_m: candidate.distance_m,
            fix_age_s: candidate.fix_age_ms / 1000,
            reasons: candidate.reasons.iter().copied().map(Name).collect(),
        });
        let passed_over = ranking.passed_over.iter().map(|passed| {
            let placed = passed.why != Why::NoPosition;
            PassedOverView {
                unit: self.call_sign(passed.unit),
                travel_s: placed.then_some(passed.travel_ms.div_ceil(1000)),
                why: Name(passed.why),
            }
        });
        RankingView {
            ranking: ranking.as_of,
            sworn: ranking.need.sworn,
            skills: self.skills(ranking.need.skills.0),
            candidates: candidates.collect(),
            passed_over: passed_over.collect(),
        }
    }

    /// An open proposal with the ranking it puts to the desk.
    #[must_use]
    pub fn proposal(self, proposal: &Proposal) -> ProposalView<'a> {
        ProposalView {
            proposal: proposal.id,
            incident: proposal.incident,
            slot: proposal.slot,
            unit: self.call_sign(proposal.unit),
            made_at: proposal.made_at,
            deadline: proposal.deadline,
            overdue: proposal.overdue,
            ranking: self.ranking(&proposal.ranking),
        }
    }
}
