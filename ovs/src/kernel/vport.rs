//! Ports of the kernel's datapath, in messages.

use weft_flow::attr::{Attrs, PutAttr, TooLong};

use super::uapi::vport;
use crate::nl::requests::Failure;
use crate::vport::{NewVport, Vport, VportKind, VportStats};

/// Appends what adds a port.
pub(super) fn encode_new(port: &NewVport, out: &mut Vec<u8>) -> Result<(), TooLong> {
    let (number, dst_port) = match port.kind {
        VportKind::Netdev => (vport::TYPE_NETDEV, None),
        VportKind::Internal => (vport::TYPE_INTERNAL, None),
        VportKind::Vxlan { dst_port } => (vport::TYPE_VXLAN, Some(dst_port)),
        VportKind::Geneve { dst_port } => (vport::TYPE_GENEVE, Some(dst_port)),
        VportKind::Other(number) => (number, None),
    };
    out.put_u32(vport::TYPE, number);
    out.put_str(vport::NAME, &port.name)?;
    if let Some(port_no) = port.port_no {
        out.put_u32(vport::PORT_NO, port_no);
    }
    encode_pids(&port.upcall_pids, out)?;
    if let Some(dst_port) = dst_port {
        let options = out.begin(vport::OPTIONS);
        out.put_u16(vport::OPTION_DST_PORT, dst_port);
        out.end(options)?;
    }
    Ok(())
}

/// Appends a port's upcall sockets. The kernel reads a single 0 as "none".
pub(super) fn encode_pids(pids: &[u32], out: &mut Vec<u8>) -> Result<(), TooLong> {
    if pids.is_empty() {
        out.put_u32(vport::UPCALL_PID, 0);
        return Ok(());
    }
    let bytes: Vec<u8> = pids.iter().flat_map(|pid| pid.to_ne_bytes()).collect();
    out.put_bytes(vport::UPCALL_PID, &bytes)
}

/// Reads a port.
pub(crate) fn decode(attrs: Attrs<'_>) -> Result<Vport, Failure> {
    let (mut port_no, mut number, mut name) = (None, None, None);
    let (mut ifindex, mut dst_port) = (None, None);
    let mut upcall_pids = Vec::new();
    let mut stats = VportStats::default();
    for attr in attrs {
        let attr = attr?;
        match attr.kind {
            vport::PORT_NO => port_no = Some(attr.u32()?),
            vport::TYPE => number = Some(attr.u32()?),
            vport::NAME => name = Some(attr.str()?.to_owned()),
            vport::IFINDEX => ifindex = Some(attr.u32()?),
            vport::UPCALL_PID => upcall_pids = pids(attr.payload),
            vport::STATS => stats = self::stats(attr.array()?),
            vport::OPTIONS => {
                for option in attr.attrs() {
                    let option = option?;
                    if option.kind == vport::OPTION_DST_PORT {
                        dst_port = Some(option.u16()?);
                    }
                }
            }
            _ => {}
        }
    }
    let missing = |what: &str| Failure::Malformed(format!("port without {what}"));
    let kind = match (number.ok_or_else(|| missing("type"))?, dst_port) {
        (vport::TYPE_NETDEV, _) => VportKind::Netdev,
        (vport::TYPE_INTERNAL, _) => VportKind::Internal,
        (vport::TYPE_VXLAN, Some(dst_port)) => VportKind::Vxlan { dst_port },
        (vport::TYPE_GENEVE, Some(dst_port)) => VportKind::Geneve { dst_port },
        (number, _) => VportKind::Other(number),
    };
    Ok(Vport {
        port_no: port_no.ok_or_else(|| missing("number"))?,
        kind,
        name: name.ok_or_else(|| missing("name"))?,
        upcall_pids,
        ifindex,
        stats,
    })
}

fn pids(bytes: &[u8]) -> Vec<u32> {
    let (words, _) = bytes.as_chunks::<4>();
    let pids: Vec<u32> = words.iter().map(|word| u32::from_ne_bytes(*word)).collect();
    if pids == [0] { Vec::new() } else { pids }
}

fn stats(bytes: &[u8; 64]) -> VportStats {
    let (words, _) = bytes.as_chunks::<8>();
    let mut words = words.iter().map(|word| u64::from_ne_bytes(*word));
    let mut next = || words.next().unwrap_or_default();
    VportStats {
        rx_packets: next(),
        tx_packets: next(),
        rx_bytes: next(),
        tx_bytes: next(),
        rx_errors: next(),
        tx_errors: next(),
        rx_dropped: next(),
        tx_dropped: next(),
    }
}
