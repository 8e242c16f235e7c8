//! The command line of `weft-vif`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use weft_topology::id::PortId;

use crate::Error;
use crate::places::{CONFIG, Places};

/// Plug network interfaces into Weft's virtual ports.
///
/// Exit status: 0 done, 1 failed, 2 wrong use, 3 timed out.
#[derive(Debug, Parser)]
#[command(name = "weft-vif", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bind an interface to a port; an interface that is absent is made, a persistent tap.
    Plug(PlugArgs),
    /// Release an interface; a tap that `plug` made is deleted. An unknown interface is no error.
    Unplug {
        /// The interface.
        #[arg(long)]
        interface: String,
        /// Where the agent is.
        #[command(flatten)]
        place: Place,
    },
    /// Show the bindings of this host.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Where the agent is.
        #[command(flatten)]
        place: Place,
    },
    /// libvirt's `<script>`: bind the tap to the port whose id its name carries (`tap` + id).
    ///
    /// libvirt runs a script with the tap's name alone, so point `<script path='…'/>` at a link to
    /// this program that is called `libvirt-script`.
    LibvirtScript {
        /// The tap.
        interface: String,
        /// Where the agent is.
        #[command(flatten)]
        place: Place,
    },
}

/// Of `plug`.
#[derive(Debug, Args)]
pub struct PlugArgs {
    /// The virtual port's id.
    #[arg(long)]
    pub port: PortId,
    /// The interface: 1 to 15 bytes.
    #[arg(long)]
    pub interface: String,
    /// Who may open a tap that is made: a user's id, and a group's.
    #[arg(long, value_name = "UID[:GID]", value_parser = parse_owner)]
    pub owner: Option<(u32, Option<u32>)>,
    /// MTU in bytes; by default the network's.
    #[arg(long, value_parser = clap::value_parser!(u16).range(68..))]
    pub mtu: Option<u16>,
    /// How many queues a tap that is made shall take.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub queues: u16,
    /// Make a tap whose frames carry a virtio header.
    #[arg(long)]
    pub vnet_hdr: bool,
    /// Bind by the topology service at this address and not by the agent.
    #[arg(long, value_name = "URL", conflicts_with = "socket")]
    pub api: Option<String>,
    /// Where the agent is.
    #[command(flatten)]
    pub place: Place,
}

/// Where the agent is.
#[derive(Debug, Args)]
pub struct Place {
    /// The agent's control socket.
    #[arg(long, value_name = "PATH", env = "WEFT_SOCKET")]
    pub socket: Option<PathBuf>,
    /// The agent's configuration, for its socket and state directory.
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    pub config: PathBuf,
    /// How long to wait, in seconds.
    #[arg(long, value_name = "S", default_value_t = 30)]
    pub timeout: u64,
}

impl Place {
    /// The places that these options name.
    pub fn find(&self) -> Result<Places, Error> {
        Places::find(&self.config, self.socket.clone())
    }

    /// How long to wait.
    pub fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

fn parse_owner(text: &str) -> Result<(u32, Option<u32>), String> {
    let number = |part: &str| {
        part.parse()
            .map_err(|_| format!("'{part}' is not a numeric id"))
    };
    match text.split_once(':') {
        None => Ok((number(text)?, None)),
        Some((owner, group)) => Ok((number(owner)?, Some(number(group)?))),
    }
}
