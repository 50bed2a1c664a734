//! What one tenant has towards the outside: its numbers and routes, in the order in which they count.
//!
//! The file's come first, as they stand there; what was defined over HTTP follows, by position and name. So the order
//! is the same after a restart, and nothing that is defined over HTTP opens what the file has closed.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;

use crate::vocab::config::{Destination, Number, Route, RouteFrom};
use crate::vocab::{ExtensionKey, TrunkKey};

/// Where something stands among its like.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// In the file, at this place.
    File(usize),
    /// Behind all of the file's.
    Later(u32, String),
}

/// A route, ready to be compared with what is dialled.
#[derive(Debug)]
pub(super) struct Way {
    pub pattern: Regex,
    pub route: Route,
}

/// What routing looks up for one tenant.
#[derive(Debug, Default)]
pub(super) struct DialPlan {
    ways: BTreeMap<Rank, Way>,
    /// Where the routes stand, by their names.
    named: BTreeMap<String, Rank>,
    pub numbers: Numbers,
}

impl DialPlan {
    /// Adds a route, or replaces the one of its name.
    pub fn put_route(&mut self, rank: Rank, pattern: Regex, route: Route) {
        self.remove_route(&route.name);
        self.named.insert(route.name.clone(), rank.clone());
        self.ways.insert(rank, Way { pattern, route });
    }

    /// Removes a route. False where there is none.
    pub fn remove_route(&mut self, name: &str) -> bool {
        let rank = self.named.remove(name);
        rank.is_some_and(|rank| self.ways.remove(&rank).is_some())
    }

    /// A route, and its position where it is none of the file's.
    pub fn route(&self, name: &str) -> Option<(&Route, Option<u32>)> {
        let rank = self.named.get(name)?;
        Some((&self.ways.get(rank)?.route, position(rank)))
    }

    /// All routes in order, as [`DialPlan::route`] gives them.
    pub fn routes(&self) -> impl Iterator<Item = (&Route, Option<u32>)> + Clone {
        self.ways.iter().map(|(rank, way)| (&way.route, position(rank)))
    }

    /// The routes of extensions in order.
    pub fn of_extensions(&self) -> impl Iterator<Item = &Way> + Clone {
        self.ways.values().filter(|way| way.route.from == RouteFrom::Extension)
    }

    /// The routes of those who come by a trunk, in order.
    pub fn of_trunk<'a>(&'a self, trunk: &'a TrunkKey) -> impl Iterator<Item = &'a Way> + Clone {
        let from =
            move |way: &&Way| matches!(&way.route.from, RouteFrom::Trunk(own) if own == trunk);
        self.ways.values().filter(from)
    }
}

fn position(rank: &Rank) -> Option<u32> {
    match rank {
        Rank::File(_) => None,
        Rank::Later(position, _) => Some(*position),
    }
}

/// The numbers that a tenant has from its carriers.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    all: BTreeMap<Rank, Number>,
    /// By the form in which every way to write one number is equal.
    same: BTreeMap<String, BTreeSet<Rank>>,
    /// By the trunk's name.
    delivered: BTreeMap<String, BTreeSet<Rank>>,
    /// By the extension that they lead to.
    leading: BTreeMap<ExtensionKey, BTreeSet<Rank>>,
}

impl Numbers {
    /// Adds a number; `canonical` is its form of comparison.
    pub fn put(&mut self, rank: Rank, number: Number, canonical: String) {
        self.remove(&rank, &canonical);
        self.same.entry(canonical).or_default().insert(rank.clone());
        self.delivered.entry(number.trunk.name.clone()).or_default().insert(rank.clone());
        if let Destination::Extension(key) = &number.to {
            self.leading.entry(key.clone()).or_default().insert(rank.clone());
        }
        self.all.insert(rank, number);
    }

    /// Removes the number of this rank.
    pub fn remove(&mut self, rank: &Rank, canonical: &str) -> Option<Number> {
        let number = self.all.remove(rank)?;
        take_out(&mut self.same, canonical, rank);
        take_out(&mut self.delivered, number.trunk.name.as_str(), rank);
        if let Destination::Extension(key) = &number.to {
            take_out(&mut self.leading, key, rank);
        }
        Some(number)
    }

    /// In order.
    pub fn all(&self) -> impl Iterator<Item = &Number> + Clone {
        self.all.values()
    }

    /// All that are this number, however they are written.
    pub fn same_as(&self, canonical: &str) -> impl Iterator<Item = &Number> + Clone {
        self.at(self.same.get(canonical))
    }

    /// All that a trunk delivers.
    pub fn of_trunk(&self, name: &str) -> impl Iterator<Item = &Number> + Clone {
        self.at(self.delivered.get(name))
    }

    /// All that lead to this extension.
    pub fn leading_to(&self, key: &ExtensionKey) -> impl Iterator<Item = &Number> + Clone {
        self.at(self.leading.get(key))
    }

    fn at<'a>(
        &'a self,
        ranks: Option<&'a BTreeSet<Rank>>,
    ) -> impl Iterator<Item = &'a Number> + Clone {
        ranks.into_iter().flatten().filter_map(|rank| self.all.get(rank))
    }
}

fn take_out<K, Q>(index: &mut BTreeMap<K, BTreeSet<Rank>>, key: &Q, rank: &Rank)
where
    K: Ord + std::borrow::Borrow<Q>,
    Q: Ord + ?Sized,
{
    if let Some(ranks) = index.get_mut(key) {
        ranks.remove(rank);
        if ranks.is_empty() {
            index.remove(key);
        }
    }
}

/// Digits by which numbers of different tenants are compared.
const TAIL: usize = 7;

/// The end of a number, for looking it up whatever country its tenant is in; `None` for short ones, which are everybody's.
pub(super) fn tail(number: &str) -> Option<&str> {
    let digits = significant(number);
    digits.len().checked_sub(TAIL).and_then(|from| digits.get(from..))
}

/// Whether two tenants cannot both have these: one is the end of the other.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let (one, other) = (significant(one), significant(other));
    one.ends_with(other) || other.ends_with(one)
}

/// Without what stands in front of a number by country.
fn significant(number: &str) -> &str {
    number.trim_start_matches(['+', '0'])
}
