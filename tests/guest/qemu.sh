# shellcheck shell=bash
# QEMU's command line and its failures; sourced by run. Why each setting is there is measured in docs/testing.md.

# One thread runs all virtual processors in turn. With a thread each QEMU loses a race when the kernel patches its own code (a static
# key of the scheduler, netfilter, packet timestamps): a processor translates the old instruction between QEMU's look at the page and
# the write, and the kernel dies of "Oops: int3", within seconds under load. Seen with QEMU 7.2 and 10.0.
accelerator=${WEFT_GUEST_ACCEL:-tcg,thread=single}

# What a guest does not need at boot, a fifth of its time: self-tests of ciphers, signatures of modules, and security modules. None of it is on a packet's way.
# norandmaps: a program that starts at another address each time is translated anew by QEMU each time, which is most of what a short one costs.
quick_boot=(
  norandmaps
  mitigations=off nokaslr tsc=reliable no_timer_check rcupdate.rcu_expedited=1 random.trust_cpu=on audit=0 lsm=
  cryptomgr.notests=1
  initcall_blacklist=jent_mod_init,crypto_kdf108_init,init_encrypted,load_system_certificate_list,bpf_tcp_ca_kfunc_init,bpf_dummy_struct_ops_init
)

# -fsdev and -drive take a comma in a path doubled.
quoted() { printf %s "${1//,/,,}"; }

# What a Debian starts and a guest has no use for, two thirds of systemd's part of the boot: log-ins, file systems of the kernel's own,
# modules for hardware that is not here. udev runs, but hears of no device that was there before it: `udevadm trigger` tells it of them.
unused_units=(
  getty@tty1.service getty-static.service e2scrub_reap.service fstrim.timer dpkg-db-backup.timer systemd-tmpfiles-clean.timer
  modprobe@{dm_mod,configfs,efi_pstore,fuse,loop,drm}.service kmod-static-nodes.service systemd-pstore.service
  sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount
  systemd-udev-trigger.service systemd-logind.service systemd-binfmt.service systemd-random-seed.service systemd-update-utmp.service systemd-update-utmp-runlevel.service
)

qemu_arguments() {
  local dir i console=quiet arguments=("${quick_boot[@]}")
  [ "$init" = session ] || arguments+=(systemd.getty_auto=no "${unused_units[@]/#/systemd.mask=}")
  dir=$guest_dir/$kernel
  [ -z "$verbose" ] || console=loglevel=7
  for i in stdout stderr console; do : > "$work/$i"; done
  qemu=(
    qemu-system-x86_64 -name "weft-guest-$kernel"
    -machine q35 -accel "$accelerator" -cpu max,-erms -smp "$cpus" -m "$memory"
    -nodefaults -no-user-config -display none -no-reboot -net none
    -device isa-debug-exit,iobase=0xf4,iosize=0x4
    -kernel "$dir/vmlinux" -initrd "$guest_dir/$kernel/$initrd_name"
    -append "console=ttyS0 $console panic=-1 oops=panic ${arguments[*]} ${WEFT_GUEST_APPEND-}"
    -chardev "file,id=console,path=$(quoted "$work/console")" -serial chardev:console
    # without ioeventfd QEMU has written a port's output before the guest's write returns: `session` relies on it
    -device virtio-serial-pci,ioeventfd=off
    -chardev stdio,id=stdin,signal=off -device virtserialport,chardev=stdin,nr=1
    -chardev "file,id=stdout,path=$(quoted "$work/stdout")" -device virtserialport,chardev=stdout,nr=2
    -chardev "file,id=stderr,path=$(quoted "$work/stderr")" -device virtserialport,chardev=stderr,nr=3
    -drive "if=virtio,format=raw,readonly=on,file.locking=off,file=$(quoted "$root_image")"
  )
  [ -z "$disk" ] || qemu+=(-drive "if=virtio,format=raw,file=$(quoted "$disk")")
  [ -z "$pidfile" ] || qemu+=(-pidfile "$pidfile")
  lend job "$work/job"
  lend modules "$dir/modules" ,readonly=on
  for i in "${!folders[@]}"; do lend "folder$i" "${folders[i]}"; done
}

lend() { # TAG FOLDER [MORE]
  qemu+=(-fsdev "local,id=$1,path=$(quoted "$2"),security_model=none,multidevs=remap${3-}" -device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}

make_disk() { # FILE, whole or not at all
  truncate -s 4G "$1.new" && mkfs.ext4 -q -F -m 0 -L weft-disk "$1.new" && mv "$1.new" "$1" || die 1 "cannot make the disk $1"
}

# A guest that ended without the command's status.
explain() { # STATUS of `timeout`, SECONDS that the guest ran
  if [ "$1" = 124 ] || { [ "$1" = 137 ] && [ "$timeout" -gt 0 ] && [ "$2" -ge "$timeout" ]; }; then
    die 124 "time-out: not done after $timeout s, so the guest was turned off (--timeout S gives more, 0 no limit)"
  fi
  cat "$work/qemu" >&2
  [ -s "$work/console" ] || die 125 "QEMU ended before the guest's kernel said a word (status $1)"
  cp "$work/console" "$guest_dir/console.log" || true
  # from the first sign of trouble on, else what came last
  tr -d '\r' < "$work/console" | awk '
    /Kernel panic|Oops|BUG:|guest: init:/ { found = 1 }
    { line[found ? ++n : n = 1] = $0; if (found && n <= 12) print }
    END { if (!found && n) print line[1] }' >&2
  die 125 "the guest ended without the command's status: it crashed, turned itself off, or was killed (its console: $guest_dir/console.log)"
}
