//! The types on the wire as a listing: one line a field or a variant, with what serde is told of it.
//! Comments and the order of declarations do not count.

use std::path::{Path, PathBuf};

use syn::{Attribute, Fields, Item, Meta};

/// Where types that are on the wire are declared, below the workspace.
const SOURCES: [&str; 15] = [
    "wire/src/control.rs",
    "wire/src/host.rs",
    "wire/src/impact.rs",
    "wire/src/plug_file.rs",
    "wire/src/sync.rs",
    "wire/src/watch.rs",
    "wire/src/why.rs",
    "topology/src/bridge.rs",
    "topology/src/chain.rs",
    "topology/src/dhcp.rs",
    "topology/src/host.rs",
    "topology/src/id.rs",
    "topology/src/policy.rs",
    "topology/src/port.rs",
    "topology/src/router.rs",
];

pub(super) fn listing() -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut lines = Vec::new();
    for source in SOURCES {
        let path: PathBuf = workspace.join(source);
        let text = std::fs::read_to_string(&path).unwrap();
        let file = syn::parse_file(&text).unwrap();
        let module = source.replace("/src/", "::").replace(".rs", "");
        for item in &file.items {
            lines.extend(item_lines(&module, item));
        }
    }
    lines.sort();
    lines.join("\n") + "\n"
}

fn item_lines(module: &str, item: &Item) -> Vec<String> {
    match item {
        Item::Struct(item) if is_serialized(&item.attrs) => {
            let name = format!("{module}::{}", item.ident);
            let mut lines = vec![format!("{name}{}", serde_words(&item.attrs))];
            lines.extend(field_lines(&name, &item.fields));
            lines
        }
        Item::Enum(item) if is_serialized(&item.attrs) => {
            let name = format!("{module}::{}", item.ident);
            let mut lines = vec![format!("{name}{}", serde_words(&item.attrs))];
            for variant in &item.variants {
                let variant_name = format!("{name}::{}", variant.ident);
                lines.push(format!("{variant_name}{}", serde_words(&variant.attrs)));
                lines.extend(field_lines(&variant_name, &variant.fields));
            }
            lines
        }
        Item::Const(item) if matches!(item.ident.to_string().as_str(), "VERSION" | "PROTOCOL") => {
            let value = match &*item.expr {
                syn::Expr::Lit(literal) => match &literal.lit {
                    syn::Lit::Int(number) => number.to_string(),
                    _ => String::new(),
                },
                _ => String::new(),
            };
            vec![format!("{module}::{} = {value}", item.ident)]
        }
        _ => Vec::new(),
    }
}

fn field_lines(owner: &str, fields: &Fields) -> Vec<String> {
    let fields = fields.iter().enumerate();
    fields
        .map(|(place, field)| {
            let name = field
                .ident
                .as_ref()
                .map_or(place.to_string(), ToString::to_string);
            let of = type_name(&field.ty);
            format!("{owner}.{name}: {of}{}", serde_words(&field.attrs))
        })
        .collect()
}

/// A type as it is written: names and what stands between `<` and `>`.
fn type_name(of: &syn::Type) -> String {
    let syn::Type::Path(path) = of else {
        return "?".to_owned();
    };
    let parts = path.path.segments.iter().map(|part| {
        let arguments = match &part.arguments {
            syn::PathArguments::AngleBracketed(arguments) => arguments
                .args
                .iter()
                .filter_map(|argument| match argument {
                    syn::GenericArgument::Type(of) => Some(type_name(of)),
                    _ => None,
                })
                .collect::<Vec<String>>(),
            _ => Vec::new(),
        };
        if arguments.is_empty() {
            part.ident.to_string()
        } else {
            format!("{}<{}>", part.ident, arguments.join(", "))
        }
    });
    parts.collect::<Vec<String>>().join("::")
}

fn is_serialized(attributes: &[Attribute]) -> bool {
    let mut derives = attributes.iter().filter(|it| it.path().is_ident("derive"));
    derives.any(|derive| {
        let mut found = false;
        // Each name in the list is looked at; none is an error.
        derive
            .parse_nested_meta(|meta| {
                found |= meta.path.is_ident("Serialize") || meta.path.is_ident("Deserialize");
                Ok(())
            })
            .unwrap();
        found
    })
}

fn serde_words(attributes: &[Attribute]) -> String {
    let told = attributes.iter().filter(|it| it.path().is_ident("serde"));
    let mut words: Vec<String> = told
        .filter_map(|attribute| match &attribute.meta {
            Meta::List(list) => Some(list.tokens.to_string()),
            _ => None,
        })
        .collect();
    words.sort();
    if words.is_empty() {
        String::new()
    } else {
        format!("  [{}]", words.join(", "))
    }
}
