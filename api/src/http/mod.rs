//! What is the same for all resources: media types, arguments, bodies, addresses, limits.

pub(crate) mod arrival;
pub(crate) mod body;
pub(crate) mod bulk;
pub(crate) mod call;
pub(crate) mod limits;
pub(crate) mod media;
pub(crate) mod number;
mod object;
pub(crate) mod path;
pub(crate) mod urls;

pub(crate) use call::Call;
pub(crate) use media::Media;
pub(crate) use number::Number;
pub(crate) use object::ByName;
pub(crate) use urls::Urls;
