//! An extension that is made over HTTP: a real phone registers and calls with it, until it is deleted.

use super::support::phone::{Account, Phone, Transport};
use super::support::raw::RawUa;
use super::support::sipp::SippPhone;
use super::support::switch::Setup;
use serde_json::json;

#[test]
fn of_writers_with_the_same_tag_one_wins_on_the_real_switch() {
    let switch = Setup::default().start();
    let path = "/api/v1/extensions/1005";
    let made = switch.http().put_if(path, ("If-None-Match", "*"), &json!({ "name": "Eve" }));
    assert_eq!(made.status, 201, "{}", made.text());
    let again = switch.http().put_if(path, ("If-None-Match", "*"), &json!({ "name": "Eve" }));
    assert_eq!(again.status, 412, "{}", again.text());
    // A password does not show, and counts nevertheless.
    for change in ["name", "password"] {
        let tag = switch.http().get(path).etag.unwrap();
        let write = |n: usize| {
            let body = json!({ "name": "Eve", change: format!("{change}-number-{n}") });
            switch.http().put_if(path, ("If-Match", &tag), &body).status
        };
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..6).map(|n| scope.spawn(move || write(n))).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let won = statuses.iter().filter(|status| **status == 200).count();
        let lost = statuses.iter().filter(|status| **status == 412).count();
        assert_eq!((won, lost), (1, 5), "{change}: {statuses:?}");
    }
    let last = switch.http().get(path).etag.unwrap();
    assert_eq!(switch.http().put_if(path, ("If-Match", &last), &json!({})).status, 200);
}

#[test]
fn an_extension_made_over_http_registers_calls_survives_and_goes() {
    let mut switch = Setup::default().extension("1001", "").start();
    let place = switch.place().clone();
    let made = switch.http().put("/api/v1/extensions/1005", &json!({ "name": "Eve" }));
    assert_eq!(made.status, 201, "{}", made.text());
    let password = made.json()["password"].as_str().unwrap().to_owned();
    let shown = switch.http().get("/api/v1/extensions/1005");
    assert!(!shown.text().contains(&password), "{}", shown.text());

    let account =
        || Account { password: password.clone(), ..Account::of(&switch, "1005", Transport::Udp) };
    let mut caller = SippPhone::register(&place, &account(), 600.0);
    let callee_account = Account::of(&switch, "1001", Transport::Udp);
    let mut callee = SippPhone::register(&place, &callee_account, 1_000.0);
    let eve = account();
    switch.wait_registered("1001");
    caller.dial("1001");
    caller.wait_connected();
    callee.wait_connected();
    switch.hang_up_all();
    caller.wait_ended();
    callee.wait_ended();

    switch.kill();
    switch.restart();
    let again = Account { proxy: switch.sip(), ..eve };
    let mut phone = RawUa::open(&place, &again);
    assert_eq!(phone.register().1.status(), 200, "it is there after a kill");
    assert!(switch.is_registered("1005"));
    assert_eq!(switch.http().delete("/api/v1/extensions/1005").status, 204);
    assert!(!switch.is_registered("1005"));
    let (_, refused) = phone.register();
    assert!(matches!(refused.status(), 401 | 403), "{}", refused.0);
    assert_eq!(switch.http().delete("/api/v1/extensions/1001").status, 409, "the file's own");
}
