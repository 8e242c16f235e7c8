//! Create, read, update, delete and list, for every resource that stands for one object.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use weft_topology::{Change, Object, ObjectId, Topology};

use super::{App, View};
use crate::error::ApiError;
use crate::http::path::Args;
use crate::http::{Call, Media, Urls, body};

/// A resource that stands for one object of the topology: its JSON form.
pub(super) trait Resource: Serialize + DeserializeOwned + Send + 'static {
    /// The object.
    type Object: Clone + Into<Object> + PartialEq + Send + Sync + 'static;

    /// Its media type.
    const MEDIA: Media;

    /// The properties that are not called what the object's field is called in camel case: field and
    /// property, for errors.
    const NAMES: &'static [(&'static str, &'static str)] = &[];

    /// Whether what exists already as it is wanted may be created again.
    const REPEATABLE: bool = false;

    /// The objects of a collection, in a stable order; an error when what they belong to is not there.
    fn list(topology: &Topology, args: &Args) -> Result<Vec<Arc<Self::Object>>, ApiError>;

    /// The object that a path names.
    fn find(topology: &Topology, args: &Args) -> Result<Arc<Self::Object>, ApiError>;

    /// Its form.
    fn show(object: &Self::Object, view: &View) -> Self;

    /// Its path below the base.
    fn path(object: &Self::Object, topology: &Topology) -> String;

    /// The object that a client wants to create.
    fn create(self, topology: &Topology, args: &Args) -> Result<Self::Object, ApiError>;

    /// The object as a client wants it to be.
    fn update(
        self,
        old: &Self::Object,
        topology: &Topology,
        args: &Args,
    ) -> Result<Self::Object, ApiError>;

    /// What else changes when an object is written, such as the list in which it stands.
    fn beside(_object: &Self::Object, _topology: &Topology) -> Vec<Change> {
        Vec::new()
    }

    /// The tenant by which a collection can be filtered.
    fn tenant<'a>(_object: &'a Self::Object, _topology: &'a Topology) -> Option<&'a str> {
        None
    }

    /// Whether two states differ in nothing that a client of this resource writes.
    fn same_to_clients(a: &Self::Object, b: &Self::Object) -> bool {
        a == b
    }
}

/// The objects of a collection, or an error when what they belong to is not there.
type Lister<O> = fn(&Topology, &Args) -> Result<Vec<Arc<O>>, ApiError>;

/// GET and POST of a collection.
pub(super) fn collection<R: Resource>() -> MethodRouter<App> {
    listing::<R>(R::list).post(create::<R>)
}

/// GET of a collection that is found by `lister`.
pub(super) fn listing<R: Resource>(lister: Lister<R::Object>) -> MethodRouter<App> {
    get(move |State(app): State<App>, call: Call| async move { list::<R>(&app, &call, lister) })
}

/// GET, PUT and DELETE of one resource.
pub(super) fn item<R: Resource>() -> MethodRouter<App> {
    changeable::<R>().delete(remove::<R>)
}

/// GET and PUT of one resource.
pub(super) fn changeable<R: Resource>() -> MethodRouter<App> {
    get(read::<R>).put(update::<R>)
}

/// GET and DELETE of one resource that is never changed in place.
pub(super) fn entry<R: Resource>() -> MethodRouter<App> {
    get(read::<R>).delete(remove::<R>)
}

fn list<R: Resource>(
    app: &App,
    call: &Call,
    lister: Lister<R::Object>,
) -> Result<Response, ApiError> {
    let media = R::MEDIA.collection().answer(&call.headers)?;
    let model = app.current();
    let view = View::new(&model, &call.urls, app);
    let tenant = call.args.query.get("tenant_id").map(String::as_str);
    let items: Vec<R> = lister(&model.topology, &call.args)?
        .iter()
        .filter(|object| tenant.is_none() || R::tenant(object, &model.topology) == tenant)
        .map(|object| R::show(object, &view))
        .collect();
    Ok(answer(&media, &items))
}

async fn create<R: Resource>(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    R::MEDIA.check_body(&call.headers)?;
    let fields = body::overlay(body::Fields::new(), body::fields(&call.body)?);
    let path = app
        .write(|model| {
            let wanted: R = body::resource(fields.clone())?;
            let object = wanted.create(&model.topology, &call.args)?;
            let path = R::path(&object, &model.topology);
            let mut changes = R::beside(&object, &model.topology);
            let object: Object = object.into();
            let old = model.topology.object(object.id());
            if old.is_some() && !(R::REPEATABLE && old == Some(&object)) {
                return Err(ApiError::Conflict(format!(
                    "{} exists already",
                    object.id()
                )));
            }
            changes.push(Change::Put(object));
            Ok((changes, path))
        })
        .await
        .map_err(|error| error.naming(R::NAMES))?;
    Ok(created(&call.urls, &path))
}

async fn read<R: Resource>(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let media = R::MEDIA.answer(&call.headers)?;
    let model = app.current();
    let object = R::find(&model.topology, &call.args)?;
    let view = View::new(&model, &call.urls, &app);
    Ok(answer(&media, &R::show(&object, &view)))
}

/// Lays the body over the resource. Another change of the same properties between the request's
/// arrival and its turn is a conflict: its sender did not know of it.
async fn update<R: Resource>(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    R::MEDIA.check_body(&call.headers)?;
    let arrived = R::find(&call.arrival.topology, &call.args);
    let sent = body::fields(&call.body)?;
    app.write(|model| {
        let old = R::find(&model.topology, &call.args)?;
        if let Ok(arrived) = &arrived
            && !R::same_to_clients(arrived, &old)
        {
            return Err(ApiError::Conflict(
                "it was changed by another request at the same time".into(),
            ));
        }
        let view = View::new(model, &call.urls, &app);
        let Value::Object(shown) = serde_json::json!(R::show(&old, &view)) else {
            return Err(ApiError::Malformed(
                "this resource has no properties".into(),
            ));
        };
        let wanted: R = body::resource(body::overlay(shown, sent.clone()))?;
        let new = wanted.update(&old, &model.topology, &call.args)?;
        let mut changes = R::beside(&new, &model.topology);
        changes.push(Change::Put(new.into()));
        Ok((changes, ()))
    })
    .await
    .map_err(|error| error.naming(R::NAMES))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn remove<R: Resource>(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    app.write(|model| {
        let found = R::find(&model.topology, &call.args)?;
        let object: Object = R::Object::clone(&found).into();
        Ok((vec![Change::Gone(object.id())], ()))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// 200 with a body.
pub(crate) fn answer(media: &str, body: &impl Serialize) -> Response {
    let mut response = serde_json::json!(body).to_string().into_response();
    if let Ok(media) = HeaderValue::from_str(media) {
        response.headers_mut().insert(header::CONTENT_TYPE, media);
    }
    response
}

/// 201 with the address of what was created, and no body.
pub(super) fn created(urls: &Urls, path: &str) -> Response {
    let mut response = StatusCode::CREATED.into_response();
    if let Ok(location) = HeaderValue::from_str(&urls.to(path)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// The default of what is on unless said otherwise.
pub(super) fn yes() -> bool {
    true
}

/// 404 for an object.
pub(super) fn missing(id: impl Into<ObjectId>) -> ApiError {
    ApiError::NotFound(format!("there is no {}", id.into()))
}
