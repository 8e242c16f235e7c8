//! Keys, values, and how wrong ones are told.

use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("agent.toml")).map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_is_the_shipped_one() {
    assert_eq!(parse("").unwrap(), Config::default());
    let shipped = include_str!("../../../systemd/agent.toml");
    assert_eq!(parse(shipped).unwrap(), Config::default());
    let written = known_keys();
    let table = DeTable::parse(shipped).unwrap();
    let in_file: Vec<String> = keys_of(table.get_ref())
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert!(
        written.iter().all(|key| in_file.contains(key)),
        "{written:?} {in_file:?}"
    );
}

#[test]
fn docs_have_the_reference_of_the_configuration() {
    let schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap();
    let defaults = toml::Table::try_from(Config::default()).unwrap();
    let table = weft_docs::configuration(&schema, &defaults);
    weft_docs::hold("docs/configuration.md", "agent.toml", &table);
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_right_one() {
    for (text, line, right) in [
        ("state-dir = '/x'", 1, "'state_dir'"),
        ("\n[api]\nurl = []", 3, "'api.urls'"),
        ("[limit]\nflows_per_port = 1", 1, "'limits'"),
        ("exact_flows = true", 1, "'debug.exact_flows'"),
        ("[api]\nlisten = '127.0.0.1:1'", 2, "'metrics.listen'"),
        ("log = 'info'\nlgo = 'x'", 2, "'log'"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(&format!("line {line}:")), "{error}");
        assert!(error.contains(&format!("did you mean {right}")), "{error}");
    }
    assert!(parse("quux = 1").unwrap_err().contains("the keys are"));
}

#[test]
fn values_that_cannot_be_used_are_refused_with_their_key() {
    let long = format!("run_dir = '/{}'", "x".repeat(100));
    for (text, wanted) in [
        ("state_dir = 'var'", "state_dir"),
        (long.as_str(), "run_dir"),
        ("datapath = 'a name with blanks'", "datapath"),
        ("host_name = 'a b'", "host_name"),
        ("log = 'a=b=c'", "log"),
        ("[api]\nurls = []", "api.urls"),
        ("[api]\nurls = ['ftp://x']", "api.urls"),
        ("[limits]\npunts_per_port = 0", "limits.punts_per_port"),
        ("[limits]\nflows_per_port = -1", "flows_per_port"),
        ("[metrics]\nlisten = 'here'", "listen"),
        ("= 3", "agent.toml"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(wanted), "{text}: {error}");
    }
}

#[test]
fn a_log_that_is_neither_level_nor_list_is_refused() {
    for log in ["loud", "info,weft_agent", "info,weft_agent=loud", ""] {
        let error = parse(&format!("log = '{log}'")).unwrap_err();
        assert!(error.contains("log: "), "{error}");
        assert!(error.contains("is neither a level"), "{error}");
    }
    for log in ["DEBUG", "off", "info,weft_agent=debug"] {
        assert!(parse(&format!("log = '{log}'")).is_ok(), "{log}");
    }
}
