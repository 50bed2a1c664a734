//! Desk phones that fetch their settings, and the secrets that open them.
//!
//! A secret that an administrator makes opens once: with the first fetch it is spent, and the phone gets one of its own,
//! which opens until another is made. Only digests are kept; they are compared in constant time.

use std::collections::BTreeMap;

use subtle::ConstantTimeEq;

use crate::vocab::Record;
use crate::vocab::provision::{Fetch, PhoneConfig, PhoneRecord, PhoneView, SecretDigest};

/// Phones that may be defined over HTTP, of all tenants.
const MAX_PHONES: usize = 100_000;

/// Why an order is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is no such phone.
    Unknown,
    /// The file defines it.
    OfFile,
    /// Another tenant has it.
    Taken,
    /// There is no room for another.
    Full,
}

/// The secrets of a phone, as digests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Secrets {
    ticket: Option<SecretDigest>,
    own: Option<SecretDigest>,
}

/// All phones, by MAC address.
#[derive(Debug, Default)]
pub struct Phones {
    of_file: BTreeMap<String, PhoneConfig>,
    defined: BTreeMap<String, PhoneConfig>,
    secrets: BTreeMap<String, Secrets>,
}

impl Phones {
    /// Takes over the phones of the file.
    pub fn load(&mut self, phones: &[PhoneConfig]) {
        self.of_file = phones.iter().map(|own| (own.mac.clone(), own.clone())).collect();
    }

    /// What the last run left.
    pub fn restore(&mut self, records: Vec<PhoneRecord>) {
        for record in records {
            let PhoneRecord { mac, phone, ticket, own, .. } = record;
            self.defined.extend(phone.map(|phone| (mac.clone(), phone)));
            self.secrets.insert(mac, Secrets { ticket, own });
        }
    }

    /// A phone of any tenant.
    pub fn get(&self, mac: &str) -> Option<&PhoneConfig> {
        self.of_file.get(mac).or_else(|| self.defined.get(mac))
    }

    /// Forgets the phones of a tenant, with their secrets.
    pub fn forget_tenant(&mut self, tenant: &str) {
        let own: Vec<String> = self
            .secrets
            .keys()
            .chain(self.defined.keys())
            .filter(|mac| self.get(mac).is_some_and(|phone| phone.tenant == tenant))
            .cloned()
            .collect();
        for mac in own {
            self.defined.remove(&mac);
            self.secrets.remove(&mac);
        }
    }

    fn of_tenant(&self, tenant: &str, mac: &str) -> Result<&PhoneConfig, Refused> {
        self.get(mac).filter(|phone| phone.tenant == tenant).ok_or(Refused::Unknown)
    }

    /// Phones of a tenant, by MAC address.
    pub fn views(&self, tenant: &str) -> Vec<PhoneView> {
        let hidden = |mac: &&String| !self.of_file.contains_key(*mac);
        let macs = self.of_file.keys().chain(self.defined.keys().filter(hidden));
        let mut views: Vec<PhoneView> = macs.filter_map(|mac| self.view(tenant, mac)).collect();
        views.sort_by(|a, b| a.phone.mac.cmp(&b.phone.mac));
        views
    }

    /// A phone of a tenant.
    pub fn view(&self, tenant: &str, mac: &str) -> Option<PhoneView> {
        let phone = self.of_tenant(tenant, mac).ok()?;
        let secrets = self.secrets.get(&phone.mac).copied().unwrap_or_default();
        Some(PhoneView {
            phone: phone.clone(),
            from_file: self.of_file.contains_key(&phone.mac),
            ticket: secrets.ticket.is_some(),
            bound: secrets.own.is_some(),
        })
    }

    /// Defines a phone over HTTP.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn define(&mut self, phone: PhoneConfig) -> Result<Record, Refused> {
        if self.get(&phone.mac).is_some_and(|own| own.tenant != phone.tenant) {
            return Err(Refused::Taken);
        }
        if self.of_file.contains_key(&phone.mac) {
            return Err(Refused::OfFile);
        }
        if self.defined.len() >= MAX_PHONES && !self.defined.contains_key(&phone.mac) {
            return Err(Refused::Full);
        }
        let mac = phone.mac.clone();
        self.defined.insert(mac.clone(), phone);
        Ok(self.record(&mac))
    }

    /// Removes a phone that was defined over HTTP, with its secrets.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn remove(&mut self, tenant: &str, mac: &str) -> Result<Record, Refused> {
        self.of_tenant(tenant, mac)?;
        if self.of_file.contains_key(mac) {
            return Err(Refused::OfFile);
        }
        self.defined.remove(mac);
        self.secrets.remove(mac);
        Ok(Record::PhoneGone(mac.to_owned()))
    }

    /// A new secret opens once; all earlier ones open no more.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn issue(
        &mut self,
        tenant: &str,
        mac: &str,
        digest: SecretDigest,
    ) -> Result<Record, Refused> {
        self.of_tenant(tenant, mac)?;
        self.secrets.insert(mac.to_owned(), Secrets { ticket: Some(digest), own: None });
        Ok(self.record(mac))
    }

    /// A phone shows a secret. Which phone it is, and what is to be stored where the secret was spent by that. `None` for
    /// all that is wrong, alike.
    pub fn fetch(&mut self, fetch: &Fetch) -> Option<(PhoneConfig, Option<Record>)> {
        let is = |known: Option<SecretDigest>| {
            known.is_some_and(|known| bool::from(known.ct_eq(&fetch.digest)))
        };
        let secrets = self.secrets.get(&fetch.mac).copied()?;
        let phone = self.get(&fetch.mac).filter(|own| own.vendor == fetch.vendor)?.clone();
        if is(secrets.own) {
            return Some((phone, None));
        }
        if !is(secrets.ticket) {
            return None;
        }
        let spent = Secrets { ticket: None, own: Some(fetch.fresh) };
        self.secrets.insert(fetch.mac.clone(), spent);
        let record = self.record(&fetch.mac);
        Some((phone, Some(record)))
    }

    fn record(&self, mac: &str) -> Record {
        let secrets = self.secrets.get(mac).copied().unwrap_or_default();
        let tenant = self.get(mac).map(|phone| phone.tenant.clone()).unwrap_or_default();
        Record::Phone(Box::new(PhoneRecord {
            mac: mac.to_owned(),
            tenant,
            phone: self.defined.get(mac).cloned(),
            ticket: secrets.ticket,
            own: secrets.own,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::provision::Vendor;

    fn phone(tenant: &str, mac: &str) -> PhoneConfig {
        PhoneConfig {
            tenant: tenant.into(),
            mac: mac.into(),
            vendor: Vendor::Yealink,
            extensions: vec!["4567".into()],
            keys: Vec::new(),
        }
    }

    fn fetch(digest: u8, fresh: u8) -> Fetch {
        let (digest, fresh) = ([digest; 32], [fresh; 32]);
        Fetch { mac: "805ec0123456".into(), vendor: Vendor::Yealink, digest, fresh }
    }

    #[test]
    fn a_secret_opens_once_and_the_phones_own_until_another_is_made() {
        let mut phones = Phones::default();
        let mac = "805ec0123456";
        assert_eq!(phones.fetch(&fetch(1, 2)), None);
        phones.define(phone("t", mac)).unwrap();
        assert_eq!(phones.fetch(&fetch(1, 2)), None, "no secret was made");
        phones.issue("t", mac, [1; 32]).unwrap();
        assert_eq!(phones.fetch(&Fetch { vendor: Vendor::Snom, ..fetch(1, 2) }), None);
        assert_eq!(phones.fetch(&fetch(9, 2)), None);
        let (_, stored) = phones.fetch(&fetch(1, 2)).unwrap();
        let Some(Record::Phone(record)) = stored else { panic!("{stored:?}") };
        assert_eq!((record.ticket, record.own), (None, Some([2; 32])));
        assert_eq!(phones.fetch(&fetch(1, 3)), None, "it is spent");
        assert!(phones.fetch(&fetch(2, 3)).unwrap().1.is_none());
        // As after a restart.
        let mut again = Phones::default();
        again.restore(vec![*record]);
        assert!(again.fetch(&fetch(2, 3)).is_some());
        again.issue("t", mac, [4; 32]).unwrap();
        assert_eq!(again.fetch(&fetch(2, 3)), None, "another was made");
    }

    #[test]
    fn phones_belong_to_their_tenant_and_to_the_file() {
        let mut phones = Phones::default();
        phones.load(&[phone("t", "805ec0000001")]);
        assert_eq!(phones.define(phone("t", "805ec0000001")), Err(Refused::OfFile));
        assert_eq!(phones.define(phone("u", "805ec0000001")), Err(Refused::Taken));
        assert_eq!(phones.remove("t", "805ec0000001"), Err(Refused::OfFile));
        assert_eq!(phones.issue("u", "805ec0000001", [1; 32]), Err(Refused::Unknown));
        phones.define(phone("t", "805ec0000000")).unwrap();
        let macs: Vec<String> = phones.views("t").into_iter().map(|own| own.phone.mac).collect();
        assert_eq!(macs, ["805ec0000000", "805ec0000001"]);
        assert_eq!(phones.views("u"), []);
        assert!(phones.remove("t", "805ec0000000").is_ok());
    }

    #[test]
    fn a_mac_address_is_read_as_people_write_it() {
        for text in ["80:5E:C0:12:34:56", "80-5e-c0-12-34-56", "805EC0123456"] {
            assert_eq!(PhoneConfig::mac(text).as_deref(), Some("805ec0123456"));
        }
        assert_eq!(PhoneConfig::mac("805ec012345"), None);
        assert_eq!(PhoneConfig::mac("805ec012345g"), None);
    }
}
