//! systemd-networkd and NetworkManager, told to manage everything: what is Weft's they leave alone.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::command::run;
use crate::wait;

/// A card that is nobody's, and one that the operator has named as an uplink.
const CARDS: [&str; 2] = ["card0", "uplink0"];
const LIMIT: Duration = Duration::from_secs(60);
/// Made here, and removed.
const FILES: [(&str, &str); 4] = [
    (
        "/etc/systemd/network/90-everything.network",
        "[Match]\nName=*\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n",
    ),
    (
        "/etc/NetworkManager/conf.d/90-everything.conf",
        "[device-everything]\nmatch-device=*\nmanaged=1\n",
    ),
    // As docs/install.md says.
    (
        "/etc/systemd/network/05-weft.network.d/uplinks.conf",
        "[Match]\nName=uplink0\n",
    ),
    (
        "/etc/NetworkManager/conf.d/51-weft-uplinks.conf",
        "[keyfile]\nunmanaged-devices+=interface-name:uplink0\n",
    ),
];

/// Starts both, one after the other, and looks which of the links each takes.
pub fn leave_alone(taps: &[&str]) -> Result<String> {
    for (path, text) in FILES {
        let folder = path.rsplit_once('/').map_or("/", |(folder, _)| folder);
        fs::create_dir_all(folder)?;
        fs::write(path, text)?;
    }
    for card in CARDS {
        run(&["ip", "link", "add", card, "type", "dummy"])?;
        run(&["ip", "link", "set", card, "up"])?;
    }
    run(&[
        "udevadm",
        "trigger",
        "--subsystem-match=net",
        "--action=add",
    ])?;
    run(&["udevadm", "settle"])?;
    let ours: Vec<&str> = taps.iter().copied().chain(["weft", "uplink0"]).collect();

    run(&["systemctl", "start", "systemd-networkd.service"])?;
    judge("systemd-networkd", &ours, || {
        let text = run(&["networkctl", "--no-legend", "--no-pager", "list"])?;
        let columns = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            Some((words.get(1)?.to_string(), words.last()?.to_string()))
        };
        Ok(text.lines().filter_map(columns).collect())
    })?;
    run(&[
        "systemctl",
        "stop",
        "systemd-networkd.socket",
        "systemd-networkd.service",
    ])?;

    run(&["systemctl", "unmask", "NetworkManager.service"])?;
    run(&["systemctl", "start", "NetworkManager.service"])?;
    judge("NetworkManager", &ours, || {
        let text = run(&["nmcli", "--terse", "--fields", "DEVICE,STATE", "device"])?;
        let columns = |line: &str| {
            let (device, state) = line.split_once(':')?;
            Some((device.to_owned(), state.to_owned()))
        };
        Ok(text.lines().filter_map(columns).collect())
    })?;
    run(&["systemctl", "stop", "NetworkManager.service"])?;

    for card in CARDS {
        run(&["ip", "link", "del", card])?;
    }
    for (path, _) in FILES {
        fs::remove_file(path)?;
    }
    fs::remove_dir("/etc/systemd/network/05-weft.network.d")?;
    Ok(format!(
        "systemd-networkd and NetworkManager manage card0, and leave {} links alone",
        ours.len()
    ))
}

/// Waits until the manager has taken the card that is nobody's, and has made up its mind about ours.
fn judge(
    manager: &str,
    ours: &[&str],
    list: impl Fn() -> Result<Vec<(String, String)>>,
) -> Result<()> {
    let settled = |all: &[(String, String)]| {
        let state = |link: &str| Some(all.iter().find(|(name, _)| name == link)?.1.clone());
        let decided = |link: &str| {
            !matches!(
                state(link).as_deref(),
                None | Some("pending" | "initialized")
            )
        };
        decided("card0")
            && state("card0").as_deref() != Some("unmanaged")
            && ours.iter().all(|link| decided(link))
    };
    let what = format!("{manager} to manage card0");
    let all = wait::until_some(&what, LIMIT, || list().ok().filter(|all| settled(all)))
        .with_context(|| format!("{:?}", list()))?;
    for link in ours {
        let is_left = all
            .iter()
            .any(|(name, state)| name == link && state == "unmanaged");
        ensure!(is_left, "{manager} does not leave {link} alone: {all:?}");
    }
    Ok(())
}
