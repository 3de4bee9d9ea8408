//! The state that a pruned journal begins at, as its base keeps it.
//!
//! A snapshot of another layout is passed over, because the journal can be replayed; behind a base
//! it cannot. So a base names its fields: JSON of the image, in which a later version gives fields
//! that are new their default and passes over those that are gone. The head's format is the
//! [`IMAGE_FORMAT`] of whoever made it, for a version that must tell them apart.

use crate::engine::Engine;
use crate::engine::image::{IMAGE_FORMAT, Image};
use crate::engine::policy::Policy;
use crate::journal::Base;

/// Why a base cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// A newer program made it.
    #[error(
        "failed to begin at {name}: a newer tieqi made it (layout {format}); use that one, or a \
         later one"
    )]
    Newer {
        /// Its name.
        name: String,
        /// Its layout.
        format: u16,
    },
    /// It is sound, and not what this program makes of it.
    #[error("failed to begin at {name}: {reason}; use the tieqi that made it")]
    Unreadable {
        /// Its name.
        name: String,
        /// What the decoder says.
        reason: String,
    },
}

/// What a base keeps of a replayed engine.
pub(crate) fn encode(engine: &Engine) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&engine.image())
}

/// The engine at a base.
pub(crate) fn restore(policy: &Policy, base: &Base) -> Result<Engine, BaseError> {
    let format = base.snapshot.head.format;
    let name = crate::journal::base_name(base.segment);
    if format > IMAGE_FORMAT {
        return Err(BaseError::Newer { name, format });
    }
    match serde_json::from_slice::<Image>(&base.snapshot.payload) {
        Ok(image) => Ok(Engine::restored(policy.clone(), image)),
        Err(error) => Err(BaseError::Unreadable {
            name,
            reason: error.to_string(),
        }),
    }
}
