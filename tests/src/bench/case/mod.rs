//! One file a question.

pub mod flows;
pub mod hits;
pub mod plug;
pub mod size;
