//! Requests to the topology service (`/weft/v1`, see `weft-wire`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use weft_topology::id::{HostId, PortId};
use weft_wire::host::{
    BindingAnswer, BindingRequest, PROTOCOL, PortsFound, Registered, Registration, StateReport,
};
use weft_wire::watch::InterestRequest;

use super::Resume;
use crate::identity::Identity;

/// How long a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(2);
/// The longest answer in bytes, the watch apart. What is longer is no answer of the protocol.
const LONGEST: usize = 64 << 10;

/// A client for one host. The service that answered last is asked first.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    urls: Vec<String>,
    chosen: AtomicUsize,
    host: Identity,
}

/// A request that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// No service answered.
    #[error("{attempt}: no topology service answers: {problem}")]
    Away {
        /// What was attempted.
        attempt: &'static str,
        /// The last one's address and failure.
        problem: String,
    },
    /// The service said no.
    #[error("{attempt}: {message}")]
    Refused {
        /// What was attempted.
        attempt: &'static str,
        /// Which no.
        refusal: Refusal,
        /// Its own words.
        message: String,
    },
    /// The service's answer is not of its protocol.
    #[error("{attempt}: {url} answered what this agent does not understand: {problem}")]
    Misunderstood {
        /// What was attempted.
        attempt: &'static str,
        /// Its address.
        url: String,
        /// What is wrong.
        problem: String,
    },
}

/// Kinds of no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such object (404).
    NotFound,
    /// Something else has it (409).
    Conflict,
    /// Another status.
    Other(u16),
}

impl ServiceError {
    /// Whether asking again later may help.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Away { .. } => true,
            Self::Refused { refusal, .. } => {
                matches!(refusal, Refusal::Other(408 | 429 | 500..=599))
            }
            Self::Misunderstood { .. } => false,
        }
    }

    /// Whether something else has what was asked for.
    pub fn is_conflict(&self) -> bool {
        let refusal = Refusal::Conflict;
        matches!(self, Self::Refused { refusal: said, .. } if *said == refusal)
    }

    /// Whether the service does not know the host or object.
    pub fn is_not_found(&self) -> bool {
        let refusal = Refusal::NotFound;
        matches!(self, Self::Refused { refusal: said, .. } if *said == refusal)
    }
}

impl Client {
    /// A client of services with these base addresses.
    pub fn new(urls: &[String], host: Identity) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .no_proxy()
            .build()?;
        let trimmed = |url: &String| url.trim_end_matches('/').to_owned();
        Ok(Self {
            http,
            urls: urls.iter().map(trimmed).collect(),
            chosen: AtomicUsize::new(0),
            host,
        })
    }

    /// Says that this host is there; the address of the service that heard it.
    pub async fn register(&self) -> Result<(String, Registered), ServiceError> {
        const ATTEMPT: &str = "register this host";
        let body = Registration {
            name: self.host.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
        };
        let (url, answer) = self
            .ask(ATTEMPT, Method::PUT, &self.path(""), Some(&body))
            .await?;
        let registered: Registered = read(ATTEMPT, &url, answer).await?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !registered.store.chars().all(is_name) {
            return Err(ServiceError::Misunderstood {
                attempt: ATTEMPT,
                url,
                problem: format!(
                    "'{}' is no name of a store",
                    registered.store.escape_debug()
                ),
            });
        }
        Ok((url, registered))
    }

    /// Opens the watch at one service. Its body has no end.
    pub async fn watch(
        &self,
        url: &str,
        resume: Option<&Resume>,
    ) -> Result<Response, ServiceError> {
        let from = match resume {
            // A store's name is made of letters, digits and dashes: `register` sees to it.
            Some(Resume { revision, store }) => format!("?revision={revision}&store={store}"),
            None => String::new(),
        };
        let request = self.http.get(format!("{url}{}{from}", self.path("/watch")));
        const ATTEMPT: &str = "open the watch";
        let opening = async {
            match request.send().await {
                Ok(answer) => accept(ATTEMPT, answer).await,
                Err(error) => Err(away(ATTEMPT, url, &error)),
            }
        };
        match tokio::time::timeout(PATIENCE, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(ServiceError::Away {
                attempt: ATTEMPT,
                problem: format!("{url}: no answer within {PATIENCE:?}"),
            }),
        }
    }

    /// Asks one service for objects.
    pub async fn interest(&self, url: &str, request: &InterestRequest) -> Result<(), ServiceError> {
        let path = self.path("/interest");
        self.ask_one("ask for objects", Method::POST, url, &path, Some(request))
            .await
            .map(drop)
    }

    /// Says what is on the host.
    pub async fn report(&self, report: &StateReport) -> Result<(), ServiceError> {
        let path = self.path("/state");
        self.ask("report the state", Method::POST, &path, Some(report))
            .await
            .map(drop)
    }

    /// Asks for a port; the revision at which this host has it.
    pub async fn bind(&self, request: &BindingRequest) -> Result<u64, ServiceError> {
        const ATTEMPT: &str = "ask the service for the port";
        let path = self.path("/bindings");
        let (url, answer) = self
            .ask(ATTEMPT, Method::POST, &path, Some(request))
            .await?;
        let answer: BindingAnswer = read(ATTEMPT, &url, answer).await?;
        Ok(answer.revision)
    }

    /// Gives a port back; the revision at which this host does not have it.
    pub async fn unbind(&self, port: PortId) -> Result<u64, ServiceError> {
        const ATTEMPT: &str = "give the port back to the service";
        let path = self.path(&format!("/bindings/{port}"));
        let (url, answer) = self.ask::<()>(ATTEMPT, Method::DELETE, &path, None).await?;
        let answer: BindingAnswer = read(ATTEMPT, &url, answer).await?;
        Ok(answer.revision)
    }

    /// The ports whose ids begin with a prefix, two at most.
    pub async fn find_ports(&self, prefix: &str) -> Result<Vec<PortId>, ServiceError> {
        const ATTEMPT: &str = "look for the port";
        let path = format!("/weft/v1/ports?prefix={prefix}");
        let (url, answer) = self.ask::<()>(ATTEMPT, Method::GET, &path, None).await?;
        let found: PortsFound = read(ATTEMPT, &url, answer).await?;
        Ok(found.ports)
    }

    /// The host this client is of.
    pub fn host(&self) -> HostId {
        self.host.id
    }

    fn path(&self, rest: &str) -> String {
        format!("/weft/v1/hosts/{}{rest}", self.host.id)
    }

    /// Asks the services in turn, the one that answered last first.
    async fn ask<B: Serialize>(
        &self,
        attempt: &'static str,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<(String, Response), ServiceError> {
        let first = self.chosen.load(Ordering::Relaxed);
        let mut last = None;
        for turn in 0..self.urls.len() {
            let index = (first + turn) % self.urls.len();
            let Some(url) = self.urls.get(index) else {
                continue;
            };
            match self.ask_one(attempt, method.clone(), url, path, body).await {
                Err(error) if error.is_away() => last = Some(error),
                Err(error) => return Err(error),
                Ok(answer) => {
                    self.chosen.store(index, Ordering::Relaxed);
                    return Ok((url.clone(), answer));
                }
            }
        }
        Err(last.unwrap_or(ServiceError::Away {
            attempt,
            problem: "none is configured".to_owned(),
        }))
    }

    async fn ask_one<B: Serialize>(
        &self,
        attempt: &'static str,
        method: Method,
        url: &str,
        path: &str,
        body: Option<&B>,
    ) -> Result<Response, ServiceError> {
        let request: RequestBuilder = self
            .http
            .request(method, format!("{url}{path}"))
            .timeout(PATIENCE);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        match request.send().await {
            Ok(answer) => accept(attempt, answer).await,
            Err(error) => Err(away(attempt, url, &error)),
        }
    }
}

async fn accept(attempt: &'static str, answer: Response) -> Result<Response, ServiceError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    // What can be read of it: the status says enough.
    let (text, _) = body(answer).await;
    let text = String::from_utf8_lossy(&text).into_owned();
    let message = serde_json::from_str::<serde_json::Value>(&text)
        .ok()
        .and_then(|body| Some(body.get("message")?.as_str()?.to_owned()))
        .unwrap_or(text);
    Err(ServiceError::Refused {
        attempt,
        refusal: match status {
            StatusCode::NOT_FOUND => Refusal::NotFound,
            StatusCode::CONFLICT => Refusal::Conflict,
            other => Refusal::Other(other.as_u16()),
        },
        message: format!("{message} ({status})"),
    })
}

async fn read<T: DeserializeOwned>(
    attempt: &'static str,
    url: &str,
    answer: Response,
) -> Result<T, ServiceError> {
    let (text, end) = body(answer).await;
    end.and_then(|()| serde_json::from_slice(&text).map_err(|error| error.to_string()))
        .map_err(|problem| ServiceError::Misunderstood {
            attempt,
            url: url.to_owned(),
            problem,
        })
}

/// What can be read of an answer's body, and what kept it from being all.
async fn body(mut answer: Response) -> (Vec<u8>, Result<(), String>) {
    let mut text = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if text.len() + chunk.len() > LONGEST => {
                return (text, Err(format!("it has more than {LONGEST} bytes")));
            }
            Ok(Some(chunk)) => text.extend_from_slice(&chunk),
            Ok(None) => return (text, Ok(())),
            Err(error) => return (text, Err(causes(&error))),
        }
    }
}

fn away(attempt: &'static str, url: &str, error: &reqwest::Error) -> ServiceError {
    ServiceError::Away {
        attempt,
        problem: format!("{url}: {}", causes(error)),
    }
}

/// An error with what caused it: the outermost of reqwest's says nothing of the reason.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
