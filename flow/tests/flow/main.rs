//! Properties and oracle tests of the crate `weft-flow`, on generated keys, masks and actions.

mod codec;
mod dictionary;
mod generate;
mod hostile;
mod oracle;
mod strict;
mod text;
