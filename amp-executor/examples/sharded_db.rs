//! A table in memory, cut into one shard per core: who has the key has the core, so that no row needs a lock.
//!
//! `cargo run --release -p amp-executor --example sharded_db`

use std::collections::HashMap;
use std::error::Error;

use amp_executor::cpu::{CpuControl, SystemCpus};
use amp_executor::{AmpExecutor, JoinHandle, Role, RoleConfig, RoleHandle, SpawnError};

const DB: Role = Role::new("db");
const WEB: Role = Role::new("web");

/// The accounts of one core.
type Shard = HashMap<String, i64>;

#[derive(Clone)]
struct Accounts(RoleHandle);

impl Accounts {
    /// Adds to an account, where it is; the future is ready with the new balance.
    fn add(&self, name: String, amount: i64) -> Result<JoinHandle<i64>, SpawnError> {
        self.0.keyed(&name).with_state(move |shard: &mut Shard| {
            let balance = shard.entry(name).or_default();
            *balance += amount;
            *balance
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let cores: Vec<usize> = SystemCpus.allowed()?.iter().collect();
    let amp = AmpExecutor::builder()
        .role(RoleConfig::new(DB).cores(cores.clone()).shared())
        .role(RoleConfig::new(WEB).cores([cores[0]]).shared())
        .state(DB, |_core| Shard::new())
        // Requests end before the table that they use.
        .shutdown_order([WEB, DB])
        .build()?;
    let (db, web) = (amp.role(DB)?, amp.role(WEB)?);

    // Each request is a future: while it waits for a row, the next one goes on.
    let requests = (0..10_000).map(|number| {
        let accounts = Accounts(db.clone());
        web.spawn_future(async move {
            let name = format!("customer {}", number % 100);
            Ok::<_, Box<dyn Error + Send + Sync>>(accounts.add(name, 1)?.await?)
        })
    });
    let requests = requests.collect::<Result<Vec<_>, _>>()?;
    let mut highest = 0;
    for request in requests {
        highest = highest.max(request.join()?.map_err(|error| error.to_string())?);
    }
    println!("highest balance: {highest}");

    for core in cores {
        let shard = db.on_core(core)?;
        let count = |shard: &mut Shard| (shard.len(), shard.values().sum::<i64>());
        let (rows, total) = shard.with_state(count)?.join()?;
        println!("core {core}: {rows} rows, {total} in total");
    }
    println!("{}", amp.shutdown());
    Ok(())
}
