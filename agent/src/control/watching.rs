//! Verbs of who watches: ports with their counters, what is logged, frames that pass a port.

use std::collections::BTreeMap;

use weft_observe::logs::Logs;
use weft_topology::id::PortId;
use weft_wire::control::{BindingInfo, Failure, FailureCode, PortInfo};
use weft_wire::log::LogChange;
use weft_wire::why::WhyResult;

use super::socket::{Caller, failure};
use super::verbs::{Outcome, Replies, done, item};
use crate::capture::{Bounds, Capture, CaptureError};
use crate::measures::Measures;

/// The ports that the kernel carries.
pub(super) fn ports(bindings: &[BindingInfo], hot: &Measures) -> Vec<PortInfo> {
    let stats: BTreeMap<u32, _> = hot
        .vports
        .iter()
        .map(|vport| (vport.port_no, vport.stats))
        .collect();
    let mut dropped: BTreeMap<PortId, u64> = BTreeMap::new();
    for drop in &hot.drops {
        if let Some(port) = drop.port {
            *dropped.entry(port).or_default() += drop.packets;
        }
    }
    let info = |binding: &BindingInfo| {
        let stats = stats.get(&binding.number?)?;
        let is = hot.ports.get(&binding.port).copied().unwrap_or_default();
        Some(PortInfo {
            port: binding.port,
            interface: binding.interface.clone(),
            packets_in: stats.rx_packets,
            packets_out: stats.tx_packets,
            bytes_in: stats.rx_bytes,
            bytes_out: stats.tx_bytes,
            lost: stats.rx_errors + stats.rx_dropped + stats.tx_errors + stats.tx_dropped,
            dropped: dropped.get(&binding.port).copied().unwrap_or_default(),
            upcalls: is.upcalls,
            flows: u64::try_from(is.flows).unwrap_or(u64::MAX),
        })
    };
    bindings.iter().filter_map(info).collect()
}

/// Adds what the bindings know of a port that does not work.
pub(super) fn add_binding(why: &mut WhyResult, bindings: &[BindingInfo]) {
    let Some(binding) = bindings.iter().find(|binding| binding.port == why.port) else {
        return;
    };
    why.interface = Some(binding.interface.clone());
    if !why.is_here {
        let problem = binding.problem.as_deref();
        why.problem = Some(format!(
            "its interface {} is not carried yet{}{}",
            binding.interface,
            if problem.is_some() { ": " } else { "" },
            problem.unwrap_or_default()
        ));
    }
}

/// Shows what is logged, or changes it.
pub(super) fn log_level(
    logs: Option<&Logs>,
    filter: Option<String>,
    who: Caller,
) -> Result<LogChange, Failure> {
    let logs = logs.ok_or_else(|| {
        failure(
            FailureCode::Unavailable,
            "this process logs nothing of its own".to_owned(),
        )
    })?;
    let Some(now) = filter else {
        let now = logs.filter();
        return Ok(LogChange {
            before: now.clone(),
            now,
        });
    };
    tracing::info!(
        uid = who.uid,
        pid = who.pid,
        "asked to change what is logged"
    );
    match logs.set(&now) {
        Ok(before) => Ok(LogChange { before, now }),
        Err(error) => Err(failure(FailureCode::BadRequest, error.to_string())),
    }
}

/// Sends the frames that pass a port until a bound is met or whoever asked has gone. Who may connect may
/// read all that tenants send and are sent, so it is logged who does.
pub(super) async fn capture(
    port: PortId,
    bounds: Bounds,
    bindings: &[BindingInfo],
    who: Caller,
    replies: &Replies,
) -> Outcome {
    let carried = |binding: &&BindingInfo| binding.port == port && binding.number.is_some();
    let Some(binding) = bindings.iter().find(carried) else {
        return Err(failure(
            FailureCode::NotFound,
            format!(
                "port {port} is not carried by this host: `weft show bindings` lists those that are"
            ),
        ));
    };
    let interface = binding.interface.clone();
    let replies = replies.clone();
    let capturing = tokio::task::spawn_blocking(move || {
        let mut capture = Capture::begin(&interface, bounds)?;
        tracing::info!(%port, interface, uid = who.uid, pid = who.pid, "a capture begins");
        let outcome = capture.run(
            || replies.is_closed(),
            |frame| match item(&frame) {
                Ok(reply) => replies.blocking_send(reply).is_ok(),
                Err(_) => false,
            },
        );
        let frames = capture.result().frames;
        tracing::info!(%port, interface, uid = who.uid, frames, "the capture ended");
        outcome.map(|()| capture.result())
    });
    match capturing.await {
        Ok(Ok(result)) => done(&result),
        Ok(Err(error)) => Err(failure(code_of(&error), error.to_string())),
        Err(error) => Err(failure(FailureCode::Internal, error.to_string())),
    }
}

fn code_of(error: &CaptureError) -> FailureCode {
    match error {
        CaptureError::Snaplen { .. } => FailureCode::BadRequest,
        CaptureError::Busy => FailureCode::Unavailable,
        CaptureError::Gone { .. } => FailureCode::NotFound,
        CaptureError::Socket { .. } => FailureCode::Internal,
    }
}
