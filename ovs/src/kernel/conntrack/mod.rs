//! The running kernel's table of connections, by netfilter's netlink (ctnetlink).
//!
//! The kernel finds an entry by either of its directions. What is meant here is the original one, so each attempt
//! looks first, and a deletion repeats the id of what it saw. Three things are never sent, because a
//! kernel reads them otherwise than they look: a deletion without a tuple, a filter by zone, and a request
//! for a change that might make an entry (`NLM_F_CREATE`).

pub(super) mod codec;
mod uapi;

use nix::errno::Errno;
use nix::libc::{AF_INET, AF_INET6, AF_UNSPEC};
use weft_flow::attr::{PutAttr, TooLong};

use crate::conntrack::{Bits, Conntrack, Entry, Filter, Outcome, Tuple};
use crate::error::{Attempt, Error, What};
use crate::nl::message::Header;
use crate::nl::prefix::Netfilter;
use crate::nl::requests::{Failure, Requests};
use uapi::{attr, kind};

/// The table of connections of the network namespace in which it was opened.
#[derive(Debug)]
pub struct KernelConntrack {
    requests: Requests<Netfilter>,
}

impl KernelConntrack {
    /// Opens the table of the calling thread's network namespace. The kernel loads its modules
    /// (`nfnetlink`, `nf_conntrack_netlink`) if they are not there; needs CAP_NET_ADMIN.
    pub fn open() -> Result<Self, Error> {
        let failed = |failure| match failure {
            // Without the protocol the kernel has no such socket; without the subsystem it does not know the
            // request.
            Failure::Socket(Errno::EPROTONOSUPPORT) | Failure::Kernel(Errno::EINVAL, _) => {
                Error::NoConntrack
            }
            failure => Error::from_failure(about(What::OpenConntrack), failure),
        };
        let requests = Requests::open().map_err(|errno| failed(Failure::Socket(errno)))?;
        let mut this = Self { requests };
        this.requests
            .ask(header(kind::GET_STATS, AF_UNSPEC), |_| Ok(()), |_| Ok(()))
            .map_err(failed)?;
        Ok(this)
    }

    /// A request about one entry. Whether the kernel found one.
    fn ask(
        &mut self,
        what: impl FnOnce(u16, Tuple) -> What,
        (kind, zone, original): (u16, u16, &Tuple),
        fill: impl FnOnce(&mut Vec<u8>),
        mut read: impl FnMut(Entry),
    ) -> Result<Outcome, Error> {
        let family = match original.source {
            std::net::IpAddr::V4(_) => AF_INET,
            std::net::IpAddr::V6(_) => AF_INET6,
        };
        let fill = |out: &mut Vec<u8>| -> Result<(), TooLong> {
            codec::encode_name(zone, original, out)?;
            fill(out);
            Ok(())
        };
        let asked = self.requests.ask(header(kind, family), fill, |answer| {
            read(codec::decode(answer.attrs)?);
            Ok(())
        });
        match asked {
            Ok(()) => Ok(Outcome::Done),
            Err(Failure::Kernel(Errno::ENOENT, _)) => Ok(Outcome::NotThere),
            Err(failure) => Err(Error::from_failure(about(what(zone, *original)), failure)),
        }
    }
}

impl Conntrack for KernelConntrack {
    fn list(
        &mut self,
        filter: Filter,
        visit: &mut dyn FnMut(Result<Entry, Error>),
    ) -> Result<(), Error> {
        let failed = |failure| Error::from_failure(about(What::ListConnections), failure);
        self.requests
            .dump(
                header(kind::GET, AF_UNSPEC),
                |out| {
                    if let Some(bits) = filter.mark {
                        codec::encode_mark(bits, out);
                    }
                    Ok(())
                },
                &mut (),
                |()| (),
                |(), answer| {
                    match codec::decode(answer.attrs) {
                        Ok(entry) if filter.admits(&entry) => visit(Ok(entry)),
                        Ok(_) => {}
                        Err(failure) => visit(Err(failed(failure))),
                    }
                    Ok(())
                },
            )
            .map_err(failed)
    }

    fn entry(&mut self, zone: u16, original: &Tuple) -> Result<Option<Entry>, Error> {
        let mut found = None;
        let name = (kind::GET, zone, original);
        let asked = self.ask(
            What::GetConnection,
            name,
            |_| (),
            |entry| found = Some(entry),
        )?;
        Ok(match asked {
            Outcome::Done => found.filter(|entry| entry.original == *original),
            Outcome::NotThere => None,
        })
    }

    fn set_mark(&mut self, zone: u16, original: &Tuple, mark: Bits) -> Result<Outcome, Error> {
        if self.entry(zone, original)?.is_none() {
            return Ok(Outcome::NotThere);
        }
        let name = (kind::NEW, zone, original);
        let fill = |out: &mut Vec<u8>| codec::encode_mark(mark, out);
        self.ask(What::SetMark, name, fill, |_| ())
    }

    fn delete(&mut self, zone: u16, original: &Tuple) -> Result<Outcome, Error> {
        let Some(entry) = self.entry(zone, original)? else {
            return Ok(Outcome::NotThere);
        };
        let name = (kind::DELETE, zone, original);
        let fill = |out: &mut Vec<u8>| out.put_be32(attr::ID, entry.id);
        self.ask(What::DeleteConnection, name, fill, |_| ())
    }
}

fn header(kind: u16, family: i32) -> Header<Netfilter> {
    Header {
        kind,
        flags: 0,
        seq: 0,
        prefix: Netfilter {
            family: u8::try_from(family).unwrap_or_default(),
        },
    }
}

fn about(what: What) -> Attempt {
    Attempt {
        datapath: String::new(),
        what,
    }
}
