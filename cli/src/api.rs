//! Asks the topology service.

use std::io::Read;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::SendBody;

use crate::error::Error;

/// How long something large may take.
const LONG: Duration = Duration::from_secs(900);
/// The largest answer that is taken in one piece, in bytes.
const LARGEST: u64 = 512 << 20;

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
        self.get_url(self.weft(path))
    }

    /// Puts a message to a path of Weft's own.
    pub fn put_weft<T: DeserializeOwned>(
        &self,
        path: &str,
        message: &impl Serialize,
    ) -> Result<T, Error> {
        let url = self.weft(path);
        let answer = self.agent.put(&url).send_json(message);
        let answer = answer.map_err(|error| unreachable(&url, &error))?;
        understood(&url, take(url.clone(), answer)?)
    }

    /// The base address, which answered, and the service's time where it told it.
    pub fn date(&self) -> Result<(String, Option<SystemTime>), Error> {
        let url = self.base.clone();
        let request = self.agent.get(&url).header("Accept", "application/json");
        let answer = request.call().map_err(|error| unreachable(&url, &error))?;
        let date = answer.headers().get("date");
        let date = date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        take(url.clone(), answer)?;
        Ok((url, date))
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

    /// Gets one thing at a path of Weft's own.
    pub fn read_weft<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        understood(&self.weft(path), self.get_weft(path)?)
    }

    /// Gets what is at a path of Weft's own, to be read bit by bit.
    pub fn stream_weft(&self, path: &str) -> Result<impl Read, Error> {
        let url = self.weft(path);
        let request = self
            .agent
            .get(&url)
            .config()
            .timeout_global(Some(LONG))
            .build();
        let answer = request.call().map_err(|error| unreachable(&url, &error))?;
        if answer.status().is_success() {
            return Ok(answer.into_body().into_reader());
        }
        Err(match take(url.clone(), answer) {
            Ok(_) => Error::ApiAnswer {
                url,
                problem: "it has no content".to_owned(),
            },
            Err(error) => error,
        })
    }

    /// Posts a message to a path of Weft's own.
    pub fn post_weft<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, Error> {
        self.post_weft_from(path, &mut &*body)
    }

    /// Posts what a reader gives.
    pub fn post_weft_from<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &mut dyn Read,
    ) -> Result<T, Error> {
        let url = self.weft(path);
        let request = self
            .agent
            .post(&url)
            .config()
            .timeout_global(Some(LONG))
            .build()
            .content_type("application/json");
        let mut body = body;
        let answer = request
            .send(SendBody::from_reader(&mut body))
            .map_err(|error| unreachable(&url, &error))?;
        understood(&url, take(url.clone(), answer)?)
    }

    /// Deletes what is at a path of Weft's own.
    pub fn delete_weft(&self, path: &str) -> Result<(), Error> {
        let url = self.weft(path);
        let answer = self.agent.delete(&url).call();
        take(
            url.clone(),
            answer.map_err(|error| unreachable(&url, &error))?,
        )
        .map(drop)
    }

    /// A path of Weft's own lies beside the base address.
    fn weft(&self, path: &str) -> String {
        let root = self.base.strip_suffix("/midonet-api").unwrap_or(&self.base);
        format!("{root}/weft/v1{path}")
    }

    fn get_url(&self, url: String) -> Result<Value, Error> {
        let request = self.agent.get(&url).header("Accept", "application/json");
        let answer = request.call().map_err(|error| unreachable(&url, &error))?;
        take(url, answer)
    }
}

fn unreachable(url: &str, error: &ureq::Error) -> Error {
    Error::ApiUnreachable {
        url: url.to_owned(),
        problem: error.to_string(),
    }
}

fn understood<T: DeserializeOwned>(url: &str, value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|error| Error::ApiAnswer {
        url: url.to_owned(),
        problem: error.to_string(),
    })
}

/// What an answer says; nothing is null.
fn take(url: String, mut answer: ureq::http::Response<ureq::Body>) -> Result<Value, Error> {
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(LARGEST);
    let text = body
        .read_to_string()
        .map_err(|error| unreachable(&url, &error))?;
    let value: Result<Value, _> = serde_json::from_str(&text);
    match (status, value) {
        (204, _) => Ok(Value::Null),
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
