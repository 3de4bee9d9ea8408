//! Tieqi.
