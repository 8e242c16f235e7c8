//! What every backend must do. One suite, run on each.
