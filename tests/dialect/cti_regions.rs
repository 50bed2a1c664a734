//! CTI cloud: the province and city of a customer, from a table that is read again with the configuration.

use std::sync::Arc;

use serde_json::{Value, json};

use super::cti::*;
use super::support::SOON;
use super::support::place::Place;
use super::support::switch::Switch;
use super::support::wait::wait_until;

fn logs(switch: &Switch) -> Vec<Value> {
    let answer = post(switch, "GET", &format!("calls/logs?{}", auth(APP)), &json!({}));
    answer["Result"]["CallLogs"].as_array().cloned().unwrap_or_default()
}

fn told(switch: &Switch) -> [String; 2] {
    let rows = logs(switch);
    ["UNProvince", "UNCity"].map(|name| rows[0][name].as_str().expect("a text").to_owned())
}

#[test]
fn a_customers_number_has_the_region_of_its_longest_prefix_until_the_table_changes() {
    let place = Arc::new(Place::take());
    let (port, table) = (place.port(), place.dir().join("regions.csv"));
    let write = |rows: &str| std::fs::write(&table, rows).expect("the table is written");
    write("0571,Zhejiang,Hangzhou\n0571876,Zhejiang,Xihu\n010,Beijing,Beijing\n");
    let file = format!("[regions]\nfile = \"{}\"\n", table.display());
    let setup = setup(port).tenant("country_code = \"86\"").with(&file);
    let mut switch = Switch::start_in(place, setup);
    let mut customer = Customer::of(&switch, port);
    customer.calls(SECOND_RELAY);
    customer.hangs_up();
    wait_until("the call is written down", SOON, || logs(&switch).len() == 1);
    assert_eq!(logs(&switch)[0]["DestNumber"], CUSTOMER);
    assert_eq!(told(&switch), ["Zhejiang", "Xihu"]);
    let reload = |switch: &Switch| switch.http().post("/api/v1/reload", &json!({}));
    // A table that is wrong changes nothing.
    write("0571,Zhejiang,Ningbo\n0572,Zhejiang\n");
    let refused = reload(&switch);
    assert_eq!(refused.status, 422, "{}", refused.text());
    // There are several tenants: what is wrong is for the log.
    switch.process().wait_log("regions.csv:2: three fields", SOON);
    assert_eq!(told(&switch), ["Zhejiang", "Xihu"]);
    write("+86571,Zhejiang,Ningbo\n");
    let done = reload(&switch);
    assert!(done.status < 300, "{}", done.text());
    assert_eq!(told(&switch), ["Zhejiang", "Ningbo"]);
    write("010,Beijing,Beijing\n");
    assert!(reload(&switch).status < 300);
    assert_eq!(told(&switch), ["", ""]);
    switch.wait_idle();
}
