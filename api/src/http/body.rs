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
        Err(error) => Err(ApiError::Malformed(format!("the body is no JSON: {error}"))),
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
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.into_inner().to_string();
        match missing_field(&problem) {
            Some(field) if path == "." => ApiError::property(field, "is required"),
            Some(field) => ApiError::property(&format!("{path}.{field}"), "is required"),
            None => ApiError::property(&path, problem),
        }
    })
}

fn missing_field(problem: &str) -> Option<&str> {
    let rest = problem.strip_prefix("missing field `")?;
    Some(rest.split('`').next().unwrap_or(rest))
}
