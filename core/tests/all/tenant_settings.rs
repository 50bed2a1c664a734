//! What a tenant sets for all of its calls: who may, what is refused, and that it is remembered.

use strowger_core::vocab::settings::{TenantSettings, TenantSettingsRecord};
use strowger_core::vocab::{Command, CommandError, Done, Query, Record, Reply, Restored, Role};

use crate::common::*;
use crate::exchange::Exchange;

fn set(own: &mut Exchange, settings: &TenantSettings) -> Result<Done, CommandError> {
    match own.command(Command::TenantSettings(Box::new(settings.clone()))) {
        Reply::Command(done) => done,
        other => panic!("{other:?}"),
    }
}

fn shown(own: &mut Exchange) -> TenantSettings {
    match own.query(Query::TenantSettings) {
        Reply::TenantSettings(settings) => *settings,
        other => panic!("{other:?}"),
    }
}

/// Sounds that came over HTTP.
const OWN: &str = "recorded:sounds/demo/0123456789abcdef0123456789abcdef";
const OTHERS: &str = "recorded:sounds/other/0123456789abcdef0123456789abcdef";

fn music(prompt: &str) -> TenantSettings {
    TenantSettings { hold_music: Some(prompt.into()), ..TenantSettings::default() }
}

#[test]
fn what_is_set_is_shown_stored_once_and_restored() {
    let mut own = Exchange::new(two_companies());
    assert_eq!(shown(&mut own), TenantSettings::default());
    let settings = TenantSettings { wrap_up_time: Some(5), ..music(OWN) };
    assert_eq!(set(&mut own, &settings), Ok(Done::Ordered));
    assert_eq!(set(&mut own, &settings), Ok(Done::Ordered));
    assert_eq!(shown(&mut own), settings);
    let stored: Vec<TenantSettingsRecord> = own
        .records
        .iter()
        .filter_map(|record| match record {
            Record::TenantSettings(record) => Some((**record).clone()),
            _ => None,
        })
        .collect();
    assert_eq!(stored.len(), 1, "what holds already is not written again");
    let restored = Restored { tenant_settings: stored, ..Restored::default() };
    let mut again = Exchange::restored(two_companies(), restored);
    assert_eq!(shown(&mut again), settings);
}

#[test]
fn wrong_values_others_recordings_and_others_keys_are_refused() {
    let mut own = Exchange::new(two_companies());
    let long = TenantSettings { wrap_up_time: Some(86_401), ..TenantSettings::default() };
    for wrong in [music("../x"), music(OTHERS), music("recorded:call.1"), long] {
        let refused = set(&mut own, &wrong);
        assert!(matches!(refused, Err(CommandError::Invalid(_))), "{wrong:?}: {refused:?}");
    }
    for role in [Role::Supervisor, Role::Agent, Role::User, Role::ReadOnly] {
        let order = Command::TenantSettings(Box::new(music("music/hold")));
        let reply = own.command_by(Exchange::principal(role), order);
        assert!(matches!(reply, Reply::Command(Err(CommandError::Forbidden(_)))), "{role:?}");
    }
    assert_eq!(shown(&mut own), TenantSettings::default());
}
