//! What a request can be refused for, and the body that says so: MidoNet's `Error-v1`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use weft_store::{CommitError, Conflict, Fault, StoreError};
use weft_topology::{ObjectId, Problem, ValidationError};

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// The body is no JSON object of this resource, or a parameter is malformed.
    #[error("{0}")]
    Malformed(String),
    /// Values that no such object can have.
    #[error("the request is not valid: {}", list(.0))]
    Invalid(Vec<InvalidProperty>),
    /// It would be allowed in another state of things.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such resource.
    #[error("{0}")]
    NotFound(String),
    /// The resource does not do this.
    #[error("{0}")]
    MethodNotAllowed(String),
    /// The media type asked for, or sent, is not one of the resource's.
    #[error("{0}")]
    NotAcceptable(String),
    /// The request did not arrive in time.
    #[error("the request did not arrive within {seconds} seconds")]
    TooSlow {
        /// The limit.
        seconds: u64,
    },
    /// Something else is in the way: a duplicate, a user of the object, a change at the same time.
    #[error("{0}")]
    Conflict(String),
    /// Values that another object has, or objects that others need.
    #[error("it is in conflict with other objects: {}", list(.0))]
    InTheWay(Vec<InvalidProperty>),
    /// The body is too large.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The store's disk is full.
    #[error(
        "the store's disk is full, and nothing was changed: make room on it and try again ({0})"
    )]
    DiskFull(String),
    /// Not now.
    #[error("{0}")]
    Unavailable(String),
}

/// A property that has a value it cannot have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct InvalidProperty {
    /// The object that has it, if that is known.
    #[serde(skip)]
    pub(crate) object: Option<ObjectId>,
    /// Its name in the body.
    pub(crate) property: String,
    /// What is wrong with it.
    pub(crate) message: String,
}

#[derive(Serialize)]
struct Body<'a> {
    message: String,
    code: u16,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    violations: &'a [InvalidProperty],
}

impl ApiError {
    /// One property with a value that it cannot have.
    pub(crate) fn property(property: &str, message: impl ToString) -> Self {
        ApiError::Invalid(vec![InvalidProperty {
            object: None,
            property: property.to_owned(),
            message: message.to_string(),
        }])
    }

    /// Calls properties what bodies call them: `names` has those whose name in a body is not that of
    /// the object's field in camel case.
    pub(crate) fn naming(mut self, names: &[(&str, &str)]) -> Self {
        if let ApiError::Invalid(violations) | ApiError::InTheWay(violations) = &mut self {
            for violation in violations {
                let known = names.iter().find(|(field, _)| *field == violation.property);
                if let Some((_, property)) = known {
                    violation.property = (*property).to_owned();
                }
            }
        }
        self
    }

    /// The status that says it.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            ApiError::Malformed(_) | ApiError::Invalid(_) => StatusCode::BAD_REQUEST,
            ApiError::Forbidden(_) => StatusCode::FORBIDDEN,
            ApiError::NotFound(_) => StatusCode::NOT_FOUND,
            ApiError::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            ApiError::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
            ApiError::TooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            ApiError::Conflict(_) | ApiError::InTheWay(_) => StatusCode::CONFLICT,
            ApiError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            ApiError::DiskFull(_) => StatusCode::INSUFFICIENT_STORAGE,
            ApiError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let violations = match &self {
            ApiError::Invalid(violations) | ApiError::InTheWay(violations) => violations.as_slice(),
            _ => &[],
        };
        let body = Body {
            message: self.to_string(),
            code: status.as_u16(),
            violations,
        };
        let text = serde_json::json!(body).to_string();
        let mut response = (status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/vnd.org.midonet.Error-v1+json"),
        );
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// What stands in the way of others is a conflict; what is wrong by itself is invalid.
impl From<ValidationError> for ApiError {
    fn from(error: ValidationError) -> Self {
        let in_the_way =
            |problem: &Problem| matches!(problem, Problem::InUse { .. } | Problem::Taken(_));
        let conflict = error.0.iter().any(|found| in_the_way(&found.problem));
        let violations = error.0.iter().map(|violation| InvalidProperty {
            object: Some(violation.object),
            property: camel_case(violation.field),
            message: violation.problem.to_string(),
        });
        if conflict {
            ApiError::InTheWay(violations.collect())
        } else {
            ApiError::Invalid(violations.collect())
        }
    }
}

impl From<CommitError> for ApiError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(Conflict::Exists { key, .. }) => {
                ApiError::Conflict(format!("{key} exists already"))
            }
            CommitError::Conflict(Conflict::Changed { key, .. }) => ApiError::Conflict(format!(
                "{key} was changed by another request at the same time"
            )),
            CommitError::Conflict(conflict) => {
                ApiError::Unavailable(format!("too many changes at the same time: {conflict}"))
            }
            CommitError::Malformed { .. } => ApiError::Conflict(error.to_string()),
            CommitError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error.fault {
            Fault::DiskFull => ApiError::DiskFull(error.to_string()),
            Fault::Other => ApiError::Unavailable(error.to_string()),
        }
    }
}

/// `admin_state_up` → `adminStateUp`.
fn camel_case(field: &str) -> String {
    let mut name = String::new();
    let mut upper = false;
    for c in field.chars() {
        if c == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            name.extend(c.to_uppercase());
        } else {
            name.push(c);
        }
    }
    name
}

fn list(violations: &[InvalidProperty]) -> String {
    let texts = violations.iter().map(|violation| {
        let InvalidProperty {
            property, message, ..
        } = violation;
        match violation.object {
            Some(object) => format!("{object}: {property}: {message}"),
            None => format!("{property}: {message}"),
        }
    });
    texts.collect::<Vec<String>>().join("; ")
}
