//! The service's metrics: name, kind, labels and meaning of each. docs/metrics.md is made from these.

weft_observe::families! {
    BUILD: Gauge "weft_api_build_info" ["version"] "1, with the service's version.";
    UPTIME: Gauge "weft_api_uptime_seconds" [] "Seconds since the service started.";
    LOG_LINES: Counter "weft_api_log_lines_total" ["level"] "Lines logged: error, warn, or other.";
    LOG_LEFT_OUT: Counter "weft_api_log_lines_left_out_total" [] "Lines left out of the log because their place in the code logs too much; the log says so once a minute.";
    REQUESTS: Counter "weft_api_requests_total" ["method", "route", "status"] "Requests answered, by the route that matched; 'other' is none.";
    REQUEST: Histogram "weft_api_request_seconds" ["route"] "Time from the arrival of a request's head to its answer; of a watch, to its beginning.";
    IN_PROGRESS: Gauge "weft_api_requests_in_progress" [] "Requests that are being answered.";
    COMMITS: Counter "weft_api_commits_total" ["outcome"] "Transactions given to the store: committed, conflict (planned anew), failed.";
    COMMIT: Histogram "weft_api_commit_seconds" [] "Time until a transaction was durable, or refused.";
    REVISION: Gauge "weft_api_revision" [] "Newest revision that is durable and readable.";
    HISTORY: Gauge "weft_api_history_start_revision" [] "Oldest revision from which a host's watch can go on: older changes were compacted, and a host that is further behind lists anew.";
    WATCHES: Gauge "weft_api_watches" [] "Hosts whose watch is open.";
    HOSTS: Gauge "weft_api_hosts" [] "Hosts that are registered.";
    LIVE: Gauge "weft_api_hosts_live" [] "Hosts that were heard of within their lease (10 s).";
    LAGGING: Gauge "weft_api_hosts_lagging" [] "Live hosts that do not have the newest revision in force yet.";
}
