# shellcheck shell=bash
# A Debian kernel made ready for QEMU: vmlinux, taken out of its compressed image (booting it by PVH saves 2.7 s), and its
# modules, without drivers of hardware that a guest has not; sourced by setup. Kernels come from one Debian release, whatever the
# host is: these are the versions tested.

kernel_suite=bookworm
kernel_meta() { case $1 in 6.1) echo linux-image-amd64 ;; 6.12) echo linux-image-6.12-amd64 ;; esac; }

# Downloads packages of kernel_suite into $scratch, with apt lists of its own: the host's sources do not matter.
fetch() { # SHELL WORDS naming packages, evaluated where apt knows that release
  as_root env TMPDIR="$scratch" mmdebstrap --mode=root --variant=custom --format=null \
    --customize-hook="set -e; export APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG; cd '$scratch'; apt-get download $1" \
    "$kernel_suite" /dev/null ${WEFT_GUEST_MIRROR:+"$WEFT_GUEST_MIRROR"} >> "$log" 2>&1
}

build_kernel() { # KERNEL
  local kernel=$1 dir=$guest_dir/$1 version image began=$SECONDS
  need_root "fetching kernel $kernel"
  say "fetching kernel $kernel (100 MB, about half a minute)"
  # the meta package names the image of the day
  fetch "busybox-static \$(apt-cache depends $(kernel_meta "$kernel") | sed -n 's/^ *Depends: \\(linux-image-[0-9].*\\)/\\1/p' | head -n 1)" || {
    tail -n 8 "$log" >&2
    die 1 "could not fetch kernel $kernel: the last lines of $log stand above. Is a Debian mirror reachable (http_proxy, WEFT_GUEST_MIRROR)?"
  }
  mkdir "$scratch/kernel" "$scratch/new"
  dpkg-deb -x "$scratch"/linux-image-*.deb "$scratch/kernel"
  dpkg-deb --fsys-tarfile "$scratch"/busybox-static_*.deb | tar -xO ./bin/busybox > "$scratch/new/busybox"
  image=$(echo "$scratch"/kernel/boot/vmlinuz-*)
  version=${image##*/vmlinuz-}
  case $version in "$kernel".*) ;; *) die 1 "$(kernel_meta "$kernel") is kernel $version now, not $kernel: tests/guest/kernel.sh must name another package" ;; esac
  rm -rf "$scratch"/kernel/lib/modules/"$version"/kernel/{sound,drivers/{gpu,media,infiniband,iio,staging,usb,scsi,hwmon,input,net/{ethernet,wireless}}}
  depmod -b "$scratch/kernel" "$version"
  extract_vmlinux "$image" > "$scratch/new/vmlinux"
  [ "$(od -An -c -j 1 -N 3 "$scratch/new/vmlinux" | tr -d ' ')" = ELF ] || die 1 "$image holds no ELF kernel that setup can unpack"
  mv "$scratch/kernel/lib/modules" "$scratch/new/modules"
  echo "$version" > "$scratch/new/version"
  rm -rf "$dir" "$scratch"/*.deb "$scratch/kernel"
  mv "$scratch/new" "$dir"
  say "kernel $version is ready after $((SECONDS - began)) s: $(du -sm "$dir" | cut -f1) MB"
}

# The x86 boot protocol's header: setup sectors at 0x1f1, the payload's offset and length at 0x248 and 0x24c.
# The length counts four bytes of size behind the compressed stream.
extract_vmlinux() { # BZIMAGE
  local sectors offset length
  sectors=$(od -An -tu1 -j $((0x1f1)) -N 1 "$1")
  offset=$(od -An -tu4 -j $((0x248)) -N 4 "$1")
  length=$(od -An -tu4 -j $((0x24c)) -N 4 "$1")
  offset=$(((sectors + 1) * 512 + offset))
  payload() { dd if="$1" bs=64K iflag=skip_bytes,count_bytes skip="$offset" count="$((length - 4))" status=none; }
  case $(od -An -tx1 -j "$offset" -N 4 "$1" | tr -d ' ') in
    fd377a58) payload "$1" | xz -dc ;;
    28b52ffd) payload "$1" | zstd -qdc ;;
    1f8b*) payload "$1" | gzip -dc ;;
  esac
}
