//! Whether today's answer serves who understood the recorded one.

use serde_json::Value;

use super::shape::lacks;

/// Replies of the agent to one request.
pub(super) fn replies(request: &Value, recorded: &[Value], today: &[Value]) {
    let last = |replies: &[Value]| replies.last().unwrap().clone();
    let (before, now) = (last(recorded), last(today));
    let end = |reply: &Value| reply.as_object().unwrap().keys().next().cloned();
    assert_eq!(end(&before), end(&now), "{request}: {now}");
    assert_eq!(
        lacks(&before, &now),
        Vec::<String>::new(),
        "{request}: {now}"
    );
    if before["error"].is_object() {
        assert_eq!(
            before["error"]["code"], now["error"]["code"],
            "{request}: {now}"
        );
    }
    let items = |replies: &[Value]| Value::Array(replies[..replies.len() - 1].to_vec());
    let (before, now) = (items(recorded), items(today));
    assert_eq!(
        lacks(&before, &now),
        Vec::<String>::new(),
        "{request}: {now}"
    );
}

/// The service's answer to one request.
pub(super) fn answer(asked: &str, recorded: (u16, &Value), today: (u16, &Value)) {
    assert_eq!(recorded.0, today.0, "{asked}: {}", today.1);
    let lacking = lacks(recorded.1, today.1);
    assert_eq!(lacking, Vec::<String>::new(), "{asked}: {}", today.1);
}
