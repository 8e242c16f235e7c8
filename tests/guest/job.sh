# shellcheck shell=bash
# What a run hands to its guest, in a folder that the guest mounts at /run/guest; sourced by run.
# The guest's part of it: `init` (folders, disk), `session` (terminal, status), `launch` (the rest).

# These variables of the caller's reach the command: what tests and test runners read, nothing that belongs to the host.
passed_variables='^(WEFT_|RUST_|NEXTEST|PROPTEST_|CARGO_MANIFEST_DIR$|CARGO_PKG_|CARGO_BIN_EXE_|(TERM|COLORTERM|NO_COLOR|KEEP)$)'

write_job() { # COMMAND ARGUMENT...
  local job=$work/job name folder i=0
  mkdir "$job"
  cp "$here/session" "$here/launch" "$here/session.service" "$job/"
  printf '%s\n' "$init" > "$job/init"
  printf '%s\0' "$@" > "$job/arguments"
  for folder in "${folders[@]}"; do
    printf 'folder%d %s\n' $((i++)) "$folder"
  done > "$job/folders"
  compgen -e | while read -r name; do
    [[ ! $name =~ $passed_variables ]] || printf '%s=%s\0' "$name" "${!name}"
  done > "$job/environment"
  printf '%s\0' HOME=/root USER=root LOGNAME=root SHELL=/bin/bash LANG=C.UTF-8 "WEFT_GUEST=$kernel" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin >> "$job/environment"
  working_folder > "$job/folder"
  [ -z "$disk" ] || : > "$job/disk"
  [ -z "$terminal" ] || stty size > "$job/terminal"
}

# The caller's folder where the guest has it, else the checkout.
working_folder() {
  local folder here_now
  here_now=$(pwd -P)
  for folder in "${folders[@]}"; do
    case $here_now/ in "$folder"/*) printf '%s\n' "$here_now"; return ;; esac
  done
  printf '%s\n' "$checkout"
}
