//! What the kernel says of a network interface in `/sys/class/net` and `/proc/sys/net`.

use std::fs;
use std::io;
use std::path::PathBuf;

/// The mark of a tap that `weft-vif` made, in the interface's alias: only such a tap goes at unplug.
const ALIAS: &str = "weft-vif";

/// Whether the name can be an interface's (`dev_valid_name` of the kernel) and is no pattern: in the
/// name of a new device the kernel makes a number of `%d` (`dev_alloc_name`).
pub fn is_valid_name(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && name != "."
        && name != ".."
        && !name
            .contains(|c: char| matches!(c, '/' | ':' | '%') || c.is_whitespace() || c.is_control())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_kernel_refuses_are_refused_here() {
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "a b",
            "a:b",
            "sixteencharsname",
            "a\n",
            "tap%d",
            "%d",
            "50%",
        ] {
            assert!(!is_valid_name(bad), "{bad:?}");
        }
        for good in ["t", "tap0", "tap12345678-90", "fifteen-chars-x"] {
            assert!(is_valid_name(good), "{good:?}");
        }
    }
}
