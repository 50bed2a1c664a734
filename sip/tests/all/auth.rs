//! Digest authentication: the RFCs' own examples, and what the server refuses.

use strowger_sip::auth::{Algorithm, Credentials, Ha1, Secret, Verdict, Verifier, answer};
use strowger_sip::message::AuthParams;

const SECOND: u64 = 1_000_000_000;

fn credentials(username: &str, password: &str) -> Credentials {
    Credentials { username: username.into(), password: Secret::from(password), realm: None }
}

fn param(value: &str, name: &str) -> String {
    AuthParams::parse(value).unwrap().get(name).unwrap().into_owned()
}

/// RFC 7616 section 3.9.1: Mufasa asks for an index page.
#[test]
fn the_example_of_rfc_7616() {
    let realm = "http-auth@example.org";
    let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let challenge = format!(
            "Digest realm=\"{realm}\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"{nonce}\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        let challenge = AuthParams::parse(&challenge).unwrap();
        let who = credentials("Mufasa", "Circle of Life");
        let got = answer([challenge], "GET", "/dir/index.html", b"", &who, cnonce).unwrap();
        assert_eq!(param(&got.value, "response"), response);
        assert_eq!(param(&got.value, "qop"), "auth");
        assert_eq!(param(&got.value, "opaque"), "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS");
        assert!(!got.stale);
    }
}

/// RFC 2617 section 3.5, and the same without qop as RFC 2069 had it.
#[test]
fn the_example_of_rfc_2617() {
    let challenge = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
                     nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
    let who = credentials("Mufasa", "Circle Of Life");
    let challenge = AuthParams::parse(challenge).unwrap();
    let got = answer([challenge], "GET", "/dir/index.html", b"", &who, "0a4f113b").unwrap();
    assert_eq!(param(&got.value, "response"), "6629fae49393a05397450978507c4ef1");
    let old = "Digest realm=\"testrealm@host.com\", \
               nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
    let old = AuthParams::parse(old).unwrap();
    let got = answer([old], "GET", "/dir/index.html", b"", &who, "0a4f113b").unwrap();
    assert_eq!(param(&got.value, "response"), "670fd8c2df070c60b045671b8b24ff02");
    assert!(AuthParams::parse(&got.value).unwrap().get("nc").is_none());
}

#[test]
fn the_first_challenge_that_we_know_is_answered() {
    let texts = [
        "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256, qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"n\", algorithm=MD5, qop=\"auth\"",
    ];
    let challenges = texts.iter().map(|text| AuthParams::parse(text).unwrap());
    let who = credentials("u", "p");
    let got = answer(challenges.clone(), "INVITE", "sip:x", b"", &who, "c").unwrap();
    assert_eq!(param(&got.value, "algorithm"), "SHA-256");
    let other = Credentials { realm: Some("elsewhere".into()), ..who.clone() };
    assert_eq!(answer(challenges, "INVITE", "sip:x", b"", &other, "c"), None);
    let stale = AuthParams::parse("Digest realm=\"r\", nonce=\"n\", stale=TRUE").unwrap();
    assert!(answer([stale], "INVITE", "sip:x", b"", &who, "c").unwrap().stale);
    assert!(!format!("{who:?}").contains("\"p\""), "a password is never printed");
}

fn verify(
    verifier: &mut Verifier,
    now: u64,
    value: &str,
    body: &[u8],
    algorithm: Algorithm,
) -> Verdict {
    let header = AuthParams::parse(value).unwrap();
    verifier.verify(now, "REGISTER", body, &header, "pbx", |user| {
        (user == "100").then(|| Ha1::from_password(user, "pbx", "secret", algorithm))
    })
}

fn respond(challenge: &str, user: &str, password: &str, body: &[u8]) -> String {
    let params = AuthParams::parse(challenge).unwrap();
    let who = credentials(user, password);
    answer([params], "REGISTER", "sip:pbx", body, &who, "cn").unwrap().value
}

fn ok() -> Verdict {
    Verdict::Ok { user: "100".into() }
}

#[test]
fn right_answers_are_accepted_with_every_algorithm_and_qop() {
    let mut verifier = Verifier::new([7; 32], 60 * SECOND, 100);
    for name in ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess"] {
        let algorithm = Algorithm::parse(name).unwrap();
        assert_eq!(algorithm.as_str(), name);
        let challenge = verifier.challenge(SECOND, "pbx", algorithm, false);
        for (from, to) in [("qop=\"auth\"", "qop=\"auth\""), ("qop=\"auth\"", "qop=\"auth-int\"")] {
            let challenge = verifier.challenge(SECOND, "pbx", algorithm, false).replace(from, to);
            let value = respond(&challenge, "100", "secret", b"body");
            assert_eq!(verify(&mut verifier, SECOND, &value, b"body", algorithm), ok());
        }
        // auth-int covers the body.
        let challenge = challenge.replace("qop=\"auth\"", "qop=\"auth-int\"");
        let value = respond(&challenge, "100", "secret", b"body");
        assert_eq!(verify(&mut verifier, SECOND, &value, b"other", algorithm), Verdict::Wrong);
    }
}

#[test]
fn a_nonce_count_is_good_once() {
    let mut verifier = Verifier::new([7; 32], 60 * SECOND, 100);
    let challenge = verifier.challenge(SECOND, "pbx", Algorithm::Md5, false);
    let value = respond(&challenge, "100", "secret", b"");
    assert_eq!(verify(&mut verifier, SECOND, &value, b"", Algorithm::Md5), ok());
    assert_eq!(verify(&mut verifier, SECOND, &value, b"", Algorithm::Md5), Verdict::Replay);
    // Without qop there is no count: the nonce itself is good once.
    let fresh = verifier.challenge(SECOND, "pbx", Algorithm::Md5, false);
    let old = respond(&fresh.replace(", qop=\"auth\"", ""), "100", "secret", b"");
    assert_eq!(verify(&mut verifier, SECOND, &old, b"", Algorithm::Md5), ok());
    assert_eq!(verify(&mut verifier, SECOND, &old, b"", Algorithm::Md5), Verdict::Stale);
}

/// The same user counts up on one nonce; what overtakes on UDP is let through once.
#[test]
fn counts_may_overtake_each_other_but_not_repeat() {
    let mut verifier = Verifier::new([7; 32], 60 * SECOND, 100);
    let challenge = verifier.challenge(SECOND, "pbx", Algorithm::Md5, false);
    let nonce = param(&challenge, "nonce");
    let with_count = |count: u32| {
        use md5::{Digest, Md5};
        let hex = |text: String| {
            Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let a1 = hex("100:pbx:secret".into());
        let a2 = hex("REGISTER:sip:pbx".into());
        let response = hex(format!("{a1}:{nonce}:{count:08x}:cn:auth:{a2}"));
        format!(
            "Digest username=\"100\", realm=\"pbx\", nonce=\"{nonce}\", uri=\"sip:pbx\", \
             response=\"{response}\", cnonce=\"cn\", nc={count:08x}, qop=auth"
        )
    };
    for (count, wanted) in [
        (1, ok()),
        (3, ok()),
        (2, ok()),
        (2, Verdict::Replay),
        (3, Verdict::Replay),
        (1, Verdict::Replay),
        (100, ok()),
        (37, ok()),
        (37, Verdict::Replay),
        (35, Verdict::Replay),
        (99, ok()),
        (164, ok()),
        (100, Verdict::Replay),
        (101, ok()),
    ] {
        let got = verify(&mut verifier, SECOND, &with_count(count), b"", Algorithm::Md5);
        assert_eq!(got, wanted, "count {count}");
    }
}

#[test]
fn old_foreign_and_forgotten_nonces_are_stale() {
    let mut verifier = Verifier::new([7; 32], 60 * SECOND, 2);
    let challenge = verifier.challenge(SECOND, "pbx", Algorithm::Md5, false);
    let value = respond(&challenge, "100", "secret", b"");
    assert_eq!(verify(&mut verifier, 62 * SECOND, &value, b"", Algorithm::Md5), Verdict::Stale);
    let mut other = Verifier::new([8; 32], 60 * SECOND, 2);
    assert_eq!(verify(&mut other, SECOND, &value, b"", Algorithm::Md5), Verdict::Stale);
    // Three nonces are used where two are remembered: the first is not open to replay.
    assert_eq!(verify(&mut verifier, SECOND, &value, b"", Algorithm::Md5), ok());
    for _ in 0..2 {
        let challenge = verifier.challenge(2 * SECOND, "pbx", Algorithm::Md5, false);
        let next = respond(&challenge, "100", "secret", b"");
        assert_eq!(verify(&mut verifier, 2 * SECOND, &next, b"", Algorithm::Md5), ok());
    }
    assert_eq!(verify(&mut verifier, 2 * SECOND, &value, b"", Algorithm::Md5), Verdict::Stale);
    let stale = verifier.challenge(SECOND, "pbx", Algorithm::Md5, true);
    assert_eq!(param(&stale, "stale"), "true");
}

#[test]
fn wrong_answers_are_told_apart() {
    let mut verifier = Verifier::new([7; 32], 60 * SECOND, 100);
    let challenge = verifier.challenge(SECOND, "pbx", Algorithm::Md5, false);
    let md5 = Algorithm::Md5;
    let good = respond(&challenge, "100", "secret", b"");
    let wrong = respond(&challenge, "100", "guess", b"");
    assert_eq!(verify(&mut verifier, SECOND, &wrong, b"", md5), Verdict::Wrong);
    let nobody = respond(&challenge, "200", "secret", b"");
    assert_eq!(verify(&mut verifier, SECOND, &nobody, b"", md5), Verdict::UnknownUser);
    let elsewhere = good.replace("realm=\"pbx\"", "realm=\"home\"");
    assert_eq!(verify(&mut verifier, SECOND, &elsewhere, b"", md5), Verdict::Missing);
    for name in ["username", "realm", "nonce", "uri", "response", "cnonce"] {
        let without = good.replace(&format!("{name}=\""), &format!("x{name}=\""));
        assert_eq!(verify(&mut verifier, SECOND, &without, b"", md5), Verdict::Malformed, "{name}");
    }
    for (from, to) in [("nc=00000001", "nc=1"), ("qop=auth", "qop=auth-conf"), ("MD5", "SHA-1")] {
        let bad = good.replace(from, to);
        assert_eq!(verify(&mut verifier, SECOND, &bad, b"", md5), Verdict::Malformed, "{to}");
    }
    // A user who is challenged with SHA-256 cannot be let in by MD5.
    assert_eq!(verify(&mut verifier, SECOND, &good, b"", Algorithm::Sha256), Verdict::Wrong);
    // Failures do not use the count up.
    assert_eq!(verify(&mut verifier, SECOND, &good, b"", md5), ok());
}

#[test]
fn two_challenges_of_one_instant_differ() {
    let mut verifier = Verifier::new([7; 32], 60 * SECOND, 100);
    let first = verifier.challenge(SECOND, "pbx", Algorithm::Md5, false);
    let second = verifier.challenge(SECOND, "pbx", Algorithm::Md5, false);
    assert_ne!(param(&first, "nonce"), param(&second, "nonce"));
    let odd = verifier.challenge(SECOND, "a \"b\" \\c", Algorithm::Md5, false);
    assert_eq!(param(&odd, "realm"), "a \"b\" \\c");
}

#[test]
fn a_nonce_is_good_for_the_address_that_it_was_given_to() {
    let mut verifier = Verifier::new([7; 32], 60 * SECOND, 100);
    let source = |text: &str| text.parse().unwrap();
    let here = source("192.0.2.7");
    let md5 = Algorithm::Md5;
    let challenge = verifier.challenge_for(SECOND, here, "pbx", md5, false);
    for password in ["guess", "secret"] {
        let value = respond(&challenge, "100", password, b"");
        let header = AuthParams::parse(&value).unwrap();
        let mut check = |from| {
            verifier.verify_from(SECOND, from, ("REGISTER", b""), &header, "pbx", |user| {
                Some(Ha1::from_password(user, "pbx", "secret", md5))
            })
        };
        for elsewhere in ["192.0.2.8", "2001:db8::7", "0.0.0.0"] {
            assert_eq!(check(source(elsewhere)), Verdict::Stale);
        }
        // The same address, as a dual-stack socket shows it, is the same.
        let wanted = if password == "secret" { ok() } else { Verdict::Wrong };
        assert_eq!(check(source("::ffff:192.0.2.7")), wanted);
    }
}
