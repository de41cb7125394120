//! The tables `[[class]]`, each by itself.

use std::time::Duration;

use executor_common::Role;

use super::arrival::{self, Context};
use super::fields::{Field, Table};
use super::problem::{At, Given};
use super::{Arrival, Objective, Service, service};

/// The most tasks that one request can consist of.
pub(super) const MOST_TASKS: usize = 100_000;

/// A class as the file has it, before it is known which others there are. Where something could not be read, that has been noted
/// and there is nothing.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// The whole table.
    pub(super) at: At,
    pub(super) name: Option<Given<&'a str>>,
    pub(super) role: Option<Given<Role>>,
    /// There is one, whether or not it could be read.
    pub(super) arrival: Option<Given<Option<Arrival>>>,
    pub(super) service: Option<Given<Service>>,
    pub(super) spawns: Vec<SpawnEntry<'a>>,
    pub(super) then: Option<Given<&'a str>>,
    /// All of `spawns` and `then` could be read.
    pub(super) is_followed: bool,
    pub(super) deadline: Option<Given<Duration>>,
    pub(super) objectives: Option<Given<Vec<Objective>>>,
    pub(super) scales: bool,
}

/// One of a class's `spawns`.
#[derive(Debug)]
pub(super) struct SpawnEntry<'a> {
    pub(super) class: Given<&'a str>,
    pub(super) count: usize,
    pub(super) chance: f64,
}

impl<'a> Entry<'a> {
    /// Reads one table.
    pub(super) fn read(table: Table<'a>, context: &Context<'_>) -> Self {
        let name = table.need("name").and_then(|field| given(&field, field.name()));
        let role = match table.get("role") {
            Some(field) => given(&field, field.name()),
            None => name.clone(),
        };
        let arrival = table
            .get("arrival")
            .map(|field| Given { at: field.at.clone(), value: arrival::read(&field, context) });
        let service = table
            .need("service")
            .and_then(|field| given(&field, service::read(&field, context.directory)));
        let spawns = table.get("spawns").map(|field| field.elements());
        let spawns: Option<Vec<_>> = spawns.map_or(Some(Vec::new()), |fields| {
            fields.map(|fields| fields.iter().map(SpawnEntry::read).collect())
        });
        let then = table.get("then").map(|field| given(&field, field.text()));
        let is_followed = then.as_ref().is_none_or(Option::is_some)
            && spawns.as_ref().is_some_and(|all| all.iter().all(Option::is_some));
        let entry = Self {
            at: table.at.clone(),
            name,
            role: role.map(|role| Given { at: role.at, value: Role::intern(role.value) }),
            arrival,
            service,
            spawns: spawns.into_iter().flatten().flatten().collect(),
            then: then.flatten(),
            is_followed,
            deadline: table.get("deadline").and_then(|field| given(&field, field.time())),
            objectives: table.get("slo").and_then(|field| given(&field, field.objectives())),
            scales: table.get("scales").and_then(|field| field.flag()).unwrap_or(true),
        };
        table.end();
        entry
    }
}

impl<'a> SpawnEntry<'a> {
    fn read(field: &Field<'a>) -> Option<Self> {
        let table = field.table()?;
        let class = table.need("class").and_then(|field| given(&field, field.text()));
        let count = table.get("count").map_or(Some(1), |field| field.count(MOST_TASKS));
        let chance = table.get("chance").map_or(Some(1.0), |field| field.chance());
        table.end();
        Some(Self { class: class?, count: count?, chance: chance? })
    }
}

fn given<T>(field: &Field<'_>, value: Option<T>) -> Option<Given<T>> {
    Some(Given { at: field.at.clone(), value: value? })
}
