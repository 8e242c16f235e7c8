//! Binds by the topology service, as a MidoNet client does: `POST /hosts/ID/ports`.

use std::time::Duration;

use serde_json::json;
use weft_topology::id::PortId;

use crate::error::Error;

/// Binds a port to an interface of a host.
pub fn bind(
    base: &str,
    host: &str,
    port: PortId,
    interface: &str,
    limit: Duration,
) -> Result<(), Error> {
    let url = format!("{}/hosts/{host}/ports", base.trim_end_matches('/'));
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(limit))
        .http_status_as_error(false)
        .build();
    let body = json!({ "portId": port, "interfaceName": interface });
    let answer = ureq::Agent::new_with_config(config)
        .post(&url)
        .content_type("application/vnd.org.midonet.HostInterfacePort-v1+json")
        .send(body.to_string());
    match answer {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(mut answer) => {
            let status = answer.status();
            let text = answer.body_mut().read_to_string().unwrap_or_default();
            let message = serde_json::from_str::<serde_json::Value>(&text)
                .ok()
                .and_then(|body| body.get("message")?.as_str().map(str::to_owned))
                .unwrap_or(text);
            Err(Error::Api {
                url,
                problem: format!("{status}: {message}"),
            })
        }
        Err(error) => Err(Error::Api {
            url,
            problem: error.to_string(),
        }),
    }
}
