//! The numbers that the running kernel gave to the OVS families and their multicast groups.

use neli::consts::genl::{CtrlAttr, CtrlAttrMcastGrp, CtrlCmd, Index};
use neli::consts::nl::{GenlId, NlmF};
use neli::consts::socket::NlFamily;
use neli::genl::{AttrTypeBuilder, Genlmsghdr, GenlmsghdrBuilder, NlattrBuilder, NoUserHeader};
use neli::nl::{NlPayload, Nlmsghdr, NlmsghdrBuilder};
use neli::socket::synchronous::NlSocketHandle;
use neli::types::GenlBuffer;
use neli::utils::Groups;
use nix::errno::Errno;

/// A family as the kernel describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Its number.
    pub id: u16,
    /// Its version.
    pub version: u32,
    /// The highest attribute type that it reads; 0 where each command has its own.
    pub max_attr: u32,
    /// Its commands.
    pub commands: Vec<u32>,
    /// Its multicast groups: name and number.
    pub groups: Vec<(String, u32)>,
}

/// Names of the families (`OVS_*_FAMILY`).
pub(crate) mod name {
    pub(crate) const DATAPATH: &str = "ovs_datapath";
    pub(crate) const VPORT: &str = "ovs_vport";
    pub(crate) const FLOW: &str = "ovs_flow";
    pub(crate) const PACKET: &str = "ovs_packet";
    pub(crate) const METER: &str = "ovs_meter";
    pub(crate) const CT_LIMIT: &str = "ovs_ct_limit";
}

/// Why a family is not known.
#[derive(Debug)]
pub(crate) enum LookUpFailure {
    /// The kernel has no such family.
    NoFamily,
    /// Something else.
    Other(String),
}

/// Id of a command in a family's description (`CTRL_ATTR_OP_ID`).
const OP_ID: u16 = 1;

impl Family {
    /// The number of a multicast group.
    pub fn group(&self, name: &str) -> Option<u32> {
        self.groups
            .iter()
            .find(|(group, _)| group == name)
            .map(|&(_, id)| id)
    }

    /// Asks the kernel.
    pub(crate) fn look_up(name: &'static str) -> Result<Self, LookUpFailure> {
        let other = |error: &dyn std::fmt::Display| LookUpFailure::Other(error.to_string());
        let socket = NlSocketHandle::connect(NlFamily::Generic, None, Groups::empty())
            .map_err(|error| other(&error))?;
        socket
            .send(&request(name)?)
            .map_err(|error| other(&error))?;
        let (answers, _) = socket
            .recv::<GenlId, Genlmsghdr<CtrlCmd, CtrlAttr>>()
            .map_err(|error| other(&error))?;
        for answer in answers {
            match answer.map_err(|error| other(&error))?.nl_payload() {
                NlPayload::Payload(description) => return Self::read(name, description),
                NlPayload::Err(error) if *error.error() == -(Errno::ENOENT as i32) => {
                    return Err(LookUpFailure::NoFamily);
                }
                NlPayload::Err(error) => {
                    return Err(other(&Errno::from_raw(error.error().saturating_neg())));
                }
                _ => {}
            }
        }
        Err(LookUpFailure::Other("no answer".to_owned()))
    }

    fn read(
        name: &'static str,
        description: &Genlmsghdr<CtrlCmd, CtrlAttr>,
    ) -> Result<Self, LookUpFailure> {
        let other = |error: &dyn std::fmt::Display| LookUpFailure::Other(error.to_string());
        let attrs = description.attrs().get_attr_handle();
        let number = |kind| attrs.get_attr_payload_as::<u32>(kind).unwrap_or_default();
        let mut groups = Vec::new();
        if let Ok(listed) = attrs.get_nested_attributes::<Index>(CtrlAttr::McastGroups) {
            for group in listed.iter() {
                let group = group
                    .get_attr_handle::<CtrlAttrMcastGrp>()
                    .map_err(|error| other(&error))?;
                let id = group.get_attr_payload_as::<u32>(CtrlAttrMcastGrp::Id);
                let name = group.get_attr_payload_as_with_len::<String>(CtrlAttrMcastGrp::Name);
                groups.push((
                    name.map_err(|error| other(&error))?,
                    id.map_err(|error| other(&error))?,
                ));
            }
        }
        let mut commands = Vec::new();
        if let Ok(listed) = attrs.get_nested_attributes::<Index>(CtrlAttr::Ops) {
            for operation in listed.iter() {
                let operation = weft_flow::attr::Attrs::new(operation.nla_payload().as_ref());
                commands.extend(
                    operation
                        .filter_map(Result::ok)
                        .filter(|attr| attr.kind == OP_ID)
                        .filter_map(|attr| attr.u32().ok()),
                );
            }
        }
        Ok(Self {
            name,
            id: attrs
                .get_attr_payload_as::<u16>(CtrlAttr::FamilyId)
                .map_err(|error| other(&error))?,
            version: number(CtrlAttr::Version),
            max_attr: number(CtrlAttr::Maxattr),
            commands,
            groups,
        })
    }
}

fn request(name: &str) -> Result<Nlmsghdr<GenlId, Genlmsghdr<CtrlCmd, CtrlAttr>>, LookUpFailure> {
    let other = |error: &dyn std::fmt::Display| LookUpFailure::Other(error.to_string());
    let kind = AttrTypeBuilder::default()
        .nla_type(CtrlAttr::FamilyName)
        .build()
        .map_err(|error| other(&error))?;
    let attr = NlattrBuilder::default()
        .nla_type(kind)
        .nla_payload(name)
        .build()
        .map_err(|error| other(&error))?;
    let ask = GenlmsghdrBuilder::<CtrlCmd, CtrlAttr, NoUserHeader>::default()
        .cmd(CtrlCmd::Getfamily)
        .version(2)
        .attrs([attr].into_iter().collect::<GenlBuffer<_, _>>())
        .build()
        .map_err(|error| other(&error))?;
    NlmsghdrBuilder::default()
        .nl_type(GenlId::Ctrl)
        .nl_flags(NlmF::REQUEST)
        .nl_payload(NlPayload::Payload(ask))
        .build()
        .map_err(|error| other(&error))
}
