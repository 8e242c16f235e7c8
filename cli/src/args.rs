//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use weft_topology::id::PortId;

use crate::verbs::trace::{Assumed, Which};
use crate::verbs::{capture, top};

/// Look into and drive Weft's virtual networks.
///
/// Exit status: 0 done, 1 failed, 2 wrong use, 3 timed out; of diff also 4: something differs.
#[derive(Debug, Parser)]
#[command(name = "weft", version)]
pub struct Cli {
    /// The topology service [default: http://127.0.0.1:8181/midonet-api].
    #[arg(long, value_name = "URL", env = "WEFT_API")]
    pub api: Option<String>,
    /// The control socket of this host's agent [default: /run/weft/agent.sock].
    #[arg(long, value_name = "PATH", env = "WEFT_SOCKET")]
    pub socket: Option<PathBuf>,
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
        /// What the connection table says where the kernel would ask it: new, established, reply, related or
        /// invalid. By default new, and reply for TCP's SYN and ACK together.
        #[arg(long, value_name = "ANSWER")]
        connection: Option<Assumed>,
    },
    /// Explain what this host dropped last of a port's packets: those that its machine sent, and those that were
    /// for it.
    ///
    /// Each with how many, one of them in words, the reason, and the rule with its chain and owner where one decided.
    Why {
        /// The virtual port, by its id or by the interface that carries it.
        port: String,
        /// Go on, and show new drops as they come.
        #[arg(long, short)]
        follow: bool,
    },
    /// Say what is wrong with this host, and what to do about it; it changes nothing.
    ///
    /// Looks at the kernel, connection tracking, disks, clocks and programs beside Weft, and asks the agent and
    /// the service; it needs neither of them to run. As root it sees more. Exit status 1 if a check fails.
    Doctor {
        /// The agent's configuration file: where its socket and its state are, and which service it asks.
        #[arg(long, value_name = "FILE", default_value = "/etc/weft/agent.toml")]
        config: PathBuf,
    },
    /// Show the ports of this host by what passes them, again and again.
    ///
    /// "in" is what a port's machine sends, "out" what it is sent. Drops are those of verdicts and of the interface;
    /// weft show drops says their reasons. Where standard output is no terminal frames follow one another as text,
    /// and with --json each is one line.
    Top(Top),
    /// Copy the frames of one virtual port, both ways, for a look at them or for Wireshark.
    ///
    /// weft capture PORT -w - | wireshark -k -i -
    ///
    /// Ends at its bounds, by ^C, or when the reader of its output ends. The machine's traffic does not wait for it:
    /// frames that are not taken in time are lost to the capture alone, and counted. The agent logs who captures
    /// what.
    #[command(verbatim_doc_comment)]
    Capture(Capture),
    /// Show what this host's agent logs, or change it until its next start.
    LogLevel {
        /// error, warn, info, debug, trace, off, or a list such as info,weft_agent::bindings=debug.
        filter: Option<String>,
        /// Of the topology service instead.
        #[arg(long)]
        service: bool,
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
    /// Say which connections of this host applying a topology file would cut; nothing is changed.
    ///
    /// Live connections are judged as they would be after weft apply, by the code that would cut them: who is at their
    /// ends, which rules let them pass now and which would not, of which chain and owner. So are flows that need no
    /// connection and that a packet has met lately. Each host knows its own: weft impact is for the host where it runs.
    Impact {
        /// The topology file (TOML), or - for stdin.
        file: PathBuf,
        /// Flows that no packet has met for so many seconds are left out.
        #[arg(long, value_name = "S", default_value_t = 10)]
        seconds: u32,
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

/// How `weft top` shows.
#[derive(Clone, Debug, Args)]
pub struct Top {
    /// By what ports are sorted, the most first.
    #[arg(long, value_enum, default_value = "packets")]
    pub sort: top::Key,
    /// Seconds between two frames.
    #[arg(long, value_name = "S", default_value_t = 2.0, value_parser = interval)]
    pub interval: f64,
    /// End after so many frames.
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// End after one frame.
    #[arg(long, conflicts_with = "count")]
    pub once: bool,
    /// Show so many ports; by default as many as the terminal has room for, and elsewhere all.
    #[arg(long, value_name = "N")]
    pub lines: Option<usize>,
}

/// What `weft capture` takes.
#[derive(Clone, Debug, Args)]
pub struct Capture {
    /// The virtual port, by its id or by the interface that carries it.
    pub port: String,
    /// End after so many frames.
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// End after so many seconds.
    #[arg(long, value_name = "S")]
    pub seconds: Option<u64>,
    /// Bytes of each frame, at most.
    #[arg(long, value_name = "BYTES", default_value_t = 262_144)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=262_144))]
    pub snaplen: u32,
    /// Write a pcap file, - for standard output; without it frames are printed, a line each.
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,
}

impl From<Top> for top::Options {
    fn from(of: Top) -> Self {
        Self {
            key: of.sort,
            interval: Duration::from_secs_f64(of.interval),
            count: if of.once { Some(1) } else { of.count },
            lines: of.lines,
        }
    }
}

impl From<Capture> for capture::Options {
    fn from(of: Capture) -> Self {
        Self {
            port: of.port,
            count: of.count,
            seconds: of.seconds,
            snaplen: of.snaplen,
            write: of.write,
        }
    }
}

/// Seconds, a tenth to an hour.
fn interval(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "want a number".to_owned())?;
    match (0.1..=3_600.0).contains(&seconds) {
        true => Ok(seconds),
        false => Err("want 0.1 to 3600 seconds".to_owned()),
    }
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
    /// Chains of rules and what they filter, from the service.
    Chains,
    /// The rules of chains in words, in the order in which they are looked at, from the service.
    Rules {
        /// Only those of this chain, by name or id.
        chain: Option<String>,
    },
    /// Port groups and the ports in them, from the service.
    PortGroups,
    /// Groups of addresses and what is in them, from the service.
    AddressGroups,
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
