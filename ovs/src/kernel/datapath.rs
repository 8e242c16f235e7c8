//! Creating, adopting and asking the kernel's datapath.
//!
//! Races:
//! * Two programs create it at once: the kernel lets one win; the other, if it may adopt, adopts.
//! * Somebody deletes it while a handle is open: every request then fails with `NotFound`. If it is made
//!   anew its device has another index, so an old handle never touches a new datapath.

use std::sync::Arc;

use weft_flow::Ufid;
use weft_flow::attr::{PutAttr, TooLong};

use super::object::{USER_FEATURES, create, get, header, set_features};
use super::uapi::{dp, flow as flow_uapi, vport as vport_uapi};
use super::{
    Families, Identity, KernelConntrack, KernelMonitor, KernelUpcalls, batch, flow, vport,
};
use crate::conntrack::Conntrack;
use crate::counters::Counters;
use crate::datapath::{
    BadFlow, Datapath, DatapathInfo, DumpedFlow, FlowUsage, Op, OpReply, Writes,
};
use crate::error::{Attempt, Error, What};
use crate::monitor::DatapathMonitor;
use crate::nl::message::{Header, flag};
use crate::nl::prefix::Ovs;
use crate::nl::requests::{Failure, Requests};
use crate::upcall::UpcallSource;
use crate::vport::{NewVport, Vport};

/// A handle on the kernel's datapath, with a socket of its own.
#[derive(Debug)]
pub struct KernelDatapath {
    pub(super) identity: Arc<Identity>,
    pub(super) requests: Requests,
    pub(super) counters: Counters,
}

/// Whether the datapath may be there already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenMode {
    /// It must not be there.
    Create,
    /// It must be there; its ports and flows stay.
    Adopt,
    /// Either.
    CreateOrAdopt,
}

impl KernelDatapath {
    /// Opens the datapath of that name (its internal device's, at most 15 bytes) in the calling thread's
    /// network namespace, and sets its features. Loads openvswitch if it must.
    pub fn open(name: &str, mode: OpenMode) -> Result<Self, Error> {
        let families = Families::look_up()?;
        let about = |what| Attempt {
            datapath: name.to_owned(),
            what,
        };
        let mut requests = open_requests(about(What::OpenSocket))?;
        let counters = Counters::new();
        let adopt = |requests: &mut _| {
            get(requests, &families, name, 0)
                .map_err(|failure| Error::from_failure(about(What::GetDatapath), failure))
        };
        let create = |requests: &mut _| {
            create(requests, &families, name, &counters)
                .map_err(|failure| Error::from_failure(about(What::CreateDatapath), failure))
        };
        let info = match mode {
            OpenMode::Create => create(&mut requests)?,
            OpenMode::Adopt => adopt(&mut requests)?,
            OpenMode::CreateOrAdopt => match adopt(&mut requests) {
                Err(Error::NotFound { .. }) => match create(&mut requests) {
                    Err(Error::AlreadyExists { .. }) => adopt(&mut requests)?,
                    other => other?,
                },
                other => other?,
            },
        };
        let identity = Identity {
            name: name.to_owned(),
            ifindex: info.ifindex,
            families,
        };
        if info.user_features != USER_FEATURES {
            set_features(&mut requests, &identity)?;
            counters.own().datapath.add(1);
        }
        Ok(Self {
            identity: Arc::new(identity),
            requests,
            counters,
        })
    }

    /// Removes the datapath with its ports and flows.
    pub fn destroy(mut self) -> Result<(), Error> {
        self.counters.own().datapath.add(1);
        let header = header(&self.identity.families, dp::DEL, 0, self.identity.ifindex);
        self.requests
            .ask(header, |_| Ok(()), |_| Ok(()))
            .map_err(|failure| self.identity.error(What::DeleteDatapath, failure))
    }

    /// The families of the running kernel.
    pub fn families(&self) -> &Families {
        &self.identity.families
    }

    /// Index of the datapath's own internal device.
    pub fn ifindex(&self) -> u32 {
        self.identity.ifindex
    }

    fn ask_port(
        &mut self,
        what: What,
        (command, flags): (u8, u16),
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>,
    ) -> Result<Option<Vport>, Error> {
        self.counters.own().ports.add(1);
        let header = self.port_header(command, flags);
        let mut port = None;
        self.requests
            .ask(header, fill, |answer| {
                port = Some(vport::decode(answer.attrs)?);
                Ok(())
            })
            .map_err(|failure| self.identity.error(what, failure))?;
        Ok(port)
    }

    fn port_header(&self, command: u8, flags: u16) -> Header {
        let families = &self.identity.families;
        self.header(families.vport.id, vport_uapi::VERSION, command, flags)
    }

    /// A request of a family, about this datapath.
    pub(super) fn header(&self, kind: u16, version: u8, command: u8, flags: u16) -> Header {
        Header {
            kind,
            flags,
            seq: 0,
            prefix: Ovs {
                command,
                version,
                dp_ifindex: self.identity.ifindex,
            },
        }
    }

    pub(super) fn flow_header(&self, command: u8, flags: u16) -> Header {
        let families = &self.identity.families;
        self.header(families.flow.id, flow_uapi::VERSION, command, flags)
    }
}

impl Datapath for KernelDatapath {
    fn fork(&self) -> Result<Box<dyn Datapath>, Error> {
        Ok(Box::new(Self {
            identity: self.identity.clone(),
            requests: open_requests(self.identity.attempt(What::OpenSocket))?,
            counters: self.counters.fork(),
        }))
    }

    fn upcall_socket(&self, receive_buffer: usize) -> Result<Box<dyn UpcallSource>, Error> {
        let socket = KernelUpcalls::open(self.identity.clone(), receive_buffer)?;
        Ok(Box::new(socket))
    }

    fn monitor(&self) -> Result<Box<dyn DatapathMonitor>, Error> {
        Ok(Box::new(KernelMonitor::open(self.identity.clone())?))
    }

    fn conntrack(&self) -> Result<Box<dyn Conntrack>, Error> {
        Ok(Box::new(KernelConntrack::open()?))
    }

    fn info(&mut self) -> Result<DatapathInfo, Error> {
        let identity = &self.identity;
        get(&mut self.requests, &identity.families, "", identity.ifindex)
            .map_err(|failure| identity.error(What::GetDatapath, failure))
    }

    fn ports(&mut self) -> Result<Vec<Vport>, Error> {
        let mut ports = Vec::new();
        self.requests
            .dump(
                self.port_header(vport_uapi::GET, 0),
                |_| Ok(()),
                &mut ports,
                Vec::clear,
                |ports, answer| {
                    ports.push(vport::decode(answer.attrs)?);
                    Ok(())
                },
            )
            .map_err(|failure| self.identity.error(What::ListPorts, failure))?;
        Ok(ports)
    }

    fn add_port(&mut self, port: &NewVport) -> Result<Vport, Error> {
        let what = What::AddPort(port.name.clone());
        let command = (vport_uapi::NEW, flag::CREATE | flag::ECHO);
        let added = self.ask_port(what.clone(), command, |out| vport::encode_new(port, out))?;
        added.ok_or_else(|| self.identity.error(what, Failure::Lost))
    }

    fn set_upcall_pids(&mut self, port_no: u32, pids: &[u32]) -> Result<(), Error> {
        self.ask_port(What::SetPort(port_no), (vport_uapi::SET, 0), |out| {
            out.put_u32(vport_uapi::PORT_NO, port_no);
            vport::encode_pids(pids, out)
        })
        .map(drop)
    }

    fn delete_port(&mut self, port_no: u32) -> Result<(), Error> {
        self.ask_port(What::DeletePort(port_no), (vport_uapi::DEL, 0), |out| {
            out.put_u32(vport_uapi::PORT_NO, port_no);
            Ok(())
        })
        .map(drop)
    }

    fn flows(&mut self, visit: &mut dyn FnMut(Result<DumpedFlow, BadFlow>)) -> Result<(), Error> {
        let now = flow::Now::read();
        let identity = self.identity.clone();
        self.requests
            .dump(
                self.flow_header(flow_uapi::GET, 0),
                |_| Ok(()),
                &mut (),
                |()| (),
                |(), answer| {
                    let flow = flow::decode(answer.attrs, now);
                    visit(flow.map_err(|bad| bad_flow(&identity, bad)));
                    Ok(())
                },
            )
            .map_err(|failure| identity.error(What::ListFlows, failure))
    }

    fn usage(&mut self, visit: &mut dyn FnMut(Result<FlowUsage, BadFlow>)) -> Result<(), Error> {
        let now = flow::Now::read();
        let identity = self.identity.clone();
        self.requests
            .dump(
                self.flow_header(flow_uapi::GET, 0),
                |out| {
                    out.put_u32(flow_uapi::UFID_FLAGS, flow_uapi::OMIT_MASK_AND_ACTIONS);
                    Ok(())
                },
                &mut (),
                |()| (),
                |(), answer| {
                    let usage = flow::decode_usage(answer.attrs, now);
                    visit(usage.map_err(|bad| bad_flow(&identity, bad)));
                    Ok(())
                },
            )
            .map_err(|failure| identity.error(What::ListFlows, failure))
    }

    fn flow(&mut self, ufid: Ufid) -> Result<Option<DumpedFlow>, Error> {
        let now = flow::Now::read();
        let mut found = None;
        let header = self.flow_header(flow_uapi::GET, 0);
        let asked = self.requests.ask(
            header,
            |out| {
                flow::encode_ufid(ufid, out);
                Ok(())
            },
            |answer| {
                found = Some(flow::decode(answer.attrs, now).map_err(|bad| bad.failure)?);
                Ok(())
            },
        );
        match asked {
            Ok(()) => Ok(found),
            Err(Failure::Kernel(nix::errno::Errno::ENOENT, _)) => Ok(None),
            Err(failure) => Err(self.identity.error(What::GetFlow(ufid), failure)),
        }
    }

    fn apply(&mut self, ops: &[Op<'_>], results: &mut Vec<Result<OpReply, Error>>) {
        batch::apply(self, ops, results);
    }

    fn writes(&self) -> Writes {
        self.counters.sum()
    }
}

fn bad_flow(identity: &Identity, bad: flow::Undecoded) -> BadFlow {
    BadFlow {
        ufid: bad.ufid,
        key: bad.key,
        error: identity.error(What::ListFlows, bad.failure),
    }
}

pub(super) fn open_requests(attempt: Attempt) -> Result<Requests, Error> {
    Requests::open().map_err(|errno| Error::from_failure(attempt, Failure::Socket(errno)))
}
