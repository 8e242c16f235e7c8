//! Room for the agent's state.

use nix::sys::statvfs::statvfs;

use super::{Finding, Machine, Places};

/// Less is little, in MiB.
const LITTLE: u64 = 100;
/// Less is none, in MiB.
const NONE: u64 = 10;

pub(super) fn state_dir(machine: &Machine, places: &Places) -> Finding {
    const CHECK: &str = "state directory";
    let path = machine.nearest(&places.state_dir);
    let shown = places.state_dir.display();
    let stat = match statvfs(&path) {
        Ok(stat) => stat,
        Err(errno) => {
            return Finding::warning(
                CHECK,
                format!("{shown} cannot be looked at: {errno}"),
                "run weft doctor as root",
            );
        }
    };
    let room = stat.blocks_available().saturating_mul(stat.fragment_size()) >> 20;
    let (inodes, free) = (stat.files(), stat.files_available());
    judged(CHECK, &shown.to_string(), room, inodes, free)
}

fn judged(check: &'static str, shown: &str, room: u64, inodes: u64, free: u64) -> Finding {
    let advice = "make room: the agent goes on, but a restart would not know the newest bindings, and a \
        plug without the service fails";
    // Some file systems do not count them.
    if inodes > 0 && free == 0 {
        return Finding::failure(check, format!("{shown} has no inode left"), advice);
    }
    let found = format!("{shown} has {room} MiB left");
    match room {
        0..NONE => Finding::failure(check, found, advice),
        NONE..LITTLE => Finding::warning(check, found, advice),
        _ => Finding::ok(check, found),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    #[test]
    fn little_room_is_a_warning_and_none_a_failure() {
        let severity = |room, inodes, free| judged("c", "/d", room, inodes, free).severity;
        assert_eq!(severity(LITTLE, 10, 5), Severity::Ok);
        assert_eq!(severity(LITTLE - 1, 10, 5), Severity::Warning);
        assert_eq!(severity(NONE - 1, 10, 5), Severity::Failure);
        assert_eq!(severity(1 << 20, 10, 0), Severity::Failure);
        assert_eq!(severity(1 << 20, 0, 0), Severity::Ok);
    }
}
