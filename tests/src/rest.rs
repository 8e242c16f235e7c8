//! A small REST client that speaks as MidoNet's clients do.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

const JSON: &str = "application/json";

/// A client of one service.
#[derive(Clone, Debug)]
pub struct Rest {
    base: String,
    agent: ureq::Agent,
}

impl Rest {
    /// A client for a base address such as `http://127.0.0.1:8181/midonet-api`.
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            .build();
        Self {
            base: base.to_owned(),
            agent: ureq::Agent::new_with_config(config),
        }
    }

    /// Gets a resource below the base.
    pub fn get(&self, path: &str) -> Result<Value> {
        let (status, text) = self.send("GET", path, None)?;
        expect(status, 200, "GET", path, &text)?;
        serde_json::from_str(&text).with_context(|| format!("GET {path}: no JSON in {text}"))
    }

    /// Creates a resource and gets it where the answer's `Location` says it is.
    pub fn create(&self, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.base);
        let mut answer = self
            .agent
            .post(&url)
            .content_type(JSON)
            .send(body.to_string())
            .with_context(|| format!("POST {path}"))?;
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        expect(answer.status().as_u16(), 201, "POST", path, &text)?;
        let location = answer
            .headers()
            .get("location")
            .and_then(|value| value.to_str().ok())
            .with_context(|| format!("POST {path}: no Location"))?;
        let mut found = self
            .agent
            .get(location)
            .call()
            .context("GET of the Location")?;
        let text = found.body_mut().read_to_string()?;
        serde_json::from_str(&text).with_context(|| format!("GET {location}: no JSON in {text}"))
    }

    /// Replaces a resource.
    pub fn update(&self, path: &str, body: &Value) -> Result<()> {
        let (status, text) = self.send("PUT", path, Some(body))?;
        expect(status, 204, "PUT", path, &text)
    }

    /// Deletes a resource.
    pub fn delete(&self, path: &str) -> Result<()> {
        let (status, text) = self.send("DELETE", path, None)?;
        expect(status, 204, "DELETE", path, &text)
    }

    /// Status and body of any request.
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, String)> {
        let url = format!("{}{path}", self.base);
        // As MidoNet's client does, every request has a body, an empty object where there is nothing.
        let body = body.map_or_else(|| "{}".to_owned(), Value::to_string);
        let sent = match method {
            "GET" => self
                .agent
                .get(&url)
                .force_send_body()
                .content_type(JSON)
                .send(body),
            "DELETE" => self
                .agent
                .delete(&url)
                .force_send_body()
                .content_type(JSON)
                .send(body),
            "PUT" => self.agent.put(&url).content_type(JSON).send(body),
            "POST" => self.agent.post(&url).content_type(JSON).send(body),
            other => bail!("no method {other} here"),
        };
        let mut answer = sent.with_context(|| format!("{method} {path}"))?;
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        Ok((answer.status().as_u16(), text))
    }
}

fn expect(status: u16, wanted: u16, method: &str, path: &str, text: &str) -> Result<()> {
    if status != wanted {
        bail!("{method} {path}: {status} instead of {wanted}: {text}");
    }
    Ok(())
}
