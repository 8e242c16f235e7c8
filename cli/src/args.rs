//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use weft_topology::id::PortId;

/// Look into and drive Weft's virtual networks.
///
/// Exit status: 0 done, 1 failed, 2 wrong use, 3 timed out.
#[derive(Debug, Parser)]
#[command(name = "weft", version)]
pub struct Cli {
    /// The topology service.
    #[arg(long, value_name = "URL", env = "WEFT_API")]
    #[arg(default_value = "http://127.0.0.1:8181/midonet-api")]
    pub api: String,
    /// The control socket of this host's agent.
    #[arg(
        long,
        value_name = "PATH",
        env = "WEFT_SOCKET",
        default_value = "/run/weft/agent.sock"
    )]
    pub socket: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The state of this host's agent.
    Status,
    /// List what there is.
    Show {
        /// Of what kind.
        #[command(subcommand)]
        what: Show,
    },
    /// Walk a packet through the topology and say what it meets; nothing is sent.
    ///
    /// The packet is said in words, each KEY=VALUE, or in bytes, hex=0011…:
    ///
    ///   from=MAC to=MAC [vlan=ID]
    ///   src=IP dst=IP [proto=tcp|udp|icmp|N] [sport=N] [dport=N] [ttl=N]
    ///   arp=request|reply sender=IP target=IP
    ///
    /// For example: weft trace PORT from=02:00:00:00:00:01 to=ff:ff:ff:ff:ff:ff arp=request
    /// sender=10.0.0.1 target=10.0.0.2
    #[command(verbatim_doc_comment)]
    Trace {
        /// The virtual port that it comes in by.
        port: PortId,
        /// The packet.
        #[arg(required = true, value_name = "KEY=VALUE")]
        packet: Vec<String>,
    },
    /// Wait until every live host has in force what was newest when this began.
    Sync {
        /// How long to wait, in seconds.
        #[arg(long, value_name = "S", default_value_t = 60)]
        timeout: u64,
    },
}

/// What can be listed.
#[derive(Clone, Debug, Subcommand)]
pub enum Show {
    /// Hypervisors, from the service.
    Hosts,
    /// Virtual bridges, from the service.
    Bridges,
    /// Virtual ports, from the service.
    Ports,
    /// Interfaces of this host and the ports that they carry.
    Bindings,
    /// Flows in this host's kernel.
    Flows {
        /// Only those that come in by this port.
        #[arg(long)]
        port: Option<PortId>,
    },
    /// Packets that this host dropped, by reason.
    Drops {
        /// Only those that came in by this port.
        #[arg(long)]
        port: Option<PortId>,
    },
    /// MAC addresses that this host has learned.
    Macs,
}
