# shellcheck shell=bash
# Names and messages that run, setup and selftest share; sourced by bash.
# It builds nothing and starts nothing.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
checkout=$(cd "$here/../.." && pwd -P)
guest_dir=${WEFT_GUEST_DIR:-$checkout/target/guest}
case $guest_dir in /*) ;; *) guest_dir=$PWD/$guest_dir ;; esac
PATH=$PATH:/usr/sbin:/sbin   # mkfs.erofs and modprobe are there, not always in a user's PATH

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
  if [ -n "${WEFT_GUEST_SUITE-}" ]; then printf %s "$WEFT_GUEST_SUITE"; return; fi
  if [ -r /etc/os-release ]; then
    id=$(. /etc/os-release && printf %s "${ID-}")
    codename=$(. /etc/os-release && printf %s "${VERSION_CODENAME-}")
  fi
  if [ "$id" = debian ] && [ -n "$codename" ]; then printf %s "$codename"; else printf bookworm; fi
}

# What is built carries a short name for what it was built from: content of files, and words.
digest() { { cat -- "$1" "$2"; printf '%s\n' "${@:3}"; } | sha256sum | cut -c1-12; } # FILE FILE WORD...
root_image=$guest_dir/root-$(digest "$here/packages" "$here/root.sh" "$(suite)").erofs
initrd_name=initrd-$(digest "$here/init" "$here/initrd.sh")

ready() { # KERNEL: everything that a run needs is built
  [ -e "$root_image" ] && [ -e "$guest_dir/$1/vmlinux" ] && [ -e "$guest_dir/$1/$initrd_name" ]
}

# Programs built here run in the guest: its C library must not be older.
compare_glibc() {
  local ours theirs
  ours=$(getconf GNU_LIBC_VERSION 2> /dev/null | cut -d' ' -f2) && [ -n "$ours" ] || return 0
  theirs=$(cat "${root_image%.erofs}.glibc") || return 0
  [ "$(printf '%s\n' "$ours" "$theirs" | sort -V | tail -n 1)" = "$theirs" ] ||
    say "programs built here may not start in the guest: this machine's glibc is $ours, the guest's ($(suite)) $theirs; WEFT_GUEST_SUITE names another Debian release"
}
