//! The description holds every route and nothing else, and so does the reference.

use std::collections::BTreeSet;
use std::sync::Arc;

use strowger::api::{App, Limits};

use crate::fake::Fake;
use crate::site::Site;

/// Where the interfaces of other systems are, which have descriptions of their own.
const DIALECTS: [&str; 6] = [
    "/ccapi/",
    "/agentgateway/",
    "/v1/telephony",
    "/api/v1/admin/accounts/",
    "/api/ver1.0/",
    "/oauth/",
];

/// `GET /path` of everything that is described.
fn described(site: &Site) -> BTreeSet<String> {
    let document = site.get("/api/v1/openapi.json").json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    operations.collect()
}

/// The paths that the router really knows, as it shows them to people who debug.
fn routed() -> BTreeSet<String> {
    let fake = Arc::new(Fake::new(std::path::Path::new("/nowhere")));
    let (_, router) = App::open(fake, Limits::default());
    let shown = format!("{router:?}");
    let quoted = shown.split('"').skip(1).step_by(2);
    // `/` is the page for people; the fallback knows a wildcard of axum's own.
    let served =
        quoted.filter(|text| text.starts_with('/') && *text != "/" && !text.contains("__private"));
    let own = served.filter(|path| !DIALECTS.iter().any(|dialect| path.starts_with(dialect)));
    own.map(str::to_owned).collect()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let site = Site::new();
    let described = described(&site);
    let paths: BTreeSet<String> =
        described.iter().map(|operation| operation.split_once(' ').unwrap().1.to_owned()).collect();
    assert!(paths.contains("/healthz") && paths.contains("/api/v1/recordings/{call}/audio"));
    assert_eq!(paths, routed());
    for path in &paths {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let real = path.replace("{call}", &format!("{:032x}", 1));
            let real = real.replace("{number}", "9001").replace("{queue}", "9001");
            let real = real.replace("{id}", "101");
            // Without a key: an operation that exists says 401 or 200, and nothing is done.
            let status = site.send(method, &real, &[], "").status;
            let exists = described.contains(&format!("{method} {path}"));
            assert_eq!(status != 405, exists, "{method} {path} says {status}");
            assert_ne!(status, 404, "{method} {path}");
        }
    }
}

#[test]
fn the_reference_lists_what_is_described() {
    let text = include_str!("../../docs/http.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let listed: BTreeSet<String> =
        rows.map(|(operation, _)| operation.to_owned()).filter(|row| row.contains(" /")).collect();
    assert_eq!(listed, described(&Site::new()));
}

#[test]
fn every_operation_says_how_it_fails_and_which_key_it_needs() {
    let site = Site::new();
    let document = site.get("/api/v1/openapi.json").json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let open = ["/healthz", "/readyz", "/provision/{secret}/{file}"].contains(&&**path);
            let security = operation.get("security");
            if path.starts_with("/api/v1/tenants") {
                assert_eq!(security.unwrap(), &serde_json::json!([{ "operator": [] }]), "{path}");
            } else {
                assert_eq!(security.is_some(), open, "{method} {path}");
            }
            let responses = operation["responses"].as_object().unwrap();
            assert_eq!(responses.contains_key("401"), !open, "{method} {path}");
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
        }
    }
    let operations = document["paths"].as_object().unwrap().values();
    let operations = operations.flat_map(|item| item.as_object().unwrap().values());
    let names: Vec<&str> =
        operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    let distinct: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(distinct.len(), names.len(), "{names:?}");
    let scheme = &document["components"]["securitySchemes"]["bearer"];
    assert_eq!(scheme["scheme"], "bearer");
    let scheme = &document["components"]["securitySchemes"]["operator"];
    assert_eq!(scheme["scheme"], "basic");
}
