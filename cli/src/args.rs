//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use weft_topology::id::PortId;

use crate::verbs::trace::Which;

/// Look into and drive Weft's virtual networks.
///
/// Exit status: 0 done, 1 failed, 2 wrong use, 3 timed out; of diff also 4: something differs.
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
    ///
    /// Or it is read from a capture, pcap or pcapng: weft trace PORT --pcap FILE --packet 3
    #[command(verbatim_doc_comment)]
    Trace {
        /// The virtual port that it comes in by.
        port: PortId,
        /// The packet.
        #[arg(required_unless_present = "pcap", value_name = "KEY=VALUE")]
        words: Vec<String>,
        /// A capture of Ethernet frames.
        #[arg(long, value_name = "FILE", conflicts_with = "words")]
        pcap: Option<PathBuf>,
        /// Which of them: a number from 1 on, or all.
        #[arg(long, value_name = "N|all", default_value = "all", requires = "pcap")]
        packet: Which,
    },
    /// Wait until every live host has in force what was newest when this began.
    Sync {
        /// How long to wait, in seconds.
        #[arg(long, value_name = "S", default_value_t = 60)]
        timeout: u64,
    },
    /// Make the topology what a file says; what differs is shown first, and asked for.
    ///
    /// Everything is done in one transaction, or nothing. What an earlier version of the file (by its
    /// name) made and this one does not name is removed; what no file named is left alone.
    Apply {
        /// The topology file (TOML), or - for stdin.
        file: PathBuf,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// Show what differs, and change nothing.
        #[arg(long, conflicts_with = "yes")]
        dry_run: bool,
    },
    /// Show what a topology file would change. Exit status 4 if it is anything.
    Diff {
        /// The topology file (TOML), or - for stdin.
        file: PathBuf,
    },
    /// Write what there is as a topology file.
    Export {
        /// Where to; by default to stdout.
        file: Option<PathBuf>,
        /// Only what the file of this name made.
        #[arg(long)]
        name: Option<String>,
        /// With the interfaces that ports are bound to.
        #[arg(long)]
        bindings: bool,
    },
    /// Forget that a topology file made what it made; the objects stay, and are nobody's.
    Forget {
        /// The file's name, as weft show files lists it.
        name: String,
    },
    /// Keep everything in the service's store, as of one moment, in a file.
    Backup {
        /// Where to, or - for stdout.
        file: PathBuf,
    },
    /// Put back what a backup has; what it replaces is shown first, and asked for.
    ///
    /// Done in one transaction while the service runs. Hosts that live, and the interfaces that carry
    /// ports now, stay as they are.
    Restore {
        /// The backup.
        file: PathBuf,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// Check the backup, show what it would replace, and change nothing.
        #[arg(long, conflicts_with = "yes")]
        dry_run: bool,
    },
    /// Print a script by which a shell completes this program's words.
    Completion {
        /// Which shell.
        shell: Shell,
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
    /// Topology files that were applied, from the service.
    Files,
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
