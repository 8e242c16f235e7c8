//! Meters of the kernel's datapath (`enum ovs_meter_attr`).

use nix::errno::Errno;
use weft_flow::attr::{Attr, AttrError, Attrs, PutAttr, TooLong};

use super::KernelDatapath;
use super::uapi::{band, meter as uapi};
use crate::error::{Error, What};
use crate::meter::{Meter, MeterStats, Meters};
use crate::nl::family::name;
use crate::nl::message::Header;
use crate::nl::requests::Failure;

impl Meters for KernelDatapath {
    fn set_meter(&mut self, id: u32, meter: Meter) -> Result<Option<MeterStats>, Error> {
        let what = What::SetMeter(id);
        meter.check().map_err(|reason| Error::BadRequest {
            attempt: Box::new(self.identity.attempt(what.clone())),
            reason,
        })?;
        let header = self.meter_header(uapi::SET, what.clone())?;
        let fill = |out: &mut Vec<u8>| encode(id, meter, out);
        let mut replaced = None;
        self.requests
            .ask(header, fill, |answer| {
                replaced = decode(answer.attrs)?;
                Ok(())
            })
            .map_err(|failure| self.identity.error(what, failure))?;
        Ok(replaced)
    }

    fn meter(&mut self, id: u32) -> Result<Option<MeterStats>, Error> {
        self.ask_meter(uapi::GET, id, What::GetMeter(id))
    }

    fn delete_meter(&mut self, id: u32) -> Result<Option<MeterStats>, Error> {
        self.ask_meter(uapi::DEL, id, What::DeleteMeter(id))
    }
}

impl KernelDatapath {
    fn meter_header(&self, command: u8, what: What) -> Result<Header, Error> {
        let Some(family) = &self.identity.families.meter else {
            return Err(Error::NoFamily {
                attempt: Box::new(self.identity.attempt(what)),
                family: name::METER,
            });
        };
        Ok(self.header(family.id, uapi::VERSION, command, 0))
    }

    /// The counts in the answer. To a deletion of no meter the kernel answers without any.
    fn ask_meter(&mut self, command: u8, id: u32, what: What) -> Result<Option<MeterStats>, Error> {
        let header = self.meter_header(command, what.clone())?;
        let mut stats = None;
        let asked = self.requests.ask(
            header,
            |out| {
                out.put_u32(uapi::ID, id);
                Ok(())
            },
            |answer| {
                stats = decode(answer.attrs)?;
                Ok(())
            },
        );
        match asked {
            Ok(()) => Ok(stats),
            Err(Failure::Kernel(Errno::ENOENT, _)) => Ok(None),
            Err(failure) => Err(self.identity.error(what, failure)),
        }
    }
}

fn encode(id: u32, meter: Meter, out: &mut Vec<u8>) -> Result<(), TooLong> {
    out.put_u32(uapi::ID, id);
    let bands = out.begin(uapi::BANDS);
    let only = out.begin(0);
    out.put_u32(band::TYPE, band::TYPE_DROP);
    out.put_u32(band::RATE, meter.rate);
    out.put_u32(band::BURST, meter.burst);
    out.end(only)?;
    out.end(bands)
}

/// The counts, if there are any.
pub(super) fn decode(attrs: Attrs<'_>) -> Result<Option<MeterStats>, AttrError> {
    let (mut seen, mut dropped) = (None, (0, 0));
    for attr in attrs {
        let attr = attr?;
        match attr.kind {
            uapi::STATS => seen = Some(counts(&attr)?),
            uapi::BANDS => {
                for band in attr.attrs() {
                    for attr in band?.attrs() {
                        let attr = attr?;
                        if attr.kind == band::STATS {
                            dropped = counts(&attr)?;
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok(seen.map(|(packets, bytes)| MeterStats {
        packets,
        bytes,
        dropped_packets: dropped.0,
        dropped_bytes: dropped.1,
    }))
}

/// `struct ovs_flow_stats`: packets and bytes.
fn counts(attr: &Attr<'_>) -> Result<(u64, u64), AttrError> {
    let [p0, p1, p2, p3, p4, p5, p6, p7, bytes @ ..] = *attr.array::<16>()?;
    let packets = u64::from_ne_bytes([p0, p1, p2, p3, p4, p5, p6, p7]);
    Ok((packets, u64::from_ne_bytes(bytes)))
}
