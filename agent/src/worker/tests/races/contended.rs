//! The datapath in memory, before each of whose operations other threads may go on: a system call takes its time.

use std::num::NonZeroU32;

use weft_flow::Ufid;
use weft_ovs::conntrack::{Bits, Entry, Filter, Outcome, Tuple};
use weft_ovs::limit::{ConnectionLimits, Limit, Limited};
use weft_ovs::meter::{Meter, MeterStats, Meters};
use weft_ovs::{
    BadFlow, Conntrack, Datapath, DatapathInfo, DatapathMonitor, DumpedFlow, Error, FlowUsage,
    NewVport, Op, OpReply, UpcallSource, Vport, Writes,
};

use crate::sync::point;

/// A handle on such a datapath.
pub(in crate::worker::tests) struct Contended(pub(in crate::worker::tests) Box<dyn Datapath>);

struct ContendedTable(Box<dyn Conntrack>);

impl Datapath for Contended {
    fn fork(&self) -> Result<Box<dyn Datapath>, Error> {
        Ok(Box::new(Self(self.0.fork()?)))
    }

    fn upcall_socket(&self, receive_buffer: usize) -> Result<Box<dyn UpcallSource>, Error> {
        point();
        self.0.upcall_socket(receive_buffer)
    }

    fn monitor(&self) -> Result<Box<dyn DatapathMonitor>, Error> {
        self.0.monitor()
    }

    fn conntrack(&self) -> Result<Box<dyn Conntrack>, Error> {
        Ok(Box::new(ContendedTable(self.0.conntrack()?)))
    }

    fn info(&mut self) -> Result<DatapathInfo, Error> {
        self.0.info()
    }

    fn ports(&mut self) -> Result<Vec<Vport>, Error> {
        point();
        self.0.ports()
    }

    fn add_port(&mut self, port: &NewVport) -> Result<Vport, Error> {
        point();
        self.0.add_port(port)
    }

    fn set_upcall_pids(&mut self, port_no: u32, pids: &[u32]) -> Result<(), Error> {
        point();
        self.0.set_upcall_pids(port_no, pids)
    }

    fn delete_port(&mut self, port_no: u32) -> Result<(), Error> {
        point();
        self.0.delete_port(port_no)
    }

    fn flows(&mut self, visit: &mut dyn FnMut(Result<DumpedFlow, BadFlow>)) -> Result<(), Error> {
        let mut found = Vec::new();
        point();
        self.0.flows(&mut |flow| found.push(flow))?;
        for flow in found {
            point();
            visit(flow);
        }
        Ok(())
    }

    fn usage(&mut self, visit: &mut dyn FnMut(Result<FlowUsage, BadFlow>)) -> Result<(), Error> {
        let mut found = Vec::new();
        point();
        self.0.usage(&mut |usage| found.push(usage))?;
        for usage in found {
            point();
            visit(usage);
        }
        Ok(())
    }

    fn flow(&mut self, ufid: Ufid) -> Result<Option<DumpedFlow>, Error> {
        point();
        self.0.flow(ufid)
    }

    fn apply(&mut self, ops: &[Op<'_>], results: &mut Vec<Result<OpReply, Error>>) {
        // The kernel takes the messages of one system call one by one, and packets pass meanwhile.
        results.clear();
        let mut one = Vec::new();
        for op in ops {
            point();
            self.0.apply(std::slice::from_ref(op), &mut one);
            results.append(&mut one);
        }
        point();
    }

    fn writes(&self) -> Writes {
        self.0.writes()
    }
}

impl Meters for Contended {
    fn set_meter(&mut self, id: u32, meter: Meter) -> Result<Option<MeterStats>, Error> {
        self.0.set_meter(id, meter)
    }

    fn meter(&mut self, id: u32) -> Result<Option<MeterStats>, Error> {
        self.0.meter(id)
    }

    fn delete_meter(&mut self, id: u32) -> Result<Option<MeterStats>, Error> {
        self.0.delete_meter(id)
    }
}

impl ConnectionLimits for Contended {
    fn set_limit(&mut self, of: Limited, limit: Option<NonZeroU32>) -> Result<(), Error> {
        self.0.set_limit(of, limit)
    }

    fn clear_limit(&mut self, of: Limited) -> Result<(), Error> {
        self.0.clear_limit(of)
    }

    fn limit(&mut self, of: Limited) -> Result<Limit, Error> {
        self.0.limit(of)
    }
}

impl Conntrack for ContendedTable {
    fn list(
        &mut self,
        filter: Filter,
        visit: &mut dyn FnMut(Result<Entry, Error>),
    ) -> Result<(), Error> {
        let mut found = Vec::new();
        point();
        self.0.list(filter, &mut |entry| found.push(entry))?;
        for entry in found {
            point();
            visit(entry);
        }
        Ok(())
    }

    fn entry(&mut self, zone: u16, original: &Tuple) -> Result<Option<Entry>, Error> {
        point();
        self.0.entry(zone, original)
    }

    fn set_mark(&mut self, zone: u16, original: &Tuple, mark: Bits) -> Result<Outcome, Error> {
        point();
        self.0.set_mark(zone, original, mark)
    }

    fn delete(&mut self, zone: u16, original: &Tuple) -> Result<Outcome, Error> {
        point();
        self.0.delete(zone, original)
    }
}
