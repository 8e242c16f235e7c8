//! Tables of metrics.

use std::collections::BTreeSet;

use weft_observe::metrics::Family;

/// A table of metrics, in the order given.
pub fn metrics(families: impl Iterator<Item = &'static Family>) -> String {
    let mut text = "| metric | kind | labels | is |\n|---|---|---|---|\n".to_owned();
    for family in families {
        let labels: Vec<String> = family
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        text += &format!(
            "| `{}` | {} | {} | {} |\n",
            family.name,
            family.kind.word(),
            labels.join(", "),
            family.help.trim().replace('|', "\\|")
        );
    }
    text
}

/// The metrics that a text names, each as its family is called.
pub fn names(text: &str) -> BTreeSet<String> {
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(|c| !is_of_a_name(c))
        .filter(|word| word.starts_with("weft_"))
        .map(|word| {
            // The samples of a histogram.
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| word.strip_suffix(suffix))
                .filter(|base| base.ends_with("_seconds"));
            base.unwrap_or(word).to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read;

    /// The metrics that docs/metrics.md describes; tests of agent and service hold it to what they serve.
    fn described() -> BTreeSet<String> {
        let text = read("docs/metrics.md");
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned()))
            .collect()
    }

    #[test]
    fn dashboard_and_alerts_name_metrics_that_there_are() {
        let described = described();
        assert!(described.len() > 50, "{described:?}");
        for path in [
            "monitoring/grafana/weft.json",
            "monitoring/prometheus/weft.rules.yml",
            "monitoring/prometheus/weft.rules.test.yml",
        ] {
            let named = names(&read(path));
            assert!(!named.is_empty(), "{path} names none");
            let unknown: Vec<_> = named
                .iter()
                .filter(|name| !described.contains(*name))
                .collect();
            assert!(unknown.is_empty(), "{path} names {unknown:?}");
        }
    }

    #[test]
    fn a_dashboard_is_json_whose_panels_ask_for_something_and_do_not_overlap() {
        let dashboard: serde_json::Value =
            serde_json::from_str(&read("monitoring/grafana/weft.json")).unwrap();
        let panels = dashboard["panels"].as_array().unwrap();
        let mut cells = BTreeSet::new();
        for panel in panels {
            let place = &panel["gridPos"];
            let at = |key: &str| place[key].as_u64().unwrap();
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(
                        x < 24 && cells.insert((x, y)),
                        "{} overlaps",
                        panel["title"]
                    );
                }
            }
            if panel["type"] != "row" {
                let targets = panel["targets"].as_array().unwrap();
                assert!(!targets.is_empty());
                for target in targets {
                    assert!(target["expr"].as_str().unwrap().contains("weft_"));
                }
            }
        }
    }

    #[test]
    fn a_histograms_samples_are_its_familys() {
        let text = "rate(weft_x_seconds_bucket[5m]) / weft_starts_total + weft_pod_count";
        let wanted = ["weft_pod_count", "weft_starts_total", "weft_x_seconds"];
        assert_eq!(names(text).into_iter().collect::<Vec<_>>(), wanted);
    }
}
