//! `[[operator]]`, `[[tenant]]` with its keys, and `[[extension]]`.

use std::collections::BTreeMap;

use strowger_core::vocab::acd::Times;
use strowger_core::vocab::config::{Destination, DigestAlgorithm, Extension, RecordPolicy, Tenant};
use strowger_core::vocab::mailbox::Mailbox;
use strowger_core::vocab::supervise::Supervised;
use strowger_core::vocab::{ExtensionKey, Role, Secret, TenantId};

use super::general::{checked, codecs};
use super::names::{Names, Taken};
use super::queues::times;
use super::settings::Initial;
use super::shell::{ApiKey, DialectIds, Operator};
use super::table::{At, Table};
use super::values;

/// Tenants as read, and what waits until every other name is known.
#[derive(Debug, Default)]
pub(super) struct Tenants<'d> {
    pub(super) list: Vec<Tenant>,
    pub(super) dialect_ids: Vec<DialectIds>,
    /// Times of agents where neither they nor their queues set any.
    pub(super) times: BTreeMap<TenantId, Times>,
    keys: Vec<(TenantId, Table<'d>)>,
}

/// `[[operator]]`.
pub(super) fn operators(root: &Table<'_>) -> Vec<Operator> {
    let mut operators = Vec::new();
    for table in root.tables("operator", "[[operator]]") {
        let sid = table.required_text("sid", "an account id");
        let token = table.required_text("auth_token", "a secret text");
        if let (Some(sid), Some(token)) = (sid, token) {
            operators
                .push(Operator { sid: sid.value.to_owned(), auth_token: Secret::new(token.value) });
        }
        table.finish();
    }
    operators
}

/// `[[tenant]]`, without its keys.
pub(super) fn tenants<'d>(root: &Table<'d>, names: &mut Names) -> Tenants<'d> {
    let mut found = Tenants::default();
    for table in root.tables("tenant", "[[tenant]]") {
        let id = table.required_text("id", "a name such as \"demo\"");
        let keys = table.tables("api_key", "[[tenant.api_key]]");
        let tenant = tenant(&table, id);
        let ids = DialectIds {
            tenant: tenant.id.clone(),
            cti_app_id: dialect_id(&table, "cti_app_id"),
            ringme_client_id: dialect_id(&table, "ringme_client_id"),
            ringcx_account_id: dialect_id(&table, "ringcx_account_id"),
        };
        enter_tenant(&table, id, names, &mut found, tenant, ids);
        let times = times(&table);
        found.times.extend(id.map(|id| (id.value.to_owned(), times)));
        let owner = id.map_or_else(String::new, |id| id.value.to_owned());
        found.keys.extend(keys.into_iter().map(|key| (owner.clone(), key)));
        table.finish();
    }
    found
}

fn enter_tenant(
    table: &Table<'_>,
    id: Option<At<&str>>,
    names: &mut Names,
    found: &mut Tenants<'_>,
    tenant: Tenant,
    ids: DialectIds,
) {
    let Some(id) = id else { return };
    checked(table, "id", Some(id), values::name);
    names.add_tenant(table, id);
    let twin = |other: &&Tenant| other.domain.is_some() && other.domain == tenant.domain;
    if let Some(other) = found.list.iter().find(twin) {
        let text = format!("is that of tenant {}; a domain belongs to one tenant", other.id);
        table.wrong(table.line(), "domain", &text);
    }
    found.list.push(tenant);
    found.dialect_ids.push(ids);
}

fn dialect_id(table: &Table<'_>, key: &'static str) -> Option<String> {
    let text = table.text(key, "the id by which that system's clients name the tenant")?;
    if text.value.is_empty() {
        table.wrong(text.line, key, "is empty; write the id, or leave the key out");
        return None;
    }
    Some(text.value.to_owned())
}

fn tenant(table: &Table<'_>, id: Option<At<&str>>) -> Tenant {
    let prefix = table.text("prefix", "digits such as \"9031046856\"");
    let prefix = checked(table, "prefix", prefix, |text| match text {
        "" => Ok(String::new()),
        _ => values::digits(text).map(|()| text.to_owned()),
    });
    let domain = table.text("domain", "a SIP domain such as \"demo.example\"");
    let timezone = table.text("timezone", "a time zone such as \"Asia/Shanghai\"");
    let language = table.text("language", "a folder of prompts such as \"en\"");
    let country = table.text("country_code", "a country code such as \"86\"");
    let owned = |check: fn(&str) -> Result<(), String>| {
        move |text: &str| check(text).map(|()| text.to_owned())
    };
    let domain = checked(table, "domain", domain, owned(values::host));
    let emergency = table.texts("emergency", "a list of numbers such as [\"112\"]");
    let emergency = emergency.unwrap_or_default().into_iter();
    let park_to = table.text("park_to", "a number that can be dialled, such as \"9001\"");
    let own_trunks = table.flag("own_trunks").unwrap_or(false);
    Tenant {
        own_trunks,
        park_to: checked(table, "park_to", park_to, |text| {
            let id = id.map_or("", |id| id.value);
            let number = Destination::parse(text, id);
            number.filter(|to| matches!(to, Destination::Number(_))).ok_or_else(|| {
                format!("\"{text}\" is no number; write one that can be dialled, such as \"9001\"")
            })
        }),
        id: id.map_or_else(String::new, |id| id.value.to_owned()),
        prefix: prefix.unwrap_or_default(),
        domain: domain.map(|domain| domain.to_ascii_lowercase()),
        timezone: checked(table, "timezone", timezone, owned(values::timezone))
            .unwrap_or_else(|| "UTC".into()),
        language: checked(table, "language", language, owned(values::name))
            .unwrap_or_else(|| "en".into()),
        country_code: checked(table, "country_code", country, country_code),
        emergency: emergency
            .filter_map(|n| checked(table, "emergency", Some(n), owned(values::digits)))
            .collect(),
    }
}

fn country_code(text: &str) -> Result<String, String> {
    let ok = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    ok.then(|| text.to_owned())
        .ok_or_else(|| format!("\"{text}\" is no country code; write 1 to 3 digits such as \"86\""))
}

/// `[[extension]]`; the numbers that they show are checked later, by [`shown_numbers`].
pub(super) fn extensions<'d>(
    root: &Table<'d>,
    names: &mut Names,
    tenants: &[Tenant],
    mailboxes: &mut Vec<Mailbox>,
    initial: &mut Initial,
) -> (Vec<Extension>, Vec<(TenantId, Table<'d>)>) {
    let mut extensions = Vec::new();
    let mut tables = Vec::new();
    for table in root.tables("extension", "[[extension]]") {
        let tenant = names.tenant(&table);
        let number = table.required_text("number", "digits such as \"4567\"");
        let valid = checked(&table, "number", number, extension_number);
        let key = tenant.clone().zip(valid).map(|(tenant, number)| ExtensionKey { tenant, number });
        if let (Some(key), Some(number)) = (&key, number) {
            names.add_number(&table, &key.tenant, number, Taken::Extension);
            if let Some(tenant) = tenants.iter().find(|tenant| tenant.id == key.tenant) {
                let user = format!("{}{}", tenant.prefix, key.number);
                let domain = tenant.domain.as_deref().unwrap_or("");
                names.add_user(&table, domain, user, number.line);
            }
        }
        initial.read(&table, key.as_ref());
        extensions.extend(extension(&table, key, mailboxes));
        tables.push((tenant.unwrap_or_default(), table));
    }
    (extensions, tables)
}

fn extension_number(text: &str) -> Result<String, String> {
    values::extension_number(text).map(|()| text.to_owned())
}

fn extension(
    table: &Table<'_>,
    key: Option<ExtensionKey>,
    mailboxes: &mut Vec<Mailbox>,
) -> Option<Extension> {
    let password = table.required_text("password", "the phone's SIP password");
    let name = table.text("name", "a name such as \"Alice\"").map(|name| name.value);
    let groups = table.texts("pickup_groups", "a list of names such as [\"sales\"]");
    let record = table.text("record", "\"never\", \"always\" or \"on_demand\"");
    let classes = table.texts("classes", "a list of names such as [\"internal\"]");
    let algorithm = table.text("algorithm", "\"MD5\" or \"SHA-256\"");
    let names = |texts: Vec<At<&str>>, field: &str| -> Vec<String> {
        let check = |text: &str| values::name(text).map(|()| text.to_owned());
        texts.into_iter().filter_map(|t| checked(table, field, Some(t), check)).collect()
    };
    let classes = classes.map(|classes| names(classes, "classes"));
    let pickup_groups = names(groups.unwrap_or_default(), "pickup_groups");
    let pickup_any = table.flag("pickup_any").unwrap_or(false);
    let record = checked(table, "record", record, record_policy).unwrap_or_default();
    let algorithm = checked(table, "algorithm", algorithm, digest_algorithm).unwrap_or_default();
    let max_calls = table.number("max_calls", 0..=1_000, "calls").unwrap_or(0);
    let ring_secs = table.number("ring_secs", 1..=600, "seconds");
    let supervises = supervises(table);
    let caller = table.text("caller_number", "one of the tenant's [[number]]s");
    let outside = |text: &str| values::outside_number(text).map(|()| text.to_owned());
    let caller_number = checked(table, "caller_number", caller, outside);
    let codecs = codecs(table).filter(|codecs| !codecs.is_empty());
    mailboxes.extend(super::voicemail::mailbox(table, key.as_ref()));
    let key = key?;
    Some(Extension {
        name: name.map_or_else(|| key.number.clone(), str::to_owned),
        key,
        password: Secret::new(password?.value),
        pickup_groups,
        pickup_any,
        record,
        classes: classes.unwrap_or_else(|| vec!["internal".into()]),
        max_calls,
        algorithm,
        caller_number,
        codecs,
        ring_secs,
        supervises,
    })
}

fn supervises(table: &Table<'_>) -> Vec<Supervised> {
    const RIGHT: &str = "a list such as [\"sales\", \"queue:9001\"], or [\"*\"] for everybody";
    let texts = table.texts("supervises", RIGHT).unwrap_or_default().into_iter();
    let read = |text: &str| {
        let wrong = || format!("\"{text}\" is neither *, queue:NUMBER nor a group; write {RIGHT}");
        Supervised::parse(text).ok_or_else(wrong)
    };
    texts.filter_map(|text| checked(table, "supervises", Some(text), read)).collect()
}

fn record_policy(text: &str) -> Result<RecordPolicy, String> {
    match text {
        "never" => Ok(RecordPolicy::Never),
        "always" => Ok(RecordPolicy::Always),
        "on_demand" => Ok(RecordPolicy::OnDemand),
        _ => Err(format!("\"{text}\" is unknown; write \"never\", \"always\" or \"on_demand\"")),
    }
}

fn digest_algorithm(text: &str) -> Result<DigestAlgorithm, String> {
    match text {
        "MD5" => Ok(DigestAlgorithm::Md5),
        "SHA-256" => Ok(DigestAlgorithm::Sha256),
        _ => Err(format!("\"{text}\" is unknown; write \"MD5\" or \"SHA-256\"")),
    }
}

/// Checks what extensions show to the outside, once the tenants' numbers are known.
pub(super) fn shown_numbers(tables: Vec<(TenantId, Table<'_>)>, names: &Names) {
    for (tenant, table) in tables {
        if let Some(number) = table.text_again("caller_number") {
            names.check_shown(&table, &tenant, number);
        }
        table.finish();
    }
}

/// `[[tenant.api_key]]` of all tenants.
pub(super) fn api_keys(tenants: Vec<(TenantId, Table<'_>)>, names: &Names) -> Vec<ApiKey> {
    let mut keys: Vec<ApiKey> = Vec::new();
    for (tenant, table) in tenants {
        let key = api_key(&table, &tenant, names);
        if let Some(key) = key {
            if keys.iter().any(|other| other.token == key.token) {
                table.wrong(table.line(), "token", "is used by another key too; make a new one");
            }
            keys.push(key);
        }
        table.finish();
    }
    keys
}

impl<'d> Tenants<'d> {
    /// The tables of keys, each with its tenant.
    pub(super) fn take_keys(&mut self) -> Vec<(TenantId, Table<'d>)> {
        std::mem::take(&mut self.keys)
    }
}

fn api_key(table: &Table<'_>, tenant: &TenantId, names: &Names) -> Option<ApiKey> {
    let name = table.required_text("name", "what the key is for, such as \"console\"");
    let token = table.required_text("token", "a long random text");
    let role = table.required_text("role", ROLES);
    let role = checked(table, "role", role, parse_role);
    let extension = table.text("extension", "the number of an [[extension]]");
    let extension =
        extension.and_then(|number| names.extension(table, "extension", tenant, number));
    let agent = table.text("agent", "the id of an [[agent]]");
    let agent = agent.and_then(|id| names.agent(table, tenant, id));
    match role {
        Some(Role::User) if extension.is_none() => {
            table.require("extension", "the number that this user key stands for");
        }
        Some(Role::Agent) if agent.is_none() => {
            table.require("agent", "the id of the agent that this key stands for");
        }
        _ => {}
    }
    Some(ApiKey {
        tenant: tenant.clone(),
        name: name?.value.to_owned(),
        token: Secret::new(token?.value),
        role: role?,
        extension: extension.map(|key| key.number),
        agent,
    })
}

const ROLES: &str = "\"admin\", \"supervisor\", \"agent\", \"user\" or \"read-only\"";

fn parse_role(text: &str) -> Result<Role, String> {
    match text {
        "admin" => Ok(Role::Admin),
        "supervisor" => Ok(Role::Supervisor),
        "agent" => Ok(Role::Agent),
        "user" => Ok(Role::User),
        "read-only" => Ok(Role::ReadOnly),
        _ => Err(format!("\"{text}\" is no role; write {ROLES}")),
    }
}
