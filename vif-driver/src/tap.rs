//! The system calls on taps (`include/uapi/linux/if_tun.h`) and on an interface's flags and MTU
//! (`netdevice(7)`). One of the three modules of the workspace with `unsafe`: an `ioctl` each.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use self::calls::{
    get_flags, set_flags, set_mtu, tun_set_group, tun_set_iff, tun_set_owner, tun_set_persist,
};

/// One ioctl each; nix writes the bodies.
mod calls {
    #![allow(missing_docs)]
    use nix::libc;

    nix::ioctl_write_ptr_bad!(tun_set_iff, libc::TUNSETIFF, libc::ifreq);
    nix::ioctl_write_int_bad!(tun_set_persist, libc::TUNSETPERSIST);
    nix::ioctl_write_int_bad!(tun_set_owner, libc::TUNSETOWNER);
    nix::ioctl_write_int_bad!(tun_set_group, libc::TUNSETGROUP);
    nix::ioctl_read_bad!(get_flags, libc::SIOCGIFFLAGS, libc::ifreq);
    nix::ioctl_write_ptr_bad!(set_flags, libc::SIOCSIFFLAGS, libc::ifreq);
    nix::ioctl_write_ptr_bad!(set_mtu, libc::SIOCSIFMTU, libc::ifreq);
}

/// How a tap is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TapOptions {
    /// User that may open it; absent: root only.
    pub owner: Option<u32>,
    /// Group that may open it.
    pub group: Option<u32>,
    /// Whether it takes more than one queue.
    pub multi_queue: bool,
    /// Whether frames carry a `virtio_net_hdr`.
    pub vnet_header: bool,
}

/// Makes a persistent tap and lets go of it. Its name must be free: an existing tap would be joined.
pub fn create(name: &str, options: TapOptions) -> io::Result<()> {
    let file = open(name, options)?;
    let fd = file.as_raw_fd();
    // SAFETY: these requests take an integer; `fd` is open for as long as `file` lives.
    unsafe {
        if let Some(owner) = options.owner {
            tun_set_owner(fd, int(owner)?)?;
        }
        if let Some(group) = options.group {
            tun_set_group(fd, int(group)?)?;
        }
        tun_set_persist(fd, 1)?;
    }
    Ok(())
}

/// Opens a tap as a virtual machine's process does; one that is not there is made, and goes with
/// the last descriptor unless it is persistent.
pub fn open(name: &str, options: TapOptions) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")?;
    let mut flags = libc::IFF_TAP | libc::IFF_NO_PI;
    if options.multi_queue {
        flags |= libc::IFF_MULTI_QUEUE;
    }
    if options.vnet_header {
        flags |= libc::IFF_VNET_HDR;
    }
    let mut request = request(name)?;
    request.ifr_ifru.ifru_flags = short(flags)?;
    // SAFETY: TUNSETIFF reads one ifreq, which `request` is; the kernel keeps no reference to it.
    unsafe { tun_set_iff(file.as_raw_fd(), &request)? };
    Ok(file)
}

/// Sets an interface up.
pub fn set_up(name: &str) -> io::Result<()> {
    let socket = control_socket()?;
    let mut request = request(name)?;
    // SAFETY: SIOCGIFFLAGS reads the name and writes the flags of the one ifreq given.
    unsafe { get_flags(socket.as_raw_fd(), &mut request)? };
    // SAFETY: the kernel has just written this variant of the union.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    request.ifr_ifru.ifru_flags = flags | short(libc::IFF_UP)?;
    // SAFETY: SIOCSIFFLAGS reads one ifreq.
    unsafe { set_flags(socket.as_raw_fd(), &request)? };
    Ok(())
}

/// Sets an interface's MTU in bytes.
pub fn set_mtu_of(name: &str, mtu: u16) -> io::Result<()> {
    let socket = control_socket()?;
    let mut request = request(name)?;
    request.ifr_ifru.ifru_mtu = i32::from(mtu);
    // SAFETY: SIOCSIFMTU reads one ifreq.
    unsafe { set_mtu(socket.as_raw_fd(), &request)? };
    Ok(())
}

fn control_socket() -> io::Result<std::os::fd::OwnedFd> {
    Ok(socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?)
}

fn request(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: an ifreq is plain data, for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // One byte stays 0: the kernel wants the name terminated.
    if name.is_empty() || name.len() >= request.ifr_name.len() {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    Ok(request)
}

fn short(flags: libc::c_int) -> io::Result<libc::c_short> {
    // IFF_MULTI_QUEUE and IFF_NO_PI use all 16 bits of the field: they are kept as bits.
    let bits = u16::try_from(flags).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    Ok(libc::c_short::from_ne_bytes(bits.to_ne_bytes()))
}

fn int(id: u32) -> io::Result<libc::c_int> {
    libc::c_int::try_from(id).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}
