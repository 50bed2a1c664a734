//! Bad snippets and exactly what is said about them; good ones and what they mean.

use strowger_core::vocab::config::{Destination, DigestAlgorithm, RecordPolicy, RouteFrom};
use strowger_core::vocab::supervise::Supervised;
use strowger_core::vocab::{ConferenceKey, Role};

use super::{Loaded, Retention, parse};

/// Enough around a snippet to make it a sound file; the snippet begins on line 3.
pub(super) fn with_tenant(snippet: &str) -> String {
    format!("sip.domain = \"x.example\"\ntenant = [{{ id = \"t\" }}]\n{snippet}")
}

fn errors(text: &str) -> Vec<String> {
    match parse(text, "f") {
        Ok(_) => Vec::new(),
        Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
    }
}

pub(super) fn good(text: &str) -> Loaded {
    parse(text, "f").unwrap_or_else(|problems| panic!("{problems}"))
}

#[track_caller]
pub(super) fn says(text: &str, expected: &[&str]) {
    assert_eq!(errors(text), expected, "for:\n{text}");
}

#[test]
fn the_shipped_files_are_sound() {
    let demo = good(include_str!("../../config/demo.toml"));
    assert_eq!(demo.core.extensions.len(), 3);
    assert!(demo.warnings.is_empty(), "{:?}", demo.warnings);
    assert!(demo.shell.listen.iter().all(|listen| listen.address.ip().is_loopback()));
    let reference = good(include_str!("../../config/reference.toml"));
    assert_eq!(reference.core.trunks.len(), 1);
    let acd = &reference.core.acd;
    assert_eq!(acd.agents[0].tiers[0].queue, acd.queues[0].key);
    assert_eq!(demo.core.acd.agents.len(), 3);
}

#[test]
fn what_the_reference_calls_defaults_are_the_defaults() {
    let reference = good(include_str!("../../config/reference.toml"));
    let base = good("[sip]\ndomain = \"pbx.example\"\n");
    assert_eq!(reference.core.sip, base.core.sip);
    assert_eq!(reference.core.media, base.core.media);
    assert_eq!(reference.core.calls, base.core.calls);
    assert_eq!(reference.core.codes, base.core.codes);
    let bare = good(&with_tenant("queue = [{ number = \"9001\", name = \"Support\" }]"));
    let mut queue = bare.core.acd.queues[0].clone();
    queue.key.tenant = "demo".into();
    assert_eq!(reference.core.acd.queues[0], queue);
    assert_eq!(reference.core.mwi.unsolicited, base.core.mwi.unsolicited);
    assert_eq!(reference.shell.media, base.shell.media);
    assert_eq!(reference.shell.streams, base.shell.streams);
    assert_eq!(reference.shell.log, base.shell.log);
    assert_eq!(reference.shell.drain_secs, base.shell.drain_secs);
}

#[test]
fn general_sections() {
    let cases: &[(&str, &[&str])] = &[
        ("", &["f:1: [sip] lacks domain: add the name that phones use, such as \"pbx.example\""]),
        (
            "[sip]\ndomain = \"x\"\ndomian = \"y\"\nzebra = 1\n",
            &[
                "f:3: [sip]: unknown key domian; did you mean domain?",
                "f:4: [sip]: unknown key zebra; known here: listen, max_connections, max_connections_per_address, stream_idle_secs, domain, external_address, min_expires, max_expires, default_expires, max_contacts, qualify_secs, keepalive_secs, force_rport, datagram_limit, session_expires, nonce_secs, max_auth_failures, silence_secs",
            ],
        ),
        (
            "[sip]\ndomain = 5\nlisten = [\"udp:127.0.0.1\", \"sctp:[::1]:5060\",\n  \"tls:127.0.0.1:5061\", 7]\n",
            &[
                "f:2: [sip] domain: an integer where the name that phones use, such as \"pbx.example\" is expected",
                "f:3: [sip] listen: \"127.0.0.1\" is no IP address with a port; write transport:address:port such as \"udp:127.0.0.1:5060\"",
                "f:3: [sip] listen: \"sctp\" is no transport; write udp or tcp, e.g. \"udp:[::1]:5060\"",
                "f:4: [sip] listen: an integer where a list of addresses such as [\"udp:127.0.0.1:5060\"] is expected",
                "f:4: [sip] listen: tls is not available in this version; listen on udp and tcp",
            ],
        ),
        (
            "[sip]\ndomain = \"x\"\nlisten = [\"udp:127.0.0.1:5060\", \"udp:127.0.0.1:5060\"]\n",
            &["f:3: [sip] listen: \"udp:127.0.0.1:5060\" stands there twice"],
        ),
    ];
    for (text, expected) in cases {
        says(text, expected);
    }
}

#[test]
fn media_and_bounds() {
    let cases: &[(&str, &[&str])] = &[
        (
            "sip.domain = \"x\"\nmedia.ports = \"16385-16386\"\nmedia.address = \"localhost\"\n",
            &[
                "f:2: [media] ports: \"16385-16386\" holds no pair of an even port and the next; write first-last such as \"16384-32767\"",
                "f:3: [media] address: \"localhost\" is no IP address; write e.g. \"192.0.2.10\" or \"2001:db8::1\"",
            ],
        ),
        (
            "sip.domain = \"x\"\nhttp.proxies = [\"::1\", \"proxy.example\"]\n",
            &[
                "f:2: [http] proxies: \"proxy.example\" is no IP address; write e.g. \"192.0.2.10\" or \"2001:db8::1\"",
            ],
        ),
        (
            "sip.domain = \"x\"\nmedia.address = [\"127.0.0.1\", \"127.0.0.2\"]\n",
            &[
                "f:2: [media] address: must be an IP address such as \"127.0.0.1\", or one of each family: [\"127.0.0.1\", \"::1\"]",
            ],
        ),
        ("sip.domain = \"x\"\nmedia.address = [\"127.0.0.1\", \"::1\"]\n", &[]),
        (
            "sip.domain = \"x\"\n[media]\nports = \"80-90\"\ncodecs = [\"PCMX\", \"pcma\", \"PCMA\"]\ntimeout_secs = -1\n",
            &[
                "f:3: [media] ports: ports below 1024 belong to the system; write first-last such as \"16384-32767\"",
                "f:4: [media] codecs: \"PCMA\" stands there twice",
                "f:4: [media] codecs: \"PCMX\" is no codec; choose from opus, G722, PCMA, PCMU, G729, AMR, AMR-WB, iLBC, GSM, speex",
                "f:5: [media] timeout_secs: -1 is out of range; write a number of seconds from 0 to 86400",
            ],
        ),
        (
            "sip.domain = \"x\"\nsip.session_expires = 30\nsip.min_expires = 3600\nsip.max_expires = 600\n",
            &[
                "f:1: [sip] min_expires: 3600 is more than max_expires, 600; make it smaller",
                "f:1: [sip] session_expires: 30 is too short; write at least 90, or 0 for no session timer",
            ],
        ),
        (
            "sip.domain = \"x\"\nhttp.listen = \"8088\"\nlog.format = \"xml\"\nlog.level = \"loud\"\ncodes.echo = \"*6743\"\nstore.path = \"\"\n",
            &[
                "f:2: [http] listen: \"8088\" is no IP address with a port; write e.g. \"127.0.0.1:8088\"",
                "f:3: [log] format: \"xml\" is no log format; write \"human\" or \"json\"",
                "f:4: [log] level: \"loud\" is no level; choose from error, warn, info, debug, trace",
                "f:5: [codes] echo: \"*6743\" begins with hide_number; choose another code",
                "f:6: [store] path: is empty; write a path such as \"var/strowger.db\"",
            ],
        ),
        (
            "sip.domain = \"x\"\nsip.listen = [\"udp:0.0.0.0:5060\"]\n[media]\naddress = \"::\"\n",
            &[
                "f:1: [sip] listen: 0.0.0.0:5060 is every address, but phones must be told one; name it, or set external_address",
                "f:3: [media] address: is every address, but phones must be told one; name it, or set sip.external_address",
            ],
        ),
        (
            "sip.domain = \"x\"\nsip.listen = [\"udp:0.0.0.0:5060\"]\nsip.external_address = \"192.0.2.1\"\nmedia.address = \"0.0.0.0\"\n",
            &[],
        ),
        (
            "sip = 5\nshutdwon.drain_secs = 1\n",
            &[
                "f:1: [sip] lacks domain: add the name that phones use, such as \"pbx.example\"",
                "f:1: sip must be a section: write [sip] and its keys below",
                "f:2: the file: unknown key shutdwon; did you mean shutdown?",
            ],
        ),
    ];
    for (text, expected) in cases {
        says(text, expected);
    }
}

#[test]
fn codes_are_told_apart() {
    says(
        "sip.domain = \"x\"\ncodes.agent_login = \"*43\"\ncodes.voicemail = \"*671\"\ncodes.pickup_group = \"**9\"\n",
        &[
            "f:2: [codes] agent_login: \"*43\" is echo too; choose another code",
            "f:2: [codes] pickup_group: \"**9\" begins with pickup; choose another code",
            "f:2: [codes] voicemail: \"*671\" begins with hide_number; choose another code",
        ],
    );
}

#[test]
fn broken_syntax_names_its_line_and_hides_no_other_error() {
    let found = errors("[sip]\ndomain = \"x\nlisten = 5\n\n[http\nlisten = \"y\"\n");
    assert!(found.iter().any(|line| line.starts_with("f:2: not TOML: ")), "{found:?}");
    assert!(found.iter().any(|line| line.starts_with("f:5: not TOML: ")), "{found:?}");
    assert!(
        found.iter().any(|line| line.starts_with("f:3: [sip] listen: an integer")),
        "{found:?}"
    );
    let twice = errors("[sip]\ndomain = \"x\"\ndomain = \"y\"\n");
    assert_eq!(twice.len(), 1, "{twice:?}");
    assert!(twice[0].starts_with("f:3: not TOML: duplicate key"), "{twice:?}");
}

#[test]
fn tenants_and_keys() {
    let text = "sip.domain = \"x\"
[[tenant]]
id = \"a\"
prefix = \"12x\"
domain = \"one.example\"
timezone = \"Mars/Olympus\"
[[tenant]]
id = \"a\"
domain = \"One.example\"
country_code = \"8610\"
[[tenant]]
prefix = \"1\"
[[tenant.api_key]]
name = \"k\"
token = \"\"
role = \"root\"
[[operator]]
sid = \"o\"
";
    says(
        text,
        &[
            "f:4: [[tenant]] prefix: \"12x\" is no number; write 1 to 32 digits such as \"4567\"",
            "f:6: [[tenant]] timezone: \"Mars/Olympus\" is no time zone; write e.g. \"UTC\" or \"Asia/Shanghai\"",
            "f:7: [[tenant]] domain: is that of tenant a; a domain belongs to one tenant",
            "f:8: [[tenant]] id: \"a\" is defined already at line 3; rename one",
            "f:10: [[tenant]] country_code: \"8610\" is no country code; write 1 to 3 digits such as \"86\"",
            "f:11: [[tenant]] lacks id: add a name such as \"demo\"",
            "f:15: [[tenant.api_key]] token: is empty; write a long random text",
            "f:16: [[tenant.api_key]] role: \"root\" is no role; write \"admin\", \"supervisor\", \"agent\", \"user\" or \"read-only\"",
            "f:17: [[operator]] lacks auth_token: add a secret text",
        ],
    );
}

#[test]
fn extensions() {
    let text = with_tenant(
        "[[extension]]
number = \"4567\"
password = \"\"
[[extension]]
tenant = \"tt\"
number = \"4567\"
password = \"p\"
record = \"sometimes\"
algorithm = \"SHA1\"
[[extension]]
number = \"45 67\"
password = 12
clases = []
[[extension]]
number = \"4567\"
password = \"p\"
caller_number = \"0571\"
[[queue]]
number = \"4567\"
strategy = \"fair\"
",
    );
    says(
        &text,
        &[
            "f:5: [[extension]] password: is empty; write the phone's SIP password",
            "f:7: [[tenant]] \"tt\" does not exist; did you mean \"t\"?",
            "f:10: [[extension]] record: \"sometimes\" is unknown; write \"never\", \"always\" or \"on_demand\"",
            "f:11: [[extension]] algorithm: \"SHA1\" is unknown; write \"MD5\" or \"SHA-256\"",
            "f:13: [[extension]] number: \"45 67\" is no extension number; write 1 to 16 digits such as \"4567\"",
            "f:14: [[extension]] password: an integer where the phone's SIP password is expected",
            "f:15: [[extension]]: unknown key clases; did you mean classes?",
            "f:17: [[extension]] number: \"4567\" is taken in tenant t already, at line 4; extensions, queues, groups, conferences and pages share one number space",
            "f:17: [[extension]] number: prefix and number make the SIP user \"4567\", as at line 4; change a prefix or give the tenants domains",
            "f:19: caller_number: tenant t has no [[number]] \"0571\"; only its own numbers may be shown",
            "f:21: [[queue]] number: \"4567\" is taken in tenant t already, at line 4; extensions, queues, groups, conferences and pages share one number space",
            "f:22: [[queue]] strategy: \"fair\" is no strategy; choose from ring-all, longest-idle-agent, round-robin, top-down, agent-with-least-talk-time, agent-with-fewest-calls, sequentially-by-agent-order, random, ring-progressively, skill",
        ],
    );
}

#[test]
fn the_dial_plan() {
    let text = with_tenant(
        "[[trunk]]
name = \"carrier\"
host = \"sip.carrier.example:99999\"
register = true
transport = \"wss\"
addresses = [\"carrier\"]
[[number]]
trunk = \"carier\"
number = \"0571-262\"
to = \"extension:1\"
[[route]]
match = \"^(0\"
to = [\"trunk:carrier\", \"nowhere\", \"echo:1\", \"queue:9\"]
from = \"other\"
strip = 99
[[route]]
match = \"^1$\"
to = \"sound:../secret\"
[[route]]
match = \"^2$\"
",
    );
    says(
        &text,
        &[
            "f:3: [[trunk]] lacks password: add the account's password, or write register = false",
            "f:3: [[trunk]] lacks username: add the account to register, or write register = false",
            "f:5: [[trunk]] host: \"sip.carrier.example:99999\" is no host; write \"sip.carrier.example\", \"sip.carrier.example:5060\" or \"[2001:db8::1]:5060\"",
            "f:7: [[trunk]] transport: wss is not available in this version; write \"udp\" or \"tcp\"",
            "f:8: [[trunk]] addresses: \"carrier\" is no IP address; write e.g. \"192.0.2.10\" or \"2001:db8::1\"",
            "f:10: trunk: tenant t has no [[trunk]] \"carier\"; did you mean \"carrier\"?",
            "f:11: [[number]] number: \"0571-262\" is no outside number; write digits, or + and digits, such as \"+8657126200670\"",
            "f:12: to: tenant t has no [[extension]] \"1\"; none is defined",
            "f:14: [[route]] match: \"^(0\" is no pattern: found open group without closing ')'; write e.g. \"^0[1-9]\\\\d{6,11}$\"",
            "f:15: [[route]] to: \"echo:1\" is no destination; write trunk:NAME, extension:NUMBER, queue:NUMBER, ivr:NAME, group:NAME, voicemail:NUMBER, conference:NAME, echo or sound:NAME",
            "f:15: [[route]] to: \"nowhere\" is no destination; write trunk:NAME, extension:NUMBER, queue:NUMBER, ivr:NAME, group:NAME, voicemail:NUMBER, conference:NAME, echo or sound:NAME",
            "f:15: to: tenant t has no [[queue]] \"9\"; none is defined",
            "f:16: from: tenant t has no [[trunk]] \"other\"; defined: carrier",
            "f:17: [[route]] strip: 99 is out of range; write a number of digits from 0 to 32",
            "f:20: [[route]] to: \"../secret\" is no prompt; write a path below the sounds directory without .wav, such as \"en/thank-you\"",
            "f:21: [[route]] lacks to: add trunk:NAME, extension:NUMBER, queue:NUMBER, ivr:NAME, group:NAME, voicemail:NUMBER, conference:NAME, echo or sound:NAME",
        ],
    );
}

#[test]
fn agents_and_the_keys_that_stand_for_somebody() {
    let text = "sip.domain = \"x\"
[[tenant]]
id = \"t\"
[[tenant.api_key]]
name = \"u\"
token = \"1\"
role = \"user\"
[[tenant.api_key]]
name = \"a\"
token = \"1\"
role = \"agent\"
agent = \"102\"
[[agent]]
id = \"101\"
[[agent]]
id = \"101\"
extension = \"5\"
status = \"asleep\"
queues = [{ queue = \"9\", levle = 1 }]
";
    says(
        text,
        &[
            "f:4: [[tenant.api_key]] lacks extension: add the number that this user key stands for",
            "f:8: [[tenant.api_key]] lacks agent: add the id of the agent that this key stands for",
            "f:8: [[tenant.api_key]] token: is used by another key too; make a new one",
            "f:12: agent: tenant t has no [[agent]] \"102\"; did you mean \"101\"?",
            "f:13: [[agent]] lacks extension: add either an extension, or the number of a remote agent",
            "f:16: [[agent]] id: \"101\" is defined already at line 14; rename one",
            "f:17: extension: tenant t has no [[extension]] \"5\"; none is defined",
            "f:18: [[agent]] status: \"asleep\" is unknown; write \"available\", \"on_break\" or \"logged_out\"",
            "f:19: [[agent]] queues: unknown key levle; did you mean level?",
            "f:19: queue: tenant t has no [[queue]] \"9\"; none is defined",
        ],
    );
}

#[test]
fn a_sound_file_means_what_it_says() {
    let loaded = good(
        "[sip]\nlisten = [\"udp:127.0.0.1:0\", \"tcp:[::1]:0\"]\ndomain = \"PBX.example\"
[[tenant]]
id = \"t\"
[[tenant.api_key]]
name = \"sup\"
token = \"s3\"
role = \"supervisor\"
[[extension]]
number = \"1\"
password = \"p\"
record = \"on_demand\"
algorithm = \"SHA-256\"
[[trunk]]
name = \"c\"
host = \"192.0.2.1\"
[[number]]
trunk = \"c\"
number = \"+49301\"
to = \"echo\"
[[route]]
match = \"^0\"
class = \"national\"
to = [\"trunk:c\", \"extension:1\"]
[[route]]
match = \"^7\"
from = \"c\"
to = \"sound:en/busy\"
",
    );
    assert_eq!(loaded.core.sip.domain, "pbx.example");
    assert_eq!(loaded.shell.listen.len(), 2);
    let extension = &loaded.core.extensions[0];
    assert_eq!(extension.record, RecordPolicy::OnDemand);
    assert_eq!(extension.algorithm, DigestAlgorithm::Sha256);
    assert_eq!(
        (extension.name.as_str(), extension.classes.as_slice()),
        ("1", &["internal".into()][..])
    );
    assert_eq!(loaded.core.numbers[0].to, Destination::Echo);
    assert_eq!(loaded.core.routes[0].from, RouteFrom::Extension);
    assert_eq!(loaded.core.routes[0].to.len(), 2);
    assert!(matches!(&loaded.core.routes[1].from, RouteFrom::Trunk(key) if key.name == "c"));
    assert_eq!(loaded.shell.api_keys[0].role, Role::Supervisor);
    assert_eq!(loaded.warnings, []);
}

#[test]
fn recordings_are_kept_for_ever_unless_the_file_says_otherwise() {
    let loaded = good(&with_tenant(""));
    assert_eq!(loaded.shell.retention, Retention::default());
    assert_eq!(
        (loaded.core.media.recording_tone.as_str(), loaded.core.codes.record.as_str()),
        ("", "*1")
    );
    let text = with_tenant(
        "[recordings]\nmax_age_days = 90\nmax_gb = 500\ntone = \"tones/beep\"\n[codes]\nrecord = \"*2\"\n",
    );
    let loaded = good(&text);
    assert_eq!(loaded.shell.retention, Retention { max_age_days: 90, max_gb: 500 });
    assert_eq!(
        (loaded.core.media.recording_tone.as_str(), loaded.core.codes.record.as_str()),
        ("tones/beep", "*2")
    );
}

#[test]
fn groups_name_phones_and_numbers_that_exist() {
    let text = |group: &str| {
        with_tenant(&format!(
            "[[extension]]\nnumber = \"4567\"\npassword = \"x\"\n[[trunk]]\nname = \"c\"\nhost = \"192.0.2.1\"\n\
             [[route]]\nmatch = \"^0\\\\d+$\"\nclass = \"national\"\nto = \"trunk:c\"\n\
             [[group]]\nname = \"sales\"\nnumber = \"600\"\n{group}\n[[number]]\ntrunk = \"c\"\nnumber = \"0571\"\nto = \"group:sales\"\n"
        ))
    };
    let loaded = good(&text(
        "members = [\"4567\", \"057188880000\"]\ndelays = { 057188880000 = 5 }\nclasses = [\"national\"]\n\
         strategy = \"delayed\"\noverflow = \"4567\"\nconfirm = \"1\"",
    ));
    let group = &loaded.core.groups[0];
    assert_eq!((group.members.len(), group.members[1].delay_secs), (2, 5));
    assert!(matches!(&loaded.core.numbers[0].to, Destination::Group(key) if key.name == "sales"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    for (group, wrong) in [
        ("", "lacks members"),
        ("members = [\"45x\"]", "members"),
        ("members = [\"057188880000\"]", "the caller lacks the route's class"),
        ("members = [\"8888\"]", "the number leads nowhere"),
        ("members = [\"4567\"]\ndelays = { 4568 = 5 }", "is no member"),
        (
            "members = [\"4567\"]\nstrategy = \"random\"",
            "\"parallel\", \"sequential\" or \"delayed\"",
        ),
        ("members = [\"4567\"]\nconfirm = \"12\"", "is no key"),
    ] {
        let found = errors(&text(group));
        assert!(found.iter().any(|line| line.contains(wrong)), "{group}: {found:?}");
    }
    let found = errors(&text("members = [\"4567\"]").replace("\"600\"", "\"4567\""));
    assert!(found.iter().any(|line| line.contains("is taken in tenant")), "{found:?}");
    let found = errors(&text("members = [\"4567\"]").replace("group:sales", "group:sale"));
    assert!(found.iter().any(|line| line.contains("did you mean \"sales\"?")), "{found:?}");
}

#[test]
fn what_an_extension_has_set_at_first_is_what_it_could_dial() {
    let text = |keys: &str| {
        with_tenant(&format!(
            "[[extension]]\nnumber = \"4567\"\npassword = \"x\"\n{keys}\n\
             [[extension]]\nnumber = \"4568\"\npassword = \"x\"\n"
        ))
    };
    let loaded = good(&text(
        "do_not_disturb = true\nforward_busy = \"4568\"\nno_answer_secs = 20\n\
         [[extension.follow_me]]\nnumber = \"4568\"\ndelay_secs = 5\nconfirm = \"1\"",
    ));
    let set = &loaded.core.settings[0].settings;
    assert!(set.do_not_disturb);
    assert_eq!(set.forward_busy.as_deref(), Some("4568"));
    assert_eq!((set.no_answer_secs, set.follow_me[0].ring_secs), (Some(20), 30));
    assert_eq!(loaded.core.settings.len(), 1, "the other has nothing set");
    for (keys, wrong) in [
        (
            "forward_all = \"4569\"",
            "f:6: [[extension]] forward_all: \"4569\": the number leads nowhere",
        ),
        ("forward_all = \"4567\"", "the number leads back to its caller"),
        ("forward_all = \"*70\"", "no feature code"),
        ("forward_all = \"x\"", "is no number"),
        ("no_answer_secs = 0", "1 to 600"),
        ("[[extension.follow_me]]\nnumber = \"1\"", "follow_me: \"1\": the number leads nowhere"),
        ("[[extension.follow_me]]\nnumber = \"4568\"\nconfirm = \"ab\"", "is no key"),
    ] {
        let found = errors(&text(keys));
        assert!(found.iter().any(|line| line.contains(wrong)), "{keys}: {found:?}");
    }
}

#[test]
fn mailboxes_are_shared_within_a_tenant() {
    let text = |watched: &str| {
        with_tenant(&format!(
            "[mwi]\nunsolicited = false\n[[extension]]\nnumber = \"4567\"\npassword = \"x\"\n\
             watch_mailboxes = [{watched}]\n[[queue]]\nnumber = \"9001\"\n"
        ))
    };
    let mwi = good(&text("\"9001\"")).core.mwi;
    assert!(!mwi.unsolicited);
    assert_eq!(mwi.shared.len(), 1);
    assert_eq!(mwi.shared[0].mailbox.to_string(), "t/9001");
    assert_eq!(mwi.shared[0].extension.to_string(), "t/4567");
    let wrong = errors(&text("\"9002\""));
    assert!(
        wrong.len() == 1 && wrong[0].contains("has no extension or queue \"9002\""),
        "{wrong:?}"
    );
}

#[test]
fn supervisors_and_rooms_are_read() {
    let text = with_tenant(
        "[calls]\nsupervise_tone = \"tones/beep\"\nhold_reminder_secs = 45\n[codes]\nmonitor = \"*61\"\n\
         [[extension]]\nnumber = \"4567\"\npassword = \"x\"\nsupervises = [\"sales\", \"queue:9001\", \"*\"]\n\
         [[conference]]\nname = \"board\"\nnumber = \"8000\"\npin = \"12\"\nadmin_pin = \"34\"\nmax_members = 5\n\
         record = true\nmusic = \"music/hold\"\nannounce = false\nstart_muted = true\n\
         [[route]]\nmatch = \"^5\"\nto = [\"conference:board\"]\n",
    );
    let core = good(&text).core;
    let scopes = [
        Supervised::Group("sales".into()),
        Supervised::Queue("9001".into()),
        Supervised::Everybody,
    ];
    assert_eq!(core.extensions[0].supervises, scopes);
    assert_eq!((core.codes.monitor.as_str(), core.codes.barge.as_str()), ("*61", "*33"));
    assert_eq!(core.calls.supervise_tone.as_deref(), Some("tones/beep"));
    assert_eq!(core.calls.hold_reminder_secs, 45);
    let room = &core.conferences[0];
    let key = ConferenceKey { tenant: "t".into(), name: "board".into() };
    assert_eq!((&room.key, room.number.as_deref(), room.max_members), (&key, Some("8000"), 5));
    assert!(room.record && room.start_muted && !room.announce);
    assert_eq!(core.routes[0].to, [Destination::Conference(key)]);
    for (text, complaint) in [
        ("[[conference]]\nname = \"a\"\npin = \"1\"\nadmin_pin = \"1\"\n", "is the pin too"),
        ("[[conference]]\nname = \"a\"\nmax_members = 1\n", "2 to 200"),
        ("[[route]]\nmatch = \"^5\"\nto = [\"conference:nowhere\"]\n", "nowhere"),
        (
            "[[queue]]\nnumber = \"8\"\n[[conference]]\nname = \"a\"\nnumber = \"8\"\n",
            "share one number space",
        ),
        (
            "[[extension]]\nnumber = \"1\"\npassword = \"x\"\nsupervises = [\"a b\"]\n",
            "neither *, queue:NUMBER nor a group",
        ),
        ("[codes]\nmonitor = \"*43\"\n", "\"*43\" begins with monitor"),
    ] {
        let wrong = errors(&with_tenant(text));
        assert!(wrong.len() == 1 && wrong[0].contains(complaint), "{complaint}: {wrong:?}");
    }
}
