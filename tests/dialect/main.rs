//! The interfaces of other systems, spoken to the real switch.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod golden;

use golden::Dialect;

/// All of them, in the order of the document.
const DIALECTS: &[Dialect] = &[];

#[test]
fn the_document_is_what_the_transcripts_say() {
    golden::document::check(DIALECTS);
}
