//! The life of an installation, played on a machine whose first process is systemd: packages are installed, used, hung, restarted,
//! upgraded; the machine reboots; packages are removed and purged.
//!
//! Purpose: what only real packages, real units and a real boot can show. Place: two acts of `weft-test-packages`, one a boot, run by
//! `make test-packages` on one disk.
//!
//! What it does not do: it tests no networking beyond "it works in the sandbox"; the guest lane does that.

pub mod cast;
pub mod first;
pub mod machine;
pub mod managers;
pub mod second;
