# Names and messages that run, setup and selftest share; sourced by bash.
# It builds nothing and starts nothing.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
checkout=$(cd "$here/../.." && pwd -P)
guest_dir=${WEFT_GUEST_DIR:-$checkout/target/guest}
case $guest_dir in /*) ;; *) guest_dir=$PWD/$guest_dir ;; esac
PATH=$PATH:/usr/sbin:/sbin   # mkfs.ext4 and modprobe are there, not always in a user's PATH

say() { printf 'guest: %s\n' "$*" >&2; }
die() { # STATUS MESSAGE...
  local status=$1
  shift
  say "$@"
  exit "$status"
}

# The Debian release of the guest's root: the host's own, so that programs built on the host find their libc there.
suite() {
  local id='' codename=''
  if [ -r /etc/os-release ]; then
    id=$(. /etc/os-release && printf %s "${ID-}")
    codename=$(. /etc/os-release && printf %s "${VERSION_CODENAME-}")
  fi
  if [ "$id" = debian ] && [ -n "$codename" ]; then printf %s "$codename"; else printf bookworm; fi
}

# A short name for the content of files and words: what is built from them carries it.
digest() { # FILE... [-- WORD...]
  local files=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do files+=("$1"); shift; done
  { cat "${files[@]}"; printf '%s\n' "$@"; } | sha256sum | cut -c1-12
}

root_image() { printf '%s/root-%s.ext4' "$guest_dir" "$(digest "$here/packages" "$here/root.sh" -- "$(suite)")"; }
kernel_dir() { printf '%s/%s' "$guest_dir" "$1"; }
initrd_file() { printf '%s/initrd-%s' "$(kernel_dir "$1")" "$(digest "$here/init" "$here/initrd.sh")"; }
ready() { # KERNEL: everything that a run needs is built
  [ -e "$(root_image)" ] && [ -e "$(kernel_dir "$1")/vmlinux" ] && [ -e "$(initrd_file "$1")" ]
}
