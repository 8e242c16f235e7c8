//! Follows the kernel's interfaces by its multicast groups (`rtnetlink(7)`).
//!
//! Races:
//! - *News get lost* when the kernel has no room to queue them: everything is listed again now and
//!   again, and after every change of an address.
//! - *News come while everything is listed*: they are taken after the list, in their order, so the last
//!   word on each interface is the newest.
//! - *Interfaces go while everything is listed*: on older kernels that may hide another one from the
//!   list. An interface that is missed without news of its end is asked for by its number.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crossbeam_channel::Sender;
use futures::{StreamExt, TryStreamExt};
use netlink_packet_route::address::AddressAttribute;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::{Handle, MulticastGroup};
use weft_topology::MacAddr;

use super::set::is_gone;
use super::{Link, LinkChange};
use crate::core::Message;

/// Everything is listed again after so much time.
const PERIOD: Duration = Duration::from_secs(5);
/// News of addresses come in groups: so long they are let gather.
const GATHER: Duration = Duration::from_millis(50);
/// The kernel answers at once: an answer that has not come by then is lost, and the socket is opened anew.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lists all interfaces with their addresses.
pub async fn list(handle: &Handle) -> Result<Vec<Link>, rtnetlink::Error> {
    let mut addresses = addresses(handle).await?;
    let mut links = Vec::new();
    let mut found = handle.link().get().execute();
    while let Some(message) = found.try_next().await? {
        let mut link = decode(&message);
        link.addresses = addresses.remove(&link.index).unwrap_or_default();
        links.push(link);
    }
    Ok(links)
}

/// The addresses of all interfaces by number, sorted.
async fn addresses(handle: &Handle) -> Result<HashMap<u32, Vec<String>>, rtnetlink::Error> {
    let mut addresses: HashMap<u32, Vec<String>> = HashMap::new();
    let mut found = handle.address().get().execute();
    while let Some(address) = found.try_next().await? {
        let length = address.header.prefix_len;
        let of = addresses.entry(address.header.index).or_default();
        // IFA_LOCAL is the host's own on a point-to-point link; elsewhere both say the same.
        let local = address
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                AddressAttribute::Local(ip) => Some(*ip),
                _ => None,
            });
        let any = address
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                AddressAttribute::Address(ip) => Some(*ip),
                _ => None,
            });
        if let Some(ip) = local.or(any) {
            of.push(format!("{ip}/{length}"));
        }
    }
    addresses.values_mut().for_each(|of| of.sort());
    Ok(addresses)
}

/// Tells of every change until the control side has ended.
pub async fn watch(core: Sender<Message>) {
    loop {
        match follow(&core).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(error, "interfaces cannot be followed; trying again"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn follow(core: &Sender<Message>) -> Result<(), String> {
    let groups = [
        MulticastGroup::Link,
        MulticastGroup::Ipv4Ifaddr,
        MulticastGroup::Ipv6Ifaddr,
    ];
    let (connection, handle, mut messages) =
        rtnetlink::new_multicast_connection(&groups).map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let ended = run(core, &handle, &mut messages).await;
    connection.abort();
    ended
}

async fn run(
    core: &Sender<Message>,
    handle: &Handle,
    messages: &mut (impl futures::Stream<Item = Received> + Unpin),
) -> Result<(), String> {
    let mut due = tokio::time::Instant::now();
    let mut known = BTreeSet::new();
    loop {
        let message = match tokio::time::timeout_at(due, messages.next()).await {
            Err(_) => {
                let listing = tokio::time::timeout(PATIENCE, list_all(handle, &known));
                let all = listing
                    .await
                    .map_err(|_| "the kernel's answer was lost".to_owned())?
                    .map_err(|error| error.to_string())?;
                due = tokio::time::Instant::now() + PERIOD;
                Some(LinkChange::All(all))
            }
            Ok(None) => return Err("the netlink socket was closed".to_owned()),
            Ok(Some((message, _))) => match said(&message.payload) {
                Said::Change(change) => Some(change),
                Said::LookAgain => {
                    due = due.min(tokio::time::Instant::now() + GATHER);
                    None
                }
                Said::Nothing => None,
            },
        };
        match &message {
            Some(LinkChange::All(all)) => known = all.iter().map(|link| link.index).collect(),
            Some(LinkChange::Here(link)) => drop(known.insert(link.index)),
            Some(LinkChange::Gone(index)) => drop(known.remove(index)),
            None => {}
        }
        if let Some(change) = message
            && core.send(Message::Link(change)).is_err()
        {
            return Ok(());
        }
    }
}

/// Lists all interfaces; those that are known and not in the list are asked for one by one.
async fn list_all(handle: &Handle, known: &BTreeSet<u32>) -> Result<Vec<Link>, rtnetlink::Error> {
    let mut all = list(handle).await?;
    let found: BTreeSet<u32> = all.iter().map(|link| link.index).collect();
    for &index in known.difference(&found) {
        let mut asked = handle.link().get().match_index(index).execute();
        match asked.try_next().await {
            Ok(Some(message)) => all.push(Link {
                addresses: addresses(handle).await?.remove(&index).unwrap_or_default(),
                ..decode(&message)
            }),
            Ok(None) => {}
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// What a message says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Change(LinkChange),
    /// Something changed that it does not say in full.
    LookAgain,
    Nothing,
}

fn said(payload: &NetlinkPayload<RouteNetlinkMessage>) -> Said {
    match payload {
        NetlinkPayload::InnerMessage(
            RouteNetlinkMessage::NewLink(link) | RouteNetlinkMessage::DelLink(link),
        ) if link.header.interface_family != AddressFamily::Unspec => {
            // A bridge says so of its ports: that one left it does not mean that it is no more.
            Said::Nothing
        }
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => {
            let mut attributes = link.attributes.iter();
            match attributes.any(|attribute| matches!(attribute, LinkAttribute::Mtu(_))) {
                true => Said::Change(LinkChange::Here(decode(link))),
                // News of a radio, which say nothing of the rest.
                false => Said::LookAgain,
            }
        }
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link)) => {
            Said::Change(LinkChange::Gone(link.header.index))
        }
        NetlinkPayload::InnerMessage(_) | NetlinkPayload::Overrun(_) => Said::LookAgain,
        _ => Said::Nothing,
    }
}

type Received = (
    rtnetlink::packet_core::NetlinkMessage<RouteNetlinkMessage>,
    rtnetlink::sys::SocketAddr,
);

fn decode(message: &LinkMessage) -> Link {
    let flags = message.header.flags;
    let mut link = Link {
        index: message.header.index,
        up: flags.contains(LinkFlags::Up),
        carrier: flags.contains(LinkFlags::LowerUp),
        is_loopback: flags.contains(LinkFlags::Loopback),
        has_no_ethernet: message.header.link_layer_type != LinkLayerType::Ether,
        ..Link::default()
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
            LinkAttribute::Controller(master) => link.master = Some(*master).filter(|of| *of != 0),
            LinkAttribute::Address(bytes) => {
                let octets = <[u8; 6]>::try_from(bytes.as_slice());
                link.mac = octets.ok().map(MacAddr::from);
            }
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    if let LinkInfo::Kind(kind) = info {
                        link.kind = kind.to_string();
                    }
                }
            }
            _ => {}
        }
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(family: AddressFamily, attributes: Vec<LinkAttribute>) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = 7;
        message.header.interface_family = family;
        message.header.flags = LinkFlags::Up;
        message.attributes = attributes;
        message
    }

    fn new(link: LinkMessage) -> NetlinkPayload<RouteNetlinkMessage> {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link))
    }

    fn gone(link: LinkMessage) -> NetlinkPayload<RouteNetlinkMessage> {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link))
    }

    fn tap() -> Vec<LinkAttribute> {
        vec![
            LinkAttribute::IfName("tap0".to_owned()),
            LinkAttribute::Mtu(1450),
        ]
    }

    #[test]
    fn an_interface_that_leaves_a_bridge_is_still_there() {
        let bridge = AddressFamily::Bridge;
        assert_eq!(said(&gone(message(bridge, tap()))), Said::Nothing);
        assert_eq!(said(&new(message(bridge, tap()))), Said::Nothing);
        let end = said(&gone(message(AddressFamily::Unspec, tap())));
        assert_eq!(end, Said::Change(LinkChange::Gone(7)));
    }

    #[test]
    fn news_that_say_little_are_not_taken_for_all_there_is() {
        let link = |attributes| said(&new(message(AddressFamily::Unspec, attributes)));
        let whole = Link {
            index: 7,
            name: "tap0".to_owned(),
            mtu: 1450,
            up: true,
            has_no_ethernet: true,
            ..Link::default()
        };
        assert_eq!(link(tap()), Said::Change(LinkChange::Here(whole)));
        let radio = vec![LinkAttribute::IfName("wlan0".to_owned())];
        assert_eq!(link(radio), Said::LookAgain);
        assert_eq!(said(&NetlinkPayload::Overrun(Vec::new())), Said::LookAgain);
    }
}
