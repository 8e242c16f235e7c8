//! Asks the topology service.

use std::time::Duration;

use serde_json::Value;

use crate::error::Error;

/// The service.
#[derive(Clone, Debug)]
pub struct Api {
    base: String,
    agent: ureq::Agent,
}

impl Api {
    /// The service with this base address, such as `http://127.0.0.1:8181/midonet-api`.
    pub fn at(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_global(Some(Duration::from_secs(30)))
            .http_status_as_error(false)
            .build();
        let base = base.trim_end_matches('/').to_owned();
        Self {
            base,
            agent: ureq::Agent::new_with_config(config),
        }
    }

    /// Gets what is at a path below the base address.
    pub fn get(&self, path: &str) -> Result<Value, Error> {
        self.get_url(format!("{}{path}", self.base))
    }

    /// Gets what is at a path of Weft's own, beside the base address.
    pub fn get_weft(&self, path: &str) -> Result<Value, Error> {
        let root = self.base.strip_suffix("/midonet-api").unwrap_or(&self.base);
        self.get_url(format!("{root}/weft/v1{path}"))
    }

    /// Gets a list of objects below the base address.
    pub fn list(&self, path: &str) -> Result<Vec<Value>, Error> {
        match self.get(path)? {
            Value::Array(items) => Ok(items),
            other => Err(Error::ApiAnswer {
                url: format!("{}{path}", self.base),
                problem: format!("want a list, got {other}"),
            }),
        }
    }

    fn get_url(&self, url: String) -> Result<Value, Error> {
        let mut answer = match self
            .agent
            .get(&url)
            .header("Accept", "application/json")
            .call()
        {
            Ok(answer) => answer,
            Err(error) => {
                return Err(Error::ApiUnreachable {
                    url,
                    problem: error.to_string(),
                });
            }
        };
        let status = answer.status().as_u16();
        let text = match answer.body_mut().read_to_string() {
            Ok(text) => text,
            Err(error) => {
                return Err(Error::ApiUnreachable {
                    url,
                    problem: error.to_string(),
                });
            }
        };
        let value: Result<Value, _> = serde_json::from_str(&text);
        match (status, value) {
            (200..=299, Ok(value)) => Ok(value),
            (200..=299, Err(error)) => Err(Error::ApiAnswer {
                url,
                problem: error.to_string(),
            }),
            (_, value) => {
                let message = value
                    .ok()
                    .and_then(|body| Some(body.get("message")?.as_str()?.to_owned()));
                Err(Error::ApiRefused {
                    url,
                    status,
                    message: message.unwrap_or(text),
                })
            }
        }
    }
}
