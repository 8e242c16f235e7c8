//! Properties and oracle tests of the crate `weft-flow`, on generated keys, masks and actions.

mod codec;
mod dictionary;
mod generate;
mod oracle;
mod text;
