//! A runner that lets faults through is worth nothing: each kind of fault is planted once, and found.

use super::transcript::{Step, Transcript};
use super::wire::Answer;
use super::{Scene, Variables, check, shape};
use crate::support::switch::Setup;

const SAMPLE: &str = r#"# operation: shows a thing
# section: Things
# needs: things

> POST /things/{thing}?at=1
> Key: {key}
>
> {"deep": {"list": [1, {"a": null}]}, "name": "{key}"}
< 201
< location: /things/<int:made>
<
< {"id": "<hex32:call>", "at": "<ms>", "name": "a", "list": [1, true, null], "url": "/calls/<hex32>/of/{thing}"}
! wait
"#;

const RIGHT: &str = r#"{"list": [1, true, null], "name": "a", "at": 1763700000000,
    "id": "000102030405060708090a0b0c0d0e0f", "url": "/calls/000102030405060708090a0b0c0d0e0f/of/7"}"#;

fn answer(body: &str) -> Answer {
    Answer {
        status: 201,
        headers: vec![("location".into(), "/things/12".into())],
        body: body.into(),
    }
}

fn variables() -> Variables {
    let pairs = [("thing", "7"), ("key", "secret")];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Checks an answer against the sample; what was captured, or what is wrong.
fn judged(answer: &Answer) -> Result<Variables, String> {
    let transcript = Transcript::parse(SAMPLE).unwrap();
    let Step::Exchange(exchange) = &transcript.steps[0] else { panic!("an exchange") };
    let mut variables = variables();
    check(exchange, answer, &mut variables).map(|()| variables)
}

#[test]
fn what_is_right_passes_and_is_captured() {
    let variables = judged(&answer(RIGHT)).unwrap();
    assert_eq!(variables["made"], "12");
    assert_eq!(variables["call"], "000102030405060708090a0b0c0d0e0f");
}

#[test]
fn every_planted_fault_is_found() {
    let planted = [
        ("a wrong value", RIGHT.replace("\"a\"", "\"b\""), "name"),
        ("a missing member", RIGHT.replace("\"name\": \"a\", ", ""), "lacks name"),
        (
            "an extra member",
            RIGHT.replace("\"name\":", "\"more\": 1, \"name\":"),
            "has more besides",
        ),
        ("a wrong type", RIGHT.replace("1763700000000", "\"1763700000000\""), ".at"),
        ("a wrong type of a literal", RIGHT.replace("[1, true", "[\"1\", true"), ".list[0]"),
        ("seconds in place of milliseconds", RIGHT.replace("1763700000000", "1763700000"), ".at"),
        ("an item too many", RIGHT.replace("null]", "null, 4]"), "4 items"),
        ("an item too few", RIGHT.replace(", null]", "]"), "2 items"),
        ("another order of a list", RIGHT.replace("[1, true", "[true, 1"), ".list[0]"),
        ("an id of another shape", RIGHT.replace("\"id\": \"0001", "\"id\": \"001"), ".id"),
        ("another variable", RIGHT.replace("/of/7", "/of/8"), ".url"),
        ("null in place of text", RIGHT.replace("\"a\"", "null"), ".name"),
        ("no JSON", "oops".into(), "no JSON"),
        ("nothing", String::new(), "no JSON"),
    ];
    for (what, body, why) in planted {
        let found = judged(&answer(&body)).expect_err(what);
        assert!(found.contains(why), "{what}: {found}");
    }
    let other = Answer { status: 200, ..answer(RIGHT) };
    assert!(judged(&other).unwrap_err().contains("status 200"));
    let bare = Answer { headers: Vec::new(), ..answer(RIGHT) };
    assert!(judged(&bare).unwrap_err().contains("no header location"));
    let moved = vec![("location".to_owned(), "/things/x".to_owned())];
    let moved = Answer { headers: moved, ..answer(RIGHT) };
    assert!(judged(&moved).unwrap_err().contains("header location"));
}

#[test]
fn a_body_where_none_is_expected_is_a_fault() {
    let mut none = Variables::new();
    assert_eq!(shape::body("", b"", &mut none), Ok(()));
    assert!(shape::body("", b"{}", &mut none).is_err());
    assert!(shape::body("{}", b"", &mut none).is_err());
    assert!(
        shape::body("{\"a\": }", b"{\"a\": }", &mut none).is_err(),
        "no JSON in the transcript"
    );
}

#[test]
fn requests_are_filled_and_what_is_unknown_is_said() {
    let transcript = Transcript::parse(SAMPLE).unwrap();
    let Step::Exchange(exchange) = &transcript.steps[0] else { panic!("an exchange") };
    let filled = exchange.request.filled(&variables()).unwrap();
    assert_eq!((&*filled.method, &*filled.path), ("POST", "/things/7?at=1"));
    assert_eq!(filled.headers, [("Key".to_owned(), "secret".to_owned())]);
    assert_eq!(filled.body, "{\"deep\": {\"list\": [1, {\"a\": null}]}, \"name\": \"secret\"}");
    assert!(exchange.request.filled(&Variables::new()).unwrap_err().contains("no variable thing"));
    for (wrong, why) in [
        (SAMPLE.replace("# section: Things\n", ""), "lacks `# section:`"),
        (SAMPLE.replace("# needs:", "# neeeds:"), "unknown key"),
        (SAMPLE.replace("! wait", "wait"), "begins with none of"),
        (SAMPLE.replace("< 201\n", ""), "status"),
        (SAMPLE.lines().take(4).collect::<Vec<_>>().join("\n"), "nothing is sent"),
    ] {
        assert!(Transcript::parse(&wrong).unwrap_err().contains(why), "{wrong}");
    }
}

#[test]
fn a_transcript_is_played_against_the_real_switch() {
    const PLAYED: &str = "# operation: lists queues\n# section: Native\n\
        > PUT /api/v1/queues/{queue}\n> Authorization: Bearer {key}\n> Content-Type: application/json\n>\n\
        > {\"name\": \"Sales\"}\n< 204\n! note\n\
        > GET /api/v1/menus\n> Authorization: Bearer {key}\n< 200\n< content-type: application/json\n<\n\
        < {\"items\": [], \"total\": 0, \"as_of\": \"<ms>\"}\n";
    let switch = Setup::default().start();
    let mut scene = Scene::new(&switch)
        .set("queue", "9005")
        .computed("key", |_| crate::support::switch::TOKEN.to_owned())
        .action("note", |variables| drop(variables.insert("noted".into(), "yes".into())));
    let play = |scene: &mut Scene, text: &str| scene.play(&Transcript::parse(text).unwrap());
    assert_eq!(play(&mut scene, PLAYED), Ok(()));
    assert_eq!(scene.variables["noted"], "yes");
    for (wrong, why) in [
        (PLAYED.replace("\"total\": 0", "\"total\": 1"), "line 10: .total is 0 instead of 1"),
        (PLAYED.replace("< 204", "< 200"), "line 3"),
        (PLAYED.replace("! note", "! nod"), "no action nod"),
        (PLAYED.replace("Bearer {key}\n< 200", "Bearer x\n< 200"), "status 401"),
    ] {
        let found = play(&mut scene, &wrong).unwrap_err();
        assert!(found.contains(why), "{found}");
    }
}
