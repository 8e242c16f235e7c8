//! Metrics, and the log's level, of the real program.

use serde_json::json;

use crate::service::Service;

/// The value of a series.
fn value(text: &str, series: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series))?;
    line.trim().parse().ok()
}

#[test]
fn metrics_count_requests_by_route_and_what_the_store_and_the_hosts_are_at() {
    let service = Service::start();
    let bridge = service.bridge();
    let host = service.host("hv1");
    service.get(&bridge).expect(200);
    service.get("/midonet-api/bridges/nonsense");
    service.get("/midonet-api/no/such/thing").expect(404);
    service.get("/midonet-api/no/such/other").expect(404);
    let text = service.get("/metrics").expect(200).body;
    let requests = |method: &str, route: &str, status: u16| {
        let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
        value(&text, &format!("weft_api_requests_total{{{labels}}}"))
    };
    assert_eq!(
        requests("POST", "/midonet-api/bridges", 201),
        Some(1),
        "{text}"
    );
    assert_eq!(
        requests("GET", "/midonet-api/bridges/{bridge}", 200),
        Some(1),
        "{text}"
    );
    assert_eq!(requests("GET", "other", 404), Some(2), "{text}");
    assert!(
        !text.contains("nonsense") && !text.contains("such"),
        "{text}"
    );
    for (series, wanted) in [
        ("weft_api_commits_total{outcome=\"committed\"}", 2),
        ("weft_api_commit_seconds_count", 2),
        ("weft_api_revision", 2),
        ("weft_api_hosts", 1),
        ("weft_api_hosts_live", 1),
        ("weft_api_hosts_lagging", 1),
        ("weft_api_watches", 0),
        // This one.
        ("weft_api_requests_in_progress", 1),
    ] {
        let series = format!("{series} ");
        assert_eq!(value(&text, &series), Some(wanted), "{series}\n{text}");
    }
    let served: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let docs = weft_docs::read("docs/metrics.md");
    let part = docs.split("<!-- weft-api: ").nth(1).unwrap();
    let rows = part.lines().filter_map(|line| line.strip_prefix("| `"));
    let described: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    assert_eq!(
        served, described,
        "docs/metrics.md describes what is not served, or not all"
    );
    let path = format!("/weft/v1/hosts/{host}/state");
    service.post(&path, json!({"revision": 2})).expect(204);
    let text = service.get("/metrics").expect(200).body;
    assert_eq!(value(&text, "weft_api_hosts_lagging "), Some(0), "{text}");
}

#[test]
fn what_is_logged_is_shown_and_changed_while_it_runs() {
    let service = Service::start();
    assert_eq!(service.show("/weft/v1/log"), json!({"filter": "info"}));
    let changed = service.put("/weft/v1/log", json!({"filter": "warn,weft_api=debug"}));
    let changed = changed.expect(200).json();
    let wanted = json!({"before": "info", "now": "warn,weft_api=debug"});
    assert_eq!(changed, wanted);
    service.logged("what is logged was changed");
    service.get("/midonet-api").expect(200);
    service.logged("path=\"/midonet-api\"");
    let refused = service.put("/weft/v1/log", json!({"filter": "lowd"}));
    assert!(refused.error(400).contains("is neither a level"));
    let now = service.show("/weft/v1/log");
    assert_eq!(now, json!({"filter": "warn,weft_api=debug"}));
}
