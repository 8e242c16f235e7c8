# shellcheck shell=bash
# The guest's root: a Debian tree of the packages in the file `packages`, as one read-only erofs image; sourced by setup.
# An image, not a directory: it boots quicker than a tree lent by 9p, and its owner may delete it. It holds no kernel.

build_root() {
  local packages tree=$scratch/tree began=$SECONDS
  packages=$(sed 's/#.*//' "$here/packages" | tr -s ' \n' ',' | sed 's/^,//; s/,$//')
  need_root "building the guest's root"
  say "building the guest's root: Debian $(suite), $(tr ',' '\n' <<< "$packages" | wc -l) packages (about a minute, 300 MB)"
  as_root env TMPDIR="$scratch" mmdebstrap --mode=root --variant=essential --include="$packages" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/bin/prometheus' --dpkgopt='path-exclude=/usr/share/prometheus/*' \
    --dpkgopt='path-exclude=/usr/share/javascript/*' --dpkgopt='path-exclude=/usr/share/fonts-glyphicons/*' \
    --customize-hook='mkdir -p "$1/usr/lib/modules"' \
    --customize-hook='echo weft-guest > "$1/etc/hostname"' \
    --customize-hook='printf "127.0.0.1 localhost weft-guest\n::1 localhost\n" > "$1/etc/hosts"' \
    --customize-hook='echo "options dummy numdummies=0" > "$1/etc/modprobe.d/weft-guest.conf"' \
    --customize-hook='for unit in openvswitch-switch ovn-central ovn-northd ovn-ovsdb-server-nb ovn-ovsdb-server-sb ovn-host ovn-controller \
      NetworkManager NetworkManager-wait-online NetworkManager-dispatcher wpa_supplicant; do
      ln -sf /dev/null "$1/etc/systemd/system/$unit.service"; done' \
    "$(suite)" "$tree" ${WEFT_GUEST_MIRROR:+"$WEFT_GUEST_MIRROR"} >> "$log" 2>&1 || {
    tail -n 8 "$log" >&2
    die 1 "mmdebstrap could not make the root: the last lines of $log stand above. Is a Debian mirror reachable (http_proxy, WEFT_GUEST_MIRROR)?"
  }
  as_root mkfs.erofs "$scratch/root.erofs" "$tree" >> "$log" 2>&1 || die 1 "mkfs.erofs could not pack the root: see $log (disk full?)"
  as_root chown "$(id -u):$(id -g)" "$scratch/root.erofs"
  find "$guest_dir" -maxdepth 1 -name 'root-*' -mmin +1440 -delete   # of older lists; another checkout may still use a younger one
  dpkg-query --admindir="$tree/var/lib/dpkg" --show --showformat='${source:Upstream-Version}\n' libc6 > "${root_image%.erofs}.glibc"
  mv "$scratch/root.erofs" "$root_image"
  say "the root is ready after $((SECONDS - began)) s: $(du -m "$root_image" | cut -f1) MB"
}
