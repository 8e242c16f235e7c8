//! One program for all targets: which one it feeds is told by `WEFT_FUZZ_TARGET`. The functions are the crates' own
//! (`fuzz` in each); what they promise stands there.
//!
//! libFuzzer brings `main`, and the options.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

/// The targets. `fuzz/run` reads their names here.
const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("agent-config", weft_agent::fuzz::config),
    ("api-config", weft_api::fuzz::config),
    ("apply", weft_api::fuzz::apply),
    ("backup", weft_api::fuzz::backup),
    ("capture", weft_cli::fuzz::capture),
    ("control", weft_agent::fuzz::control),
    ("dhcp", weft_dhcp::fuzz_one),
    ("flow", weft_flow::fuzz::one),
    ("frame", weft_ovs::fuzz::frame),
    ("message", weft_wire::fuzz::message),
    ("netlink", weft_ovs::fuzz::messages),
    ("objects", weft_wire::fuzz::objects),
    ("requests", weft_api::fuzz::requests),
    ("serve", weft_flowsim::fuzz::serve),
    ("simulate", weft_flowsim::fuzz::simulate),
    ("state", weft_agent::fuzz::state),
    ("value", weft_wire::fuzz::value),
    ("watch", weft_agent::fuzz::watch),
    ("words", weft_cli::fuzz::words),
];

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("WEFT_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(target, _)| *target == name);
    found.map_or_else(|| panic!("there is no target '{name}'"), |(_, run)| *run)
});

fuzz_target!(|bytes: &[u8]| (*TARGET)(bytes));
