//! What `benches role-latency`, `role-throughput` and `role-wake` measure, by criterion.
//!
//! | group | what is timed | the receiver before |
//! |---|---|---|
//! | `one_way` | from just before a message is sent to the receiver's first instruction | spins |
//! | `round_trip` | until the sender has seen the task's end | spins |
//! | `parked` | as `one_way` | has slept for a while |
//! | `throughput_N_producers` | until the last message has run, for one of them | |

use std::thread;
use std::time::Duration;

use benches::Hardware;
use benches::role_channel::throughput::{self, Amount, Cores, Load, Size};
use benches::role_channel::{
    ChannelKind, Place, Setup, Waiting, Way, compute, latency, open, wake,
};
use criterion::{Criterion, SamplingMode, Throughput};

/// Between two messages.
const AWAKE: Duration = Duration::from_micros(10);
const PARKED: Duration = Duration::from_micros(200);

fn main() {
    let hardware = Hardware::read();
    println!("{hardware}");
    let place = Place::choose().unwrap();
    println!("{place}\n");
    // Criterion plans by the time that is reported, in the first groups a small part of the time that passes.
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(20))
        .measurement_time(Duration::from_millis(100))
        .sample_size(20)
        // The default of 100,000 takes longer than the measurement.
        .nresamples(10_000)
        .configure_from_args();
    let setup = |waiting| Setup { place: place.clone(), producers: 1, capacity: 64, waiting };
    let spin = setup(Waiting::Spin);
    exchange(&mut criterion, "one_way", Way::OneWay, &spin, AWAKE, &latency::PEERS);
    exchange(&mut criterion, "round_trip", Way::RoundTrip, &spin, AWAKE, &latency::PEERS);
    let park = setup(Waiting::Park);
    exchange(&mut criterion, "parked", Way::OneWay, &park, PARKED, &wake::PEERS);
    for producers in [1, 2, 8] {
        messages(&mut criterion, producers, &place);
    }
    criterion.final_summary();
}

fn exchange(
    criterion: &mut Criterion,
    name: &str,
    way: Way,
    setup: &Setup,
    pause: Duration,
    peers: &[ChannelKind],
) {
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat);
    for peer in peers {
        // criterion calls this closure for every sample, and not at all where a filter leaves it out.
        let mut receiver = None;
        group.bench_function(peer.to_string(), |bencher| {
            let exchange = receiver.get_or_insert_with(|| open(*peer, setup).unwrap());
            bencher.iter_custom(|iterations| {
                // A thread of its own: a bound main thread would bind every thread it starts later.
                thread::scope(|scope| {
                    let timed = scope.spawn(|| {
                        setup.place.bind(setup.place.from).unwrap();
                        let mut nanos = 0;
                        for _ in 0..iterations {
                            compute(pause);
                            nanos += exchange.exchange(way);
                        }
                        Duration::from_nanos(nanos)
                    });
                    timed.join().unwrap()
                })
            });
        });
    }
    group.finish();
}

fn messages(criterion: &mut Criterion, producers: usize, place: &Place) {
    let plural = if producers == 1 { "" } else { "s" };
    let mut group = criterion.benchmark_group(format!("throughput_{producers}_producer{plural}"));
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(1));
    let load = Load { cores: Cores::All, producers, size: Size::Line, capacity: 1024 };
    for peer in throughput::PEERS.iter().filter(|peer| load.suits(**peer)) {
        group.bench_function(peer.to_string(), |bencher| {
            bencher.iter_custom(|messages| {
                let each = load.measure(*peer, place, Amount::Messages(messages)).unwrap();
                Duration::from_secs_f64(each * messages as f64 / 1e9)
            });
        });
    }
    group.finish();
}
