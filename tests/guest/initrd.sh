# shellcheck shell=bash
# The initial file system: a static busybox, `init`, and the modules that every guest needs; sourced by setup.
# All other modules stay in the kernel's folder, which the guest mounts: modprobe and the kernel's own autoload find them there.

boot_modules=(virtio_pci virtio_blk virtio_console erofs overlay 9p 9pnet_virtio)
disk_modules=(ext4)
net_modules=(nf_conntrack nf_nat nf_conntrack_netlink openvswitch vxlan vport-vxlan geneve vport-geneve veth tun)
init_applets=(sh mount mkdir insmod cat ln ip hostname switch_root sleep uname)

build_initrd() { # KERNEL
  local dir=$guest_dir/$1 tree=$scratch/initrd applet
  mkdir -p "$tree"/{bin,dev,proc,sys,modules,root,disk,newroot,job}
  install -m 755 "$dir/busybox" "$tree/bin/busybox"
  for applet in "${init_applets[@]}"; do ln -s busybox "$tree/bin/$applet"; done
  install -m 755 "$here/init" "$tree/init"
  add_modules "$dir" "$tree" boot "${boot_modules[@]}"
  add_modules "$dir" "$tree" disk "${disk_modules[@]}"
  add_modules "$dir" "$tree" net "${net_modules[@]}"
  (cd "$tree" && find . | cpio -o -H newc --quiet) > "$scratch/initrd.cpio"
  rm -rf "$tree"
  find "$dir" -maxdepth 1 -name 'initrd-*' -mmin +1440 -delete
  mv "$scratch/initrd.cpio" "$dir/$initrd_name"
}

# Copies modules with all that they need, unpacked, and lists them in an order that insmod can follow.
add_modules() { # KERNEL'S FOLDER, TREE, LIST, MODULE...
  local dir=$1 tree=$2 list=$3 root=$scratch/modroot module word file name
  shift 3
  mkdir -p "$root/lib"
  ln -sfn "$dir/modules" "$root/lib/modules"
  : > "$tree/modules/$list"
  for module in "$@"; do
    modprobe -d "$root" -S "$(cat "$dir/version")" --show-depends "$module" | while read -r word file _; do
      [ "$word" = insmod ] || continue
      name=${file##*/}
      name=${name%.xz}
      name=${name%.zst}
      [ ! -e "$tree/modules/$name" ] || continue
      case $file in
        *.xz) xz -dc "$file" > "$tree/modules/$name" ;;
        *.zst) zstd -qdc "$file" > "$tree/modules/$name" ;;
        *) cp "$file" "$tree/modules/$name" ;;
      esac
      echo "$name" >> "$tree/modules/$list"
    done
  done
}
