//! What the kernel says of a network interface in `/sys/class/net` and `/proc/sys/net`.

use std::fs;
use std::io;
use std::path::PathBuf;

/// The mark of a tap that `weft-vif` made, in the interface's alias: only such a tap goes at unplug.
const ALIAS: &str = "weft-vif";

/// Whether the interface is there, in this network namespace.
pub fn exists(name: &str) -> bool {
    nix::net::if_::if_nametoindex(name).is_ok()
}

/// Turns the host's IPv6 stack off on an interface: a guest must not reach the hypervisor by it. A
/// kernel without IPv6 has no such switch.
pub fn disable_ipv6(name: &str) -> io::Result<()> {
    let path = PathBuf::from("/proc/sys/net/ipv6/conf")
        .join(name)
        .join("disable_ipv6");
    match fs::write(path, "1") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Marks a tap as made by this program.
pub fn mark_as_ours(name: &str) -> io::Result<()> {
    fs::write(alias_of(name), ALIAS)
}

/// Whether this program made the tap.
pub fn is_ours(name: &str) -> bool {
    fs::read_to_string(alias_of(name)).is_ok_and(|alias| alias.trim_end() == ALIAS)
}

fn alias_of(name: &str) -> PathBuf {
    PathBuf::from("/sys/class/net").join(name).join("ifalias")
}
