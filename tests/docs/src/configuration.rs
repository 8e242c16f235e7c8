//! The reference of a configuration file: its keys by the types that are read, their comments and defaults.

use serde_json::Value;

/// A table of all keys: the schema (of `schemars`) has the comments, the table the defaults.
pub fn configuration(schema: &Value, defaults: &toml::Table) -> String {
    let mut text = "| key | default | meaning |\n|---|---|---|\n".to_owned();
    section(schema, schema, defaults, "", &mut text);
    text
}

fn section(root: &Value, of: &Value, defaults: &toml::Table, above: &str, text: &mut String) {
    // In the order of the type, which is that of the shipped file.
    let properties = of["properties"].as_object();
    let (tables, values): (Vec<_>, Vec<_>) = properties
        .into_iter()
        .flatten()
        .partition(|(key, _)| defaults.get(*key).is_some_and(toml::Value::is_table));
    for (key, property) in values {
        let default = match defaults.get(key) {
            Some(value) => format!("`{value}`"),
            None => panic!("{above}{key} has no default"),
        };
        let meaning = comment(property)
            .or_else(|| comment(resolved(root, property)))
            .unwrap_or_else(|| panic!("{above}{key} has no comment"));
        *text += &format!("| `{above}{key}` | {default} | {meaning} |\n");
    }
    for (key, property) in tables {
        let inner = resolved(root, property);
        if let Some(toml::Value::Table(defaults)) = defaults.get(key) {
            section(root, inner, defaults, &format!("{above}{key}."), text);
        }
    }
}

/// A property may say its type by a reference.
fn resolved<'a>(root: &'a Value, property: &'a Value) -> &'a Value {
    let reference = property["$ref"].as_str();
    let name = reference.and_then(|reference| reference.strip_prefix("#/$defs/"));
    name.map_or(property, |name| &root["$defs"][name])
}

/// A comment in one line, as a table's cell wants it.
fn comment(of: &Value) -> Option<String> {
    let text = of["description"].as_str()?;
    let words: Vec<&str> = text.split_whitespace().collect();
    Some(words.join(" ").replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_come_with_their_defaults_and_comments_and_sections_last() {
        let schema = json!({
            "properties": {
                "limits": {"$ref": "#/$defs/Limits"},
                "name": {"description": "The\nname; a|b."},
                "kind": {"$ref": "#/$defs/Kind"},
            },
            "$defs": {
                "Limits": {"properties": {"most": {"description": "Most."}}},
                "Kind": {"description": "Kinds."},
            },
        });
        let defaults: toml::Table = "name = 'x'\nkind = 'a'\n[limits]\nmost = 7"
            .parse()
            .unwrap();
        let rows: Vec<String> = configuration(&schema, &defaults)
            .lines()
            .skip(2)
            .map(str::to_owned)
            .collect();
        let mut wanted = vec![
            "| `name` | `\"x\"` | The name; a\\|b. |",
            "| `kind` | `\"a\"` | Kinds. |",
            "| `limits.most` | `7` | Most. |",
        ];
        // A map of JSON is sorted, unless a dependency asks for the order of insertion.
        let mut rows_sorted = rows.clone();
        rows_sorted.sort();
        wanted.sort_unstable();
        assert_eq!(rows_sorted, wanted);
        assert_eq!(rows.last().unwrap(), "| `limits.most` | `7` | Most. |");
    }
}
