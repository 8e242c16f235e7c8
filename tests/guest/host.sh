# shellcheck shell=bash
# The host's tools: QEMU, mmdebstrap and what unpacks a kernel, by apt, only where missing; sourced by setup.
# All else that tests need goes into the guest's root, not here.

declare -A host_package=(
  [qemu-system-x86_64]=qemu-system-x86 [mmdebstrap]=mmdebstrap [cpio]=cpio [modprobe]=kmod
  [xz]=xz-utils [zstd]=zstd [mkfs.ext4]=e2fsprogs [mkfs.erofs]=erofs-utils
)

# Runs a command as root: directly, or by sudo. `need_root` goes first, where a message can still be seen.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
need_root() { # WHAT FOR
  [ "$(id -u)" = 0 ] || command -v sudo > /dev/null || die 1 "$1 needs root, and there is no sudo: run tests/guest/setup once as root"
}

host_tools() {
  local tool missing=()
  for tool in "${!host_package[@]}"; do
    command -v "$tool" > /dev/null || missing+=("${host_package[$tool]}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get > /dev/null ||
    die 1 "missing here: ${missing[*]} (names of Debian's packages), and there is no apt to install them: install them by hand"
  need_root "installing ${missing[*]}"
  say "installing on this machine: ${missing[*]} (some 100 MB, about a minute)"
  install_kindly "${missing[@]}" && return
  as_root apt-get update -qq >> "$log" 2>&1 || say "apt-get update failed; trying with the lists that are there"
  install_kindly "${missing[@]}" && return
  install_over_qemu "${missing[@]}" && return
  tail -n 5 "$log" >&2
  die 1 "apt could not install ${missing[*]}: the last lines of $log stand above. Install them by hand, then try again"
}

apt_install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >> "$log" 2>&1; }

# The usual case: nothing that the machine has is upgraded or removed.
install_kindly() { apt_install --no-upgrade --no-remove "$@"; }

# qemu-utils of another release cannot stay beside Debian's qemu-system-x86: packages of QEMU itself, and no others, may go.
install_over_qemu() {
  local removed
  removed=$(apt-get install -s -qq --no-install-recommends "$@" 2>> "$log" | sed -n 's/^Remv \([^ ]*\).*/\1/p') || return
  [ -z "$(grep -v '^qemu-' <<< "$removed")" ] || return
  [ -z "$removed" ] || say "removing, because QEMU from Debian conflicts with it: ${removed//$'\n'/ }"
  apt_install "$@"
}
