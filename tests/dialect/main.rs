//! The interfaces of other systems, spoken to the real switch.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod cc_gateway;
mod cc_gateway_phones;
mod cti;
mod cti_application;
mod cti_bounds;
mod cti_calls;
mod cti_events;
mod cti_failures;
mod cti_pace;
mod cti_phones;
mod cti_regions;
mod cti_socket;
mod cti_tasks;
mod cti_voices;
mod desk;
mod golden;
mod ringcx;
mod ringcx_phones;
mod ringme;
mod ringme_events;
mod ringme_phones;
mod ringme_places;
mod ringme_refusals;
mod webex;
mod webex_phones;

use golden::Dialect;

/// All of them, in the order of the document.
const DIALECTS: &[Dialect] = &[CTI, cc_gateway::DIALECT, webex::DIALECT, ringcx::DIALECT, RINGME];

const CTI: Dialect =
    Dialect { folder: "cti", title: "CTI cloud", paths: "/ccapi/v2/...", scene: cti::scene };

#[test]
fn cti_transcripts() {
    CTI.play();
}

const RINGME: Dialect =
    Dialect { folder: "ringme", title: "RingMe", paths: "/api/ver1.0/...", scene: ringme::scene };

#[test]
fn ringme_transcripts() {
    RINGME.play();
}

#[test]
fn the_document_is_what_the_transcripts_say() {
    golden::document::check(DIALECTS);
}
