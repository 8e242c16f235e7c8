//! `weft backup` and `weft restore`: the service's store, while it runs.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use weft_wire::backup::Restored;

use crate::api::Api;
use crate::confirm::Consent;
use crate::error::Error;
use crate::files;
use crate::output::{Form, json, line, table};
use crate::progress::{Counted, say};

/// Keeps everything in the store, as of one revision.
pub fn backup(path: &Path, api: &Api, form: Form) -> Result<(), Error> {
    say("asking the service for a backup");
    let mut text = Counted::new(api.stream_weft("/backup")?, "backup", None);
    if path == Path::new("-") {
        let copied = std::io::copy(&mut text, &mut std::io::stdout().lock());
        return copied.map(drop).map_err(|source| Error::Unwritable {
            path: path.to_owned(),
            source,
        });
    }
    let bytes = files::write(path, &mut text)?;
    match form {
        Form::Json => json(&serde_json::json!({ "file": path, "bytes": bytes })),
        Form::People => line(&format!("{bytes} bytes in {}", path.display())),
    }
    Ok(())
}

/// Makes the store what a backup says.
pub fn restore(path: &Path, yes: bool, dry_run: bool, api: &Api, form: Form) -> Result<(), Error> {
    // A file that is not there is told before anything else.
    open(path)?;
    let consent = if dry_run {
        Consent::Given
    } else {
        Consent::of(yes, form, "restore")?
    };
    let found = send(path, "checking", "", api)?;
    let differs = found.kinds.iter();
    let differs: u64 = differs.map(|it| it.created + it.changed + it.removed).sum();
    if dry_run {
        show(&found, form);
        return Ok(());
    }
    if form == Form::People {
        show(&found, form);
        if differs > 0 {
            consent.ask("replace the topology by this?")?;
        }
    }
    let done = send(path, "restoring", &format!("?plan={}", found.plan), api)?;
    match form {
        Form::Json => json(&done),
        Form::People => line(&format!("done, as revision {}", done.revision)),
    }
    Ok(())
}

fn open(path: &Path) -> Result<File, Error> {
    let unreadable = |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let is_file = file.metadata().map_err(unreadable)?.is_file();
    if is_file {
        return Ok(file);
    }
    // It is read twice: for the look and for the deed.
    Err(unreadable(std::io::Error::other("it is no plain file")))
}

fn send(path: &Path, what: &'static str, query: &str, api: &Api) -> Result<Restored, Error> {
    let file = open(path)?;
    let length = file.metadata().ok().map(|meta| meta.len());
    say(&format!("{what} {}", path.display()));
    let mut counted = Counted::new(file, what, length);
    let text: &mut dyn Read = &mut counted;
    api.post_weft_from(&format!("/restore{query}"), text)
}

fn show(found: &Restored, form: Form) {
    if form == Form::Json {
        return json(found);
    }
    let backup = &found.backup;
    line(&format!(
        "a backup of store {} at revision {}, taken {} by weft {}",
        backup.store,
        backup.revision,
        date(backup.taken),
        backup.version
    ));
    let rows = found.kinds.iter().map(|count| {
        let numbers = [count.created, count.changed, count.removed, count.same];
        let mut row = vec![count.kind.to_string()];
        row.extend(numbers.map(|number| number.to_string()));
        row
    });
    let header = ["kind", "created", "changed", "removed", "the same"];
    table("objects in it", &header, rows.collect());
    if !found.hosts_kept.is_empty() {
        let hosts = found.hosts_kept.join(", ");
        line(&format!(
            "hosts that the backup does not know stay: {hosts}"
        ));
    }
    for (count, what) in [
        (
            found.bindings_kept,
            "ports stay where they are bound now, and not where the backup has them",
        ),
        (
            found.bindings_lost,
            "ports come back without the interface that the backup has: it is in use",
        ),
    ] {
        if count > 0 {
            line(&format!("{count} {what}"));
        }
    }
}

/// A time as people write it, in UTC.
fn date(seconds: u64) -> String {
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Civil date from days: years begin in March, so that the leap day is the last.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn a_time_is_said_as_a_date() {
        assert_eq!(date(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(date(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(date(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(date(1_795_785_967), "2026-11-27 13:26:07 UTC");
    }
}
