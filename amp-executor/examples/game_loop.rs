//! A game's frame task: 60 times a second on a core of its own, whatever the loading of assets does on the others.
//!
//! `cargo run --release -p amp-executor --example game_loop`, and the seconds that it is to run, 1 if left out
//!
//! It prints why which role has which core, how the frames went, and how many assets came. It fails if a frame or an asset is
//! unaccounted for; how many frames were in time is the machine's affair.

use std::error::Error;
use std::hint::black_box;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, Role, RolePlan, RoleRequest, with_state};

const FRAME: Role = Role::new("frame");
const ASSETS: Role = Role::new("assets");

/// What the frame task works on. It is made on the frame's core, never leaves it, and needs no lock.
#[derive(Debug, Default)]
struct World {
    ticks: u64,
    /// Loads that have been asked for and have not come back.
    loading: usize,
    loaded: usize,
}

/// Something that takes too long for a frame.
fn load(asset: u64) -> u64 {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(20) {
        black_box(asset);
    }
    asset
}

fn main() -> Result<(), Box<dyn Error>> {
    let time = Duration::from_secs(std::env::args().nth(1).map_or(Ok(1), |text| text.parse())?);
    let suggestion = RolePlan::suggest([
        RoleRequest::new(FRAME).latency_critical(),
        RoleRequest::new(ASSETS).background(),
    ])?;
    println!("{suggestion}");
    let amp = AmpExecutor::builder()
        .plan(suggestion.into_plan())
        .state(FRAME, |_core| World::default())
        // Frames ask for assets, so they end first.
        .shutdown_order([FRAME, ASSETS])
        .build()?;
    amp.placement().iter().for_each(|worker| println!("{worker}"));

    let (frame, assets) = (amp.role(FRAME)?, amp.role(ASSETS)?);
    let (send_loaded, loaded) = mpsc::channel();
    let frames = frame.spawn_every(Duration::from_secs(1) / 60, move || {
        let tick = with_state(|world: &mut World| {
            world.ticks += 1;
            for _asset in loaded.try_iter() {
                world.loading -= 1;
                world.loaded += 1;
            }
            let (asset, send_loaded) = (world.ticks, send_loaded.clone());
            // A frame never waits: where there is no room, the next one asks again.
            if world.loading < 4 && assets.try_spawn(move || send_loaded.send(load(asset))).is_ok()
            {
                world.loading += 1;
            }
        });
        tick.expect("the frame's workers have a world");
    })?;

    std::thread::sleep(time);
    frames.stop();
    let (runs, missed, late) = (frames.runs(), frames.missed(), frames.lateness());
    println!(
        "{runs} frames, {missed} missed; begun late by p50 {:?}, p99 {:?}, max {:?}",
        late.p50, late.p99, late.max
    );
    frames.join()?;
    let world = frame.with_state(|world: &mut World| std::mem::take(world))?.join()?;
    println!("{} assets loaded, {} on their way", world.loaded, world.loading);
    let report = amp.shutdown();
    println!("{report}");

    if world.ticks < runs || world.loading > 4 || !report.is_clean() {
        return Err(format!("{runs} frames and a {world:?} do not add up").into());
    }
    Ok(())
}
