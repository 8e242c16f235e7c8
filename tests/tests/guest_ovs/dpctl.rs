//! What another tool says of our flows, and what we say of its.
