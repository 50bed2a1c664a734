//! How often a key may ask.

use strowger::api::Limits;

use crate::site::Site;

#[test]
fn a_key_that_asks_too_often_is_told_when_to_come_again() {
    let site = Site::with(Limits { requests_per_second: 1, ..Limits::default() });
    let mut connection = site.connect();
    let mut ask = |token: &str| {
        let key = format!("Bearer {token}");
        connection.request("GET", "/api/v1/webhooks", &[("Authorization", &key)], "");
        connection.answer("GET")
    };
    assert_eq!(ask("admin-t").status, 200);
    assert_eq!(ask("admin-t").status, 200);
    // The clock may have brought one more meanwhile.
    let mut answers = (0..1_000).map(|_| ask("admin-t"));
    let refused = answers.find(|answer| answer.status != 200).expect("it is too often at last");
    assert!(refused.problem(429).contains("requests_per_second"), "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(ask("admin-u").status, 200, "another key is not affected");
    assert_eq!(site.get("/healthz").status, 200);
}
