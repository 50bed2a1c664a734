use strowger_core::vocab::Secret;
use strowger_core::vocab::provision::{KeyKind, PhoneAccount, PhoneConfig, PhoneKey};

use super::*;

fn sheet(vendor: Vendor) -> PhoneSheet {
    let key = |kind, value: &str, label: &str| PhoneKey {
        kind,
        value: value.into(),
        label: label.into(),
    };
    PhoneSheet {
        phone: PhoneConfig {
            tenant: "demo".into(),
            mac: "805ec0123456".into(),
            vendor,
            extensions: vec!["4567".into()],
            keys: vec![
                key(KeyKind::Line, "", ""),
                key(KeyKind::Blf, "4568", "Bob & <Co>"),
                key(KeyKind::SpeedDial, "057188880000", "Taxi"),
            ],
        },
        accounts: vec![PhoneAccount {
            user: "90310468564567".into(),
            number: "4567".into(),
            name: "Alice\n\"A\"".into(),
            password: Secret::new("p<&>w"),
        }],
        domain: "pbx.example".into(),
        port: 5062,
        voicemail: "*97".into(),
        pickup: "**".into(),
        group_pickup: "*8".into(),
        renewed: true,
    }
}

const URL: &str = "http://pbx.example:8088/provision/5ec7e7/";

#[test]
fn each_maker_gets_what_it_reads() {
    let golden = [
        (Vendor::Yealink, include_str!("golden/yealink.cfg")),
        (Vendor::Grandstream, include_str!("golden/grandstream.xml")),
        (Vendor::Snom, include_str!("golden/snom.xml")),
    ];
    for (vendor, wanted) in golden {
        assert_eq!(written(&sheet(vendor), URL), wanted, "{vendor:?}");
    }
}

#[test]
fn a_files_name_says_which_phone_asks() {
    use file::{Asked, read};
    let mac = || "805ec0123456".to_owned();
    for (name, asked) in [
        ("805ec0123456.cfg", Asked::Phone(Vendor::Yealink, mac())),
        ("805EC0123456.CFG", Asked::Phone(Vendor::Yealink, mac())),
        ("y000000000028.cfg", Asked::Common(Vendor::Yealink)),
        ("cfg805ec0123456.xml", Asked::Phone(Vendor::Grandstream, mac())),
        ("cfg805ec0123456", Asked::Phone(Vendor::Grandstream, mac())),
        ("cfg.xml", Asked::Common(Vendor::Grandstream)),
        ("snomD785-805EC0123456.htm", Asked::Phone(Vendor::Snom, mac())),
        ("snom710-805ec0123456.xml", Asked::Phone(Vendor::Snom, mac())),
        ("snomD785.htm", Asked::Common(Vendor::Snom)),
    ] {
        assert_eq!(read(name), Some(asked), "{name}");
    }
    for name in
        ["", ".cfg", "805ec012345.cfg", "..", "x.txt", "snomD785-xyz.htm", "80:5ec012345.cfg"]
    {
        assert_eq!(read(name), None, "{name}");
    }
}

#[test]
fn a_url_has_the_name_under_which_we_are_known_and_nothing_else() {
    let with = |rows: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in rows {
            headers.insert(*name, value.parse().unwrap());
        }
        url(&headers, "s")
    };
    assert_eq!(with(&[("host", "pbx:8088")]), "http://pbx:8088/provision/s/");
    let forwarded = [("host", "pbx"), ("x-forwarded-proto", "https")];
    assert_eq!(with(&forwarded), "https://pbx/provision/s/");
    assert_eq!(with(&[("host", "a\"><b")]), "http://localhost/provision/s/");
    assert_ne!(fresh().unwrap(), fresh().unwrap());
}
