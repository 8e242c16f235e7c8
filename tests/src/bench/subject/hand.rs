//! A datapath with flows put by hand, the same as another's, and nobody to answer upcalls.

use anyhow::{Result, bail};
use weft_ovs::{Datapath, KernelDatapath, NewVport, Op, OpenMode, PutMode, VportKind};

use super::{FROM, Subject, TO};
use crate::bench::pair::{Pair, fresh_netns, in_netns, tap};

const NETNS: &str = "bench-hand";

/// The datapath and its two machines.
#[derive(Debug)]
pub struct Hand {
    pair: Pair,
    datapath: KernelDatapath,
}

impl Hand {
    /// Makes it without flows; its ports have the numbers 1 and 2.
    pub fn start() -> Result<Self> {
        fresh_netns(NETNS)?;
        let pair = Pair {
            from: tap(NETNS, "tap1", FROM)?,
            to: tap(NETNS, "tap2", TO)?,
        };
        let mut datapath = in_netns(NETNS, || {
            Ok(KernelDatapath::open("hand", OpenMode::Create)?)
        })?;
        for (name, number) in [("tap1", 1), ("tap2", 2)] {
            datapath.add_port(&NewVport {
                name: name.to_owned(),
                kind: VportKind::Netdev,
                port_no: Some(number),
                upcall_pids: Vec::new(),
            })?;
        }
        Ok(Self { pair, datapath })
    }

    /// Puts the flows that another datapath has; its ports have the same numbers.
    pub fn copy(&mut self, other: &mut KernelDatapath) -> Result<usize> {
        let mut flows = Vec::new();
        other.flows(&mut |flow| flows.extend(flow))?;
        let ops: Vec<Op<'_>> = flows
            .iter()
            .filter_map(|flow| {
                Some(Op::Put {
                    ufid: flow.ufid?,
                    key: &flow.key,
                    mask: &flow.mask,
                    actions: &flow.actions,
                    mode: PutMode::Create,
                })
            })
            .collect();
        let mut results = Vec::new();
        self.datapath.apply(&ops, &mut results);
        for result in results {
            if let Err(error) = result {
                bail!("a flow of the other datapath is not taken by hand: {error}");
            }
        }
        Ok(flows.len())
    }
}

impl Subject for Hand {
    fn name(&self) -> &'static str {
        "bound"
    }

    fn pair(&mut self) -> &mut Pair {
        &mut self.pair
    }

    fn forget(&mut self) -> Result<()> {
        in_netns(NETNS, || super::netlink::delete_flows(&self.datapath))
    }
}
