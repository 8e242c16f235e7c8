//! The agent's metrics: name, kind, labels and meaning of each. docs/metrics.md is made from these.

use weft_observe::metrics::Family;

weft_observe::families! {
    // === the agent
    BUILD: Gauge "weft_build_info" ["version", "kernel"] "1, with the agent's version and the running kernel's.";
    UPTIME: Gauge "weft_uptime_seconds" [] "Seconds since the agent started.";
    STARTS: Counter "weft_starts_total" [] "Starts of the agent with this state directory; goes on across restarts, a SIGKILL among them.";
    LOG_LINES: Counter "weft_log_lines_total" ["level"] "Lines logged: error, warn, or other.";
    LOG_LEFT_OUT: Counter "weft_log_lines_left_out_total" [] "Lines left out of the log because their place in the code logs too much; the log says so once a minute.";
    CORE_INBOX: Gauge "weft_core_inbox" [] "Messages that wait for the control side's thread.";
    WORKER_INBOX: Gauge "weft_worker_inbox" ["worker"] "Messages that wait for a worker.";
    SETTLE: Histogram "weft_settle_seconds" [] "Time that the control side took to do what followed from messages: vports, interfaces, a snapshot to the workers.";
    // === the topology
    CONNECTED: Gauge "weft_service_connected" [] "1 while the topology service is followed, else 0.";
    SILENCE: Gauge "weft_service_silence_seconds" [] "Seconds since the topology service was heard of; absent if never.";
    REVISION: Gauge "weft_snapshot_revision" [] "Revision of the snapshot in use.";
    IN_FORCE: Gauge "weft_revision_in_force" [] "Revision in force in the kernel.";
    ACTIVE: Gauge "weft_bindings_active" [] "Bindings whose port the kernel carries.";
    PENDING: Gauge "weft_bindings_pending" [] "Bindings whose port the kernel should carry and does not.";
    // === flows
    FLOWS: Gauge "weft_flows" [] "Flows in the kernel that the agent knows.";
    KERNEL_FLOWS: Gauge "weft_kernel_flows" [] "Flows in the datapath, as the kernel says.";
    MASKS: Gauge "weft_flow_masks" [] "Different masks among the flows: the kernel tries one after the other for a packet that its cache does not know.";
    MASK_LOOKUPS: Counter "weft_mask_lookups_total" [] "Masks that the kernel tried, for all packets.";
    KERNEL_HITS: Counter "weft_kernel_hits_total" [] "Packets that met a flow in the kernel.";
    KERNEL_MISSES: Counter "weft_kernel_misses_total" [] "Packets that met no flow in the kernel.";
    LIMIT: Gauge "weft_port_flow_limit" [] "Flows that one port may have (limits.flows_per_port).";
    HIGHEST: Gauge "weft_port_flows_highest" [] "Flows of the port that has most.";
    AT_LIMIT: Gauge "weft_ports_at_flow_limit" [] "Ports that have as many flows as they may; each new flow of theirs costs an old one.";
    // === upcalls
    UPCALL: Histogram "weft_upcall_seconds" [] "Time from reading an upcall until its flow and its packet are in the kernel. The wait in the socket before that is not in it; what did not fit there is in weft_upcalls_lost_total.";
    UPCALLS_LOST: Counter "weft_upcalls_lost_total" [] "Upcalls that the kernel could not queue (ENOBUFS); their packets are lost.";
    PARKED_PACKETS: Gauge "weft_parked_packets" [] "Packets that wait for objects of the topology.";
    PARKED_BYTES: Gauge "weft_parked_bytes" [] "Memory of the packets that wait, of at most 64 MiB.";
    MACS: Gauge "weft_learned_macs" [] "MAC addresses learned.";
    // === writes
    WRITES: Counter "weft_netlink_writes_total" ["kind"] "Netlink operations by kind, whether they succeeded or not.";
    BATCHES: Counter "weft_netlink_batches_total" [] "System calls that carried flow and packet operations.";
    REPAIRS: Counter "weft_datapath_repairs_total" ["kind"] "Mended after what others did: dispatch_restored (ovs-dpctl switches it), rebuilt (the datapath was deleted), events_lost (ENOBUFS; the ports were read anew).";
    // === packets
    DROPPED: Counter "weft_dropped_packets_total" ["reason"] "Packets dropped, by reason; goes on across restarts.";
    PORT_RX_PACKETS: Counter "weft_port_rx_packets_total" ["port", "interface"] "Packets that came in by a port: its machine sent them. The kernel's, goes on across restarts.";
    PORT_TX_PACKETS: Counter "weft_port_tx_packets_total" ["port", "interface"] "Packets that went out by a port: its machine was sent them. The kernel's, goes on across restarts.";
    PORT_RX_BYTES: Counter "weft_port_rx_bytes_total" ["port", "interface"] "Bytes of the packets that came in.";
    PORT_TX_BYTES: Counter "weft_port_tx_bytes_total" ["port", "interface"] "Bytes of the packets that went out.";
    PORT_RX_LOST: Counter "weft_port_rx_lost_packets_total" ["port", "interface"] "Packets that the interface received and lost: errors, or no room.";
    PORT_TX_LOST: Counter "weft_port_tx_lost_packets_total" ["port", "interface"] "Packets that the interface should send and lost: errors, or its machine did not take them.";
    PORT_DROPPED: Counter "weft_port_dropped_packets_total" ["port", "interface", "reason"] "Packets dropped of those that came in by a port, by reason; goes on across restarts.";
    PORT_FLOWS: Gauge "weft_port_flows" ["port", "interface"] "Flows whose packets come in by a port.";
    PORT_UPCALLS: Counter "weft_port_upcalls_total" ["port", "interface"] "Upcalls of a port that the agent has read.";
    PORT_OVERFLOWS: Counter "weft_port_upcall_overflows_total" ["port", "interface"] "Times that a port's upcall socket overflowed; each lost one packet at least.";
}

/// Every metric, in the order of the page.
pub fn all() -> impl Iterator<Item = &'static Family> {
    ALL.iter().copied().chain(crate::worker::FAMILIES)
}
