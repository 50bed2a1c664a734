//! A tenant that is defined elsewhere than in the file: read by the file's own rules, and joined with a configuration.

use std::fmt::Write;

use serde_json::Value;
use strowger_core::vocab::Config;
use strowger_core::vocab::acd::{TenantAcd, Times};
use strowger_core::vocab::config::Tenant;
use toml::de::DeTable;

use super::names::Names;
use super::shell::{DialectIds, Shell};
use super::table::Reader;
use super::{accounts, zone};

/// How a problem of a `[[tenant]]` begins, which is no help where there is no file.
const TITLE: &str = "[[tenant]] ";

/// What lies beside the tenants' folders of recordings.
const RESERVED: [&str; 2] = ["voicemail", "sounds"];

/// A sound tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeTenant {
    /// What the switch works with.
    pub tenant: Tenant,
    /// What clients of other systems call it.
    pub ids: DialectIds,
    /// Times of its agents where neither they nor their queues set any.
    pub times: Times,
}

/// Checks keys and values as they would stand in a `[[tenant]]`; those that are null do not.
///
/// # Errors
/// Everything that is wrong, and what would be right.
pub fn made_tenant<'a>(
    keys: impl IntoIterator<Item = (&'a str, &'a Value)>,
) -> Result<MadeTenant, String> {
    let mut text = String::from("[[tenant]]\n");
    for (key, value) in keys.into_iter().filter(|(_, value)| !value.is_null()) {
        // JSON's texts, lists, numbers and flags are TOML's too, but for one character that no value has.
        let value = value.to_string().replace('\u{7f}', "\\u007f");
        let _ = writeln!(text, "{key} = {value}");
    }
    let (document, syntax) = DeTable::parse_recoverable(&text);
    let reader = Reader::new(&text, &syntax);
    let root = reader.root(document.get_ref());
    let accounts::Tenants { list, dialect_ids, mut times, .. } =
        accounts::tenants(&root, &mut Names::default());
    root.finish();
    let (problems, _) = reader.finish();
    let problems: Vec<&str> = problems
        .iter()
        .map(|problem| problem.text.strip_prefix(TITLE).unwrap_or(&problem.text))
        .collect();
    let reserved = list.first().is_some_and(|own| RESERVED.contains(&&*own.id));
    if reserved {
        return Err("id: is a folder of the switch's own; write another name".into());
    }
    match (list.into_iter().next(), dialect_ids.into_iter().next()) {
        (Some(tenant), Some(ids)) if problems.is_empty() => {
            let times = times.remove(&tenant.id).unwrap_or_default();
            Ok(MadeTenant { tenant, ids, times })
        }
        _ => Err(problems.join("; ")),
    }
}

impl MadeTenant {
    /// As it is in a configuration.
    pub fn of(core: &Config, shell: &Shell, id: &str) -> Option<Self> {
        let tenant = core.tenants.iter().find(|own| own.id == id)?.clone();
        let times = core.acd.tenants.get(id).map(|own| own.times).unwrap_or_default();
        Some(Self { ids: ids_of(shell, id), times, tenant })
    }

    /// What another tenant has that this one wants for itself, in words.
    pub fn clash(&self, core: &Config, shell: &Shell) -> Option<String> {
        if self.tenant.domain.as_deref() == Some(&*core.sip.domain.to_ascii_lowercase()) {
            return Some("domain: is the switch's own, in which all tenants are".into());
        }
        core.tenants.iter().find_map(|other| self.clash_with(other, &ids_of(shell, &other.id)))
    }

    /// What this other tenant has that this one wants for itself, in words.
    pub fn clash_with(&self, other: &Tenant, ids: &DialectIds) -> Option<String> {
        let (own, whose) = (&self.tenant, &other.id);
        if own.id == *whose {
            return Some(format!("there is a tenant {whose}"));
        }
        if own.domain.is_some() && own.domain == other.domain {
            return Some(format!("domain: is that of tenant {whose}; write another"));
        }
        if !own.prefix.is_empty() && own.prefix == other.prefix {
            return Some(format!("prefix: is that of tenant {whose}; write another"));
        }
        if own.prefix == other.prefix && own.domain == other.domain {
            let text = "has neither too, and their extensions would have the same names";
            return Some(format!("prefix, domain: write one of them; tenant {whose} {text}"));
        }
        let named = |id: &DialectIds, given: &Option<String>| -> String {
            given.as_ref().unwrap_or(&id.tenant).clone()
        };
        let pairs = [
            ("cti_app_id", &self.ids.cti_app_id, &ids.cti_app_id),
            ("ringme_client_id", &self.ids.ringme_client_id, &ids.ringme_client_id),
            ("ringcx_account_id", &self.ids.ringcx_account_id, &ids.ringcx_account_id),
        ];
        let same = |(_, own, other): &(&str, &Option<String>, &Option<String>)| {
            named(&self.ids, own) == named(ids, other)
        };
        let (key, ..) = pairs.into_iter().find(same)?;
        Some(format!("{key}: names tenant {whose} (where there is none, the tenant's id counts)"))
    }

    /// Joins it with a configuration that has none of its id.
    pub fn join(&self, core: &mut Config, shell: &mut Shell) {
        let tenant = self.tenant.clone();
        let own = TenantAcd { times: self.times, utc_offset_secs: 0 };
        core.acd.tenants.insert(tenant.id.clone(), own);
        core.zones.extend(zone::compiled(std::slice::from_ref(&tenant.timezone), &[]));
        core.tenants.push(tenant);
        shell.dialect_ids.push(self.ids.clone());
    }
}

/// Takes a tenant out of a configuration that defines nothing in it.
pub fn part(core: &mut Config, shell: &mut Shell, id: &str) {
    core.tenants.retain(|own| own.id != id);
    core.acd.tenants.remove(id);
    shell.dialect_ids.retain(|own| own.tenant != id);
}

fn ids_of(shell: &Shell, id: &str) -> DialectIds {
    let found = shell.dialect_ids.iter().find(|own| own.tenant == id).cloned();
    found.unwrap_or_else(|| DialectIds {
        tenant: id.to_owned(),
        cti_app_id: None,
        ringme_client_id: None,
        ringcx_account_id: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(value: &Value) -> Result<MadeTenant, String> {
        let members = value.as_object().unwrap();
        made_tenant(members.iter().map(|(key, value)| (key.as_str(), value)))
    }

    #[test]
    fn a_tenant_is_read_by_the_rules_of_the_file() {
        let all = json!({
            "id": "acme", "prefix": "9031", "domain": "ACME.example", "timezone": "Asia/Shanghai",
            "language": "en", "country_code": "86", "emergency": ["110"], "park_to": "9001",
            "own_trunks": true, "cti_app_id": "a\"b", "ringme_client_id": null,
            "wrap_up_time": 15,
        });
        let own = made(&all).unwrap();
        assert_eq!(own.tenant.domain.as_deref(), Some("acme.example"));
        assert_eq!((own.tenant.own_trunks, own.times.wrap_up_time), (true, Some(15)));
        assert_eq!(own.ids.cti_app_id.as_deref(), Some("a\"b"));
        let text = "sip.domain = \"x\"\n[[tenant]]\nid = \"acme\"\nprefix = \"9031\"\n\
            domain = \"acme.example\"\ntimezone = \"Asia/Shanghai\"\ncountry_code = \"86\"\n\
            emergency = [\"110\"]\npark_to = \"9001\"\nown_trunks = true\ncti_app_id = 'a\"b'\n\
            wrap_up_time = 15\n";
        let file = crate::config::parse(text, "f").unwrap();
        assert_eq!(MadeTenant::of(&file.core, &file.shell, "acme"), Some(own.clone()));
        // Joined it is as the file would have it, and parted nothing of it is left.
        let mut other = crate::config::parse("sip.domain = \"x\"\n", "f").unwrap();
        let before = (other.core.clone(), other.shell.clone());
        own.join(&mut other.core, &mut other.shell);
        assert_eq!(other.core.tenants, file.core.tenants);
        assert_eq!(other.core.acd, file.core.acd);
        assert!(other.core.zones.contains_key("Asia/Shanghai"));
        part(&mut other.core, &mut other.shell, "acme");
        other.core.zones.clone_from(&before.0.zones);
        assert_eq!((other.core, other.shell), before);
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_the_file() {
        for (wrong, says) in [
            (json!({"id": "a b"}), "id: \"a b\" is no name"),
            (json!({"id": "a", "prefix": "x1"}), "prefix: \"x1\""),
            (json!({"id": "a", "timezone": "Mars"}), "timezone: \"Mars\" is no time zone"),
            (json!({"id": "a", "country_code": "8686"}), "country_code: "),
            (json!({"id": "a", "domain": "a\u{7f}\n"}), "domain: "),
            (json!({"id": "a", "emergency": ["x"]}), "emergency: "),
            (json!({"id": "a", "cti_app_id": ""}), "cti_app_id: is empty"),
            (json!({"id": "a", "wrap_up_time": 999_999}), "wrap_up_time: "),
            (json!({"id": ""}), "id: is empty"),
            (json!({"id": ".."}), "id: \"..\" is no name"),
            (json!({"id": "sounds"}), "id: is a folder"),
        ] {
            let problem = made(&wrong).unwrap_err();
            assert!(problem.contains(says) && !problem.contains(TITLE), "{wrong}: {problem}");
        }
    }

    #[test]
    fn nobody_takes_what_names_another() {
        let text = "sip.domain = \"pbx.example\"\n[[tenant]]\nid = \"t\"\nprefix = \"90\"\n\
            domain = \"t.example\"\ncti_app_id = \"app\"\n[[tenant]]\nid = \"bare\"\n";
        let file = crate::config::parse(text, "f").unwrap();
        let clash = |value: Value| made(&value).unwrap().clash(&file.core, &file.shell);
        for (taken, says) in [
            (json!({"id": "t", "prefix": "1"}), "there is a tenant t"),
            (json!({"id": "n", "prefix": "90"}), "prefix: is that of tenant t"),
            (json!({"id": "n", "domain": "T.example"}), "domain: is that of tenant t"),
            (json!({"id": "n", "domain": "PBX.example"}), "domain: is the switch's own"),
            (json!({"id": "n"}), "tenant bare has neither too"),
            (json!({"id": "n", "prefix": "1", "cti_app_id": "app"}), "cti_app_id: names tenant t"),
            (json!({"id": "app", "prefix": "1"}), "cti_app_id: names tenant t"),
            (json!({"id": "n", "prefix": "1", "cti_app_id": "bare"}), "cti_app_id: names tenant"),
            (json!({"id": "n", "prefix": "1", "ringme_client_id": "t"}), "ringme_client_id: "),
        ] {
            let problem = clash(taken.clone()).unwrap_or_default();
            assert!(problem.contains(says), "{taken}: {problem}");
        }
        assert_eq!(clash(json!({"id": "n", "prefix": "901"})), None);
        assert_eq!(clash(json!({"id": "n", "domain": "n.example", "cti_app_id": "t"})), None);
    }
}
