//! `weft trace`: a packet's walk.

use weft_topology::id::PortId;
use weft_wire::control::{TraceResult, Verb};

use crate::agent::Agent;
use crate::error::Error;
use crate::frame;
use crate::output::{Form, json, line};

/// Makes the packet, asks and shows.
pub fn run(port: PortId, words: &[String], agent: &Agent, form: Form) -> Result<(), Error> {
    let bytes = frame::from_words(words)?;
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let trace: TraceResult = agent.one(Verb::Trace { port, frame: hex })?;
    if form == Form::Json {
        json(&trace);
        return Ok(());
    }
    for (number, step) in trace.steps.iter().enumerate() {
        let object = if step.object.is_empty() {
            "the packet"
        } else {
            &step.object
        };
        line(&format!("{:>3}  {object}: {}", number + 1, step.what));
    }
    line(&format!("\nverdict   {}", trace.reason));
    match trace.outputs.as_slice() {
        [] => line("leaves    nowhere"),
        outputs => line(&format!("leaves    {}", outputs.join(", "))),
    }
    line(&format!(
        "flow      {}",
        trace.flow.as_deref().unwrap_or("none: this packet alone")
    ));
    line(&format!("actions   {}", trace.actions));
    line(&format!("looked up again {} times", trace.recirculations));
    Ok(())
}
