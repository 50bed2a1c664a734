//! The page at `/` in a real browser, on a screen as wide as a phone's.

use serde_json::json;

use super::support::browser::Browser;
use super::support::phone::{Account, Transport};
use super::support::raw::RawUa;
use super::support::switch::{Setup, TOKEN};

const DESK: &str = "[[queue]]\ntenant = \"demo\"\nnumber = \"9001\"\nname = \"Support\"\n\
     [[agent]]\ntenant = \"demo\"\nid = \"101\"\nextension = \"1001\"\nqueues = [{ queue = \"9001\" }]\n\
     [[trunk]]\ntenant = \"demo\"\nname = \"carrier\"\nhost = \"127.0.0.2:9\"\n\
     [[tenant.api_key]]\nname = \"phone\"\ntoken = \"page-user-55d1a0c2\"\nrole = \"user\"\nextension = \"1001\"\n";

/// The text of a table's cell in the page.
fn text(table: &str, row: usize, cell: usize) -> String {
    format!("document.querySelector('#{table}').tBodies[0].rows[{row}].cells[{cell}].textContent")
}

#[test]
fn the_page_shows_what_is_and_follows_what_happens() {
    let switch = Setup::default().extension("1001", "").with(DESK).start();
    let account = Account::of(&switch, "1001", Transport::Udp);
    let mut phone = RawUa::open(switch.place(), &account);
    phone.register();
    let browser = Browser::open(390, 844);
    let url = switch.http().url("/");
    browser.go(&url);
    let focus =
        browser.run("document.querySelector('#key').focus(); return document.activeElement.id");
    assert_eq!(focus, "key");
    browser.enter("#key", "no-such-key");
    browser.wait(
        "a wrong key is said to be wrong",
        "document.querySelector('#wrong').textContent.includes('unknown')",
    );
    assert_eq!(browser.run("return sessionStorage.length"), 0, "a wrong key is not kept");
    // A request that is refused is a complaint of its own.
    browser.complaints();

    browser.enter("#key", TOKEN);
    browser.wait("it is live", "document.querySelector('#state').textContent === 'Live'");
    browser.wait("the queue is shown", &format!("{} === 'Support (9001)'", text("queues", 0, 0)));
    browser.wait("the agent is shown", &format!("{} === 'logged out'", text("agents", 0, 1)));
    browser.wait("the trunk is shown", &format!("{} === 'carrier'", text("trunks", 0, 0)));
    browser.wait("no call is shown", &format!("{} === 'None'", text("calls", 0, 0)));

    let intent = switch
        .http()
        .put("/api/v1/agents/101/intent", &json!({"status": "on_break", "reason": "lunch"}));
    assert_eq!(intent.status, 204, "{}", intent.text());
    browser.wait(
        "the agent's break is seen",
        &format!("{} === 'on break: lunch'", text("agents", 0, 1)),
    );
    let order = json!({"from": "1001", "to": "*43"});
    let begun = switch.http().post("/api/v1/calls", &order);
    assert_eq!(begun.status, 201, "{}", begun.text());
    browser.wait("the call is seen", &format!("{}.includes('1001')", text("calls", 0, 0)));
    switch.hang_up_all();
    browser.wait("its end is seen", &format!("{} === 'None'", text("calls", 0, 0)));

    let wide = browser.run("return document.documentElement.scrollWidth > window.innerWidth");
    assert_eq!(wide, false, "nothing is wider than the screen");
    let cut = browser.run("return [...document.querySelectorAll('.scroll')].some((one) => one.scrollWidth > one.clientWidth)");
    assert_eq!(cut, false, "no table has to be pushed aside to be read");
    assert_eq!(browser.complaints(), Vec::<String>::new());

    // The key outlives a reload of the page, and is forgotten when it is told so.
    browser.go(&url);
    browser.wait("it is live again", "document.querySelector('#state').textContent === 'Live'");
    browser.run("document.querySelector('#leave').click()");
    assert_eq!(browser.run("return sessionStorage.length"), 0);
    browser.enter("#key", "page-user-55d1a0c2");
    browser.wait(
        "what a user may not see is not shown",
        "document.querySelector('#h-queues').parentElement.hidden",
    );
    browser.wait("its calls are", &format!("{} === 'None'", text("calls", 0, 0)));
}
