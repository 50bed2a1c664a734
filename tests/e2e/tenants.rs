//! Tenants that an operator makes over HTTP: with real phones, while others talk, over kill -9 and a file that takes their
//! names.

use std::io::Write;
use std::net::TcpStream;

use serde_json::{Value, json};

use super::pairs::assert_hears;
use super::support::SOON;
use super::support::http::{Http, operator_key};
use super::support::phone::{Account, Phone, Transport};
use super::support::raw::RawUa;
use super::support::sipp::SippPhone;
use super::support::switch::{DOMAIN, Setup, Switch};
use super::support::wait::wait_until;

const SID: &str = "operator-1";
const SECRET: &str = "operator:secret";
const ACME: &str = "/api/v1/tenants/acme";

fn setup() -> Setup {
    Setup::default()
        .extension("1001", "")
        .extension("1002", "")
        .with("[webhooks]\nallow_private = true\n")
        .with(&format!("[[operator]]\nsid = \"{SID}\"\nauth_token = \"{SECRET}\"\n"))
}

fn operator(switch: &Switch) -> Http {
    switch.http().with_operator(SID, SECRET)
}

/// Makes the tenant with two extensions; the client of its administrator, and the passwords.
fn found(switch: &Switch) -> (String, [String; 2]) {
    let made = operator(switch).put(ACME, &json!({ "prefix": "77", "timezone": "Asia/Shanghai" }));
    assert_eq!(made.status, 201, "{}", made.text());
    let key = operator(switch).post(&format!("{ACME}/keys"), &json!({ "name": "first" }));
    assert_eq!(key.status, 201, "{}", key.text());
    let token = key.json()["token"].as_str().unwrap().to_owned();
    let admin = switch.http().with_token(&token);
    let passwords = ["1001", "1002"].map(|number| {
        let body = json!({ "record": if number == "1002" { "always" } else { "never" } });
        let made = admin.put(&format!("/api/v1/extensions/{number}"), &body);
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["password"].as_str().unwrap().to_owned()
    });
    (token, passwords)
}

/// The account of an extension of the made tenant.
fn account(switch: &Switch, number: &str, password: &str) -> Account {
    Account {
        user: format!("77{number}"),
        password: password.to_owned(),
        domain: DOMAIN.to_owned(),
        proxy: switch.sip(),
        transport: Transport::Udp,
    }
}

/// The first calls the second by its number, and both hear each other.
fn call(switch: &Switch, accounts: &[Account; 2]) -> [SippPhone; 2] {
    let mut callee = SippPhone::register(switch.place(), &accounts[1], 1_000.0);
    let mut caller = SippPhone::register(switch.place(), &accounts[0], 600.0);
    caller.dial("1002");
    caller.wait_connected();
    callee.wait_connected();
    assert_hears(&callee, 600.0, "the callee");
    assert_hears(&caller, 1_000.0, "the caller");
    [caller, callee]
}

fn hang_up(http: &Http, mut phones: [SippPhone; 2]) {
    for call in http.rows("/api/v1/calls") {
        let id = call["call"].as_str().expect("a call");
        assert_eq!(http.delete(&format!("/api/v1/calls/{id}")).status, 202);
    }
    phones.iter_mut().for_each(Phone::wait_ended);
}

#[test]
fn a_tenant_made_while_others_talk_has_phones_that_call_and_survives_a_kill() {
    let mut switch = setup().start();
    let own = |number| Account::of(&switch, number, Transport::Udp);
    let talking = call(&switch, &[own("1001"), own("1002")]);
    let before = switch.calls();
    let (token, passwords) = found(&switch);
    let accounts = |switch: &Switch| {
        [("1001", 0), ("1002", 1)].map(|(number, n)| account(switch, number, &passwords[n]))
    };
    let theirs = call(&switch, &accounts(&switch));
    let admin = switch.http().with_token(&token);
    // Each tenant sees its own call, and that of before goes on.
    let (own, other) = (switch.calls(), admin.rows("/api/v1/calls"));
    assert_eq!((own.len(), other.len()), (1, 1));
    assert_eq!(own[0]["call"], before[0]["call"]);
    assert_ne!(own[0]["call"], other[0]["call"]);
    assert_hears(&talking[0], 1_000.0, "who talked before");
    hang_up(&admin, theirs);
    hang_up(switch.http(), talking);
    switch.wait_idle();
    let shown = operator(&switch).get(ACME).json();
    assert_eq!((&shown["origin"], &shown["timezone"]), (&json!("http"), &json!("Asia/Shanghai")));

    // Another tenant's key neither sees tenants nor makes them.
    for key in [&admin, switch.http()] {
        assert_eq!(key.get(ACME).status, 403);
        assert_eq!(key.put(ACME, &json!({ "prefix": "78" })).status, 403);
    }
    for (path, prefix, status) in [(ACME, "x", 422), ("/api/v1/tenants/demo", "79", 409)] {
        let refused = operator(&switch).put(path, &json!({ "prefix": prefix }));
        assert_eq!(refused.status, status, "{}", refused.text());
    }
    let taken = operator(&switch).put("/api/v1/tenants/other", &json!({ "prefix": "77" }));
    assert_eq!(taken.status, 409, "{}", taken.text());

    switch.kill();
    switch.restart();
    assert_eq!(operator(&switch).get(ACME).json(), shown);
    let admin = switch.http().with_token(&token);
    let theirs = call(&switch, &accounts(&switch));
    hang_up(&admin, theirs);
    // With another prefix its phones have other names.
    let changed = operator(&switch).put(ACME, &json!({ "prefix": "78" }));
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(admin.get("/api/v1/extensions/1001").json()["user"], "781001");
    assert_eq!(operator(&switch).get(ACME).json()["made_at"], shown["made_at"]);
}

fn tenants(switch: &Switch) -> Vec<(String, String, bool)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = operator(switch).rows("/api/v1/tenants");
    let one = |row: &Value| (text(row, "id"), text(row, "origin"), row["waits"].is_null());
    rows.iter().map(one).collect()
}

#[test]
fn the_file_wins_and_what_it_lets_go_of_is_there_again() {
    let mut switch = setup().start();
    let (token, _) = found(&switch);
    let row = |id: &str, origin: &str, holds| (id.to_owned(), origin.to_owned(), holds);
    let demo = row("demo", "file", true);
    let reload = |switch: &Switch| {
        let done = switch.http().post("/api/v1/reload", &Value::Null);
        assert_eq!(done.status, 204, "{}", done.text());
    };
    let user = |switch: &Switch| {
        let shown = switch.http().with_token(&token).get("/api/v1/extensions/1001");
        shown.json()["user"].as_str().map(str::to_owned)
    };
    // The file takes its prefix: it waits, also over a restart.
    switch.rewrite(setup().with("[[tenant]]\nid = \"zebra\"\nprefix = \"77\"\n"));
    reload(&switch);
    let taken = [row("acme", "http", false), demo.clone(), row("zebra", "file", true)];
    assert_eq!(tenants(&switch), taken);
    assert_eq!(user(&switch), None);
    switch.restart();
    assert_eq!(tenants(&switch), taken);
    // Its name: then the file says what it is, and what was defined in it counts.
    switch.rewrite(setup().with("[[tenant]]\nid = \"acme\"\nprefix = \"79\"\n"));
    reload(&switch);
    assert_eq!(tenants(&switch), [row("acme", "file", true), demo.clone()]);
    assert_eq!(user(&switch).as_deref(), Some("791001"));
    assert_eq!(operator(&switch).put(ACME, &json!({ "prefix": "1" })).status, 409);
    // And it is there again.
    switch.rewrite(setup());
    reload(&switch);
    assert_eq!(tenants(&switch), [row("acme", "http", true), demo]);
    assert_eq!(user(&switch).as_deref(), Some("771001"));
}

/// Asks for its removal and does not wait for the answer.
fn ask_to_remove(switch: &Switch) -> TcpStream {
    let address = switch.http().address();
    let mut stream = TcpStream::connect(address).expect("it listens");
    let key = operator_key(SID, SECRET);
    let request =
        format!("DELETE {ACME} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {key}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    stream
}

#[test]
fn a_tenant_goes_whole_also_in_a_kill_and_one_of_its_name_begins_without_anything() {
    let mut switch = setup().start();
    let (token, passwords) = found(&switch);
    let admin = |switch: &Switch| switch.http().with_token(&token);
    let accounts = |switch: &Switch| {
        [("1001", 0), ("1002", 1)].map(|(number, n)| account(switch, number, &passwords[n]))
    };
    let hook = json!({ "url": "http://127.0.0.1:9/", "events": ["call_ended"] });
    let hooked = admin(&switch).post("/api/v1/webhooks", &hook);
    assert_eq!(hooked.status, 201, "{}", hooked.text());
    let phones = call(&switch, &accounts(&switch));
    let refused = operator(&switch).delete(ACME);
    assert_eq!(refused.status, 409, "it has a call: {}", refused.text());
    assert_hears(&phones[0], 1_000.0, "the call goes on");
    hang_up(&admin(&switch), phones);
    wait_until("the call is written down", SOON, || {
        admin(&switch).rows("/api/v1/records").len() == 1
            && admin(&switch).rows("/api/v1/recordings").len() == 1
    });
    let folder = switch.place().dir().join("recordings/acme");
    assert!(folder.is_dir());

    // Whatever a kill meets, the tenant is there whole or not at all.
    let asked = ask_to_remove(&switch);
    switch.kill();
    drop(asked);
    switch.restart();
    match operator(&switch).get(ACME).status {
        200 => {
            assert_eq!(admin(&switch).rows("/api/v1/extensions").len(), 2);
            assert_eq!(admin(&switch).rows("/api/v1/records").len(), 1);
            assert_eq!(admin(&switch).rows("/api/v1/registrations").len(), 2);
            assert_eq!(operator(&switch).delete(ACME).status, 204);
            assert!(!folder.exists(), "its recordings are gone");
        }
        404 => {}
        other => panic!("{other}"),
    }
    let gone = |switch: &Switch| {
        assert_eq!(operator(switch).get(ACME).status, 404);
        assert_eq!(operator(switch).delete(ACME).status, 404);
        assert_eq!(admin(switch).get("/api/v1/calls").status, 401);
        let mut phone = RawUa::open(switch.place(), &accounts(switch)[0]);
        let (_, refused) = phone.register();
        assert!(matches!(refused.status(), 401 | 403), "{}", refused.0);
    };
    gone(&switch);
    switch.kill();
    switch.restart();
    gone(&switch);

    // One of the same name has other keys, other passwords, and nothing of the first.
    let made = operator(&switch).put(ACME, &json!({ "prefix": "77" }));
    assert_eq!(made.status, 201, "{}", made.text());
    let key = operator(&switch).post(&format!("{ACME}/keys"), &json!({ "name": "first" }));
    let second = switch.http().with_token(key.json()["token"].as_str().unwrap());
    assert_eq!(admin(&switch).get("/api/v1/calls").status, 401, "the first one's key");
    for list in ["extensions", "records", "recordings", "registrations", "webhooks", "queues"] {
        assert!(second.rows(&format!("/api/v1/{list}")).is_empty(), "{list}");
    }
    assert_eq!(second.rows("/api/v1/keys").len(), 1);
    let (_, refused) = RawUa::open(switch.place(), &accounts(&switch)[0]).register();
    assert!(matches!(refused.status(), 401 | 403), "{}", refused.0);
    assert_eq!(operator(&switch).delete(ACME).status, 204);
    let demo = operator(&switch).delete("/api/v1/tenants/demo");
    assert_eq!(demo.status, 409, "{}", demo.text());
    assert!(switch.http().get("/api/v1/extensions/1001").status == 200, "others have theirs");
}
