//! Parts of a file and conditions on it, as RFC 9110 sections 13 and 14 define them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use axum::http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};

/// What a file is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    /// A strong entity tag, with its quotes.
    pub(super) tag: String,
    /// In whole seconds, as headers carry it.
    modified: SystemTime,
}

impl Version {
    /// Of a file with this size and this time of its last change.
    pub(super) fn of(size: u64, changed: SystemTime) -> Self {
        let since = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
        let tag = format!("\"{size:x}-{:x}\"", since.as_nanos());
        Self { tag, modified: UNIX_EPOCH + Duration::from_secs(since.as_secs()) }
    }

    /// For the Last-Modified header.
    pub(super) fn last_modified(&self) -> String {
        httpdate::fmt_http_date(self.modified)
    }
}

/// What is sent of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// 200.
    Whole,
    /// 206: from this byte to that, both included.
    Bytes(u64, u64),
    /// 304: the client has it.
    Unchanged,
    /// 416: the file has no such byte.
    Nothing,
}

/// Judges a GET.
pub(super) fn wanted(headers: &HeaderMap, version: &Version, size: u64) -> Part {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match (text(IF_NONE_MATCH), text(IF_MODIFIED_SINCE)) {
        (Some(tags), _) if any_tag(tags, &version.tag) => return Part::Unchanged,
        (None, Some(date)) if date_of(date).is_some_and(|date| version.modified <= date) => {
            return Part::Unchanged;
        }
        _ => {}
    }
    let same = text(IF_RANGE).is_none_or(|condition| {
        condition.trim() == version.tag || date_of(condition) == Some(version.modified)
    });
    match text(RANGE) {
        Some(range) if same => part(range, size),
        _ => Part::Whole,
    }
}

/// RFC 9110 section 13.1.2: weak comparison with each of the list.
fn any_tag(list: &str, tag: &str) -> bool {
    let mut tags = list.split(',').map(|one| one.trim().trim_start_matches("W/"));
    list.trim() == "*" || tags.any(|one| one == tag)
}

fn date_of(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text.trim()).ok()
}

/// RFC 9110 section 14.2: other units, several ranges and nonsense are ignored.
fn part(range: &str, size: u64) -> Part {
    let Some((unit, set)) = range.split_once('=') else { return Part::Whole };
    let Some((first, last)) = set.trim().split_once('-') else { return Part::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Part::Whole;
    }
    let end = size.saturating_sub(1);
    match (number(first), number(last)) {
        (Some(None), Some(Some(suffix))) if suffix == 0 || size == 0 => Part::Nothing,
        (Some(None), Some(Some(suffix))) => Part::Bytes(size.saturating_sub(suffix), end),
        (Some(Some(first)), Some(Some(last))) if last < first => Part::Whole,
        (Some(Some(first)), Some(_)) if first >= size => Part::Nothing,
        (Some(Some(first)), Some(last)) => Part::Bytes(first, last.unwrap_or(end).min(end)),
        _ => Part::Whole,
    }
}

/// `None`: no number; `Some(None)`: empty. A number beyond all files counts as the largest.
fn number(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    match text {
        "" => Some(None),
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Some(text.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        let table = [
            ("bytes=0-0", Part::Bytes(0, 0)),
            ("bytes=0-99", Part::Bytes(0, 99)),
            ("bytes=10-", Part::Bytes(10, 99)),
            ("bytes=90-1000", Part::Bytes(90, 99)),
            ("bytes=0-99999999999999999999999", Part::Bytes(0, 99)),
            ("bytes=-10", Part::Bytes(90, 99)),
            ("bytes=-1000", Part::Bytes(0, 99)),
            ("BYTES = 5-6", Part::Bytes(5, 6)),
            ("bytes=100-", Part::Nothing),
            ("bytes=99999999999999999999999-", Part::Nothing),
            ("bytes=-0", Part::Nothing),
            ("bytes=6-5", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=0-1,5-6", Part::Whole),
            ("seconds=0-1", Part::Whole),
            ("bytes", Part::Whole),
        ];
        for (range, expected) in table {
            assert_eq!(part(range, 100), expected, "{range}");
        }
        assert_eq!(part("bytes=0-", 0), Part::Nothing);
        assert_eq!(part("bytes=-5", 0), Part::Nothing);
    }

    fn judged(headers: &[(HeaderName, &str)]) -> Part {
        let version = Version::of(100, UNIX_EPOCH + Duration::from_millis(1_000_500));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = value.replace("TAG", &version.tag);
            map.insert(name.clone(), HeaderValue::from_str(&value).unwrap());
        }
        wanted(&map, &version, 100)
    }

    #[test]
    fn conditions_come_before_ranges() {
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(1_000));
        let before = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(999));
        let range = (RANGE, "bytes=0-1");
        assert_eq!(judged(&[(IF_NONE_MATCH, "\"x\", W/TAG"), range.clone()]), Part::Unchanged);
        assert_eq!(judged(&[(IF_NONE_MATCH, "*")]), Part::Unchanged);
        assert_eq!(judged(&[(IF_NONE_MATCH, "\"x\"")]), Part::Whole);
        assert_eq!(judged(&[(IF_MODIFIED_SINCE, &date)]), Part::Unchanged);
        assert_eq!(judged(&[(IF_MODIFIED_SINCE, &before)]), Part::Whole);
        assert_eq!(judged(&[(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, &date)]), Part::Whole);
        assert_eq!(judged(&[(IF_RANGE, "TAG"), range.clone()]), Part::Bytes(0, 1));
        assert_eq!(judged(&[(IF_RANGE, &date), range.clone()]), Part::Bytes(0, 1));
        assert_eq!(judged(&[(IF_RANGE, "W/TAG"), range.clone()]), Part::Whole);
        assert_eq!(judged(&[(IF_RANGE, &before), range]), Part::Whole);
    }
}
