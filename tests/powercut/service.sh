# Sourced: starts weft-api on a store that is on the guest's disk.
base=http://127.0.0.1:8181/midonet-api
start_service() {
  mkdir -p /var/lib/weft
  "$here/../../target/debug/weft-api" --config "$here/../../systemd/api.toml" 2> /tmp/weft-api.log &
  local left=300
  until curl -sf "$base" > /dev/null; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || { cat /tmp/weft-api.log >&2; exit 1; }
    sleep 0.1 # polls until the service serves
  done
}
