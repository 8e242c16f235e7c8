//! The demo: VMs on a hypervisor come up, get addresses and talk. A narrated run of what an operator
//! would do, each step with what it proves; it ends in a table and fails if a step does.

pub mod groups;
pub mod report;
pub mod scene;
pub mod steps;
