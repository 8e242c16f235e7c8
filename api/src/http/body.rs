//! From the JSON in a request's body to a resource.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// A JSON object.
pub(crate) type Fields = Map<String, Value>;

/// Reads a body as a JSON object.
pub(crate) fn fields(body: &[u8]) -> Result<Fields, ApiError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(ApiError::Malformed("the body is no JSON object".into())),
        Err(error) => Err(not_json(error)),
    }
}

/// Lays a body over what is there: a field given replaces the old one, `null` clears it, and one
/// that is absent stays.
pub(crate) fn overlay(mut old: Fields, body: Fields) -> Fields {
    for (name, value) in body {
        if value.is_null() {
            old.remove(&name);
        } else {
            old.insert(name, value);
        }
    }
    old
}

/// A resource from its fields. Fields that it does not have, or that cannot be written, are ignored.
pub(crate) fn resource<R: DeserializeOwned>(fields: Fields) -> Result<R, ApiError> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(wrong)
}

/// A message that a body is, whole.
pub(crate) fn message<M: DeserializeOwned>(body: &[u8]) -> Result<M, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let message = serde_path_to_error::deserialize(&mut json).map_err(wrong)?;
    json.end().map_err(not_json)?;
    Ok(message)
}

fn not_json(error: serde_json::Error) -> ApiError {
    ApiError::Malformed(format!("the body is no JSON: {error}"))
}

fn wrong(error: serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let path = error.path().to_string();
    let error = error.into_inner();
    if error.is_syntax() || error.is_eof() {
        return not_json(error);
    }
    let problem = error.to_string();
    match (missing_field(&problem), path.as_str()) {
        (Some(field), ".") => ApiError::property(field, "is required"),
        (Some(field), _) => ApiError::property(&format!("{path}.{field}"), "is required"),
        (None, ".") => ApiError::Malformed(format!("the body is not valid: {problem}")),
        (None, _) => ApiError::property(&path, problem),
    }
}

fn missing_field(problem: &str) -> Option<&str> {
    let rest = problem.strip_prefix("missing field `")?;
    Some(rest.split('`').next().unwrap_or(rest))
}
