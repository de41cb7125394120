//! An audio callback: 187 times a second a sound card wants 256 samples of 48 kHz, now. They come through a lock-free ring from a role
//! that renders ahead; where it has not been fast enough, the callback plays silence and counts an underrun. The callback
//! neither waits nor allocates.
//!
//! `cargo run --release -p amp-executor --example audio_callback`, and the seconds that it is to play, 1 if left out
//!
//! It prints how much was played, the underruns, and how late the callbacks were. It fails if a sample was lost, doubled or changed,
//! and aborts if the callback allocates; underruns are the machine's affair.

use std::error::Error;
use std::f32::consts::TAU;
use std::thread;
use std::time::Duration;

use amp_executor::{AmpExecutor, Role, RolePlan, RoleRequest, with_state};
use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use rtrb::{Consumer, Producer, RingBuffer};

/// Ends the program where memory is allocated or freed in `assert_no_alloc`.
#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

const AUDIO: Role = Role::new("audio");
const SYNTH: Role = Role::new("synth");

const SAMPLE_RATE: usize = 48_000;
const BUFFER: usize = 256;
/// How far the synth may be ahead: 43 ms.
const AHEAD: usize = 8 * BUFFER;

/// Sample `n` of a concert A.
fn tone(n: usize) -> f32 {
    (TAU * 440.0 * (n % SAMPLE_RATE) as f32 / SAMPLE_RATE as f32).sin()
}

/// The sound card. It belongs to the callback's core.
#[derive(Clone, Copy)]
struct Card {
    buffer: [f32; BUFFER],
    played: usize,
    wrong: usize,
    underruns: usize,
}

impl Card {
    const SILENT: Self = Self { buffer: [0.0; BUFFER], played: 0, wrong: 0, underruns: 0 };

    /// What the card calls for each buffer: fills it in time, with whatever there is.
    fn callback(&mut self, samples: &mut Consumer<f32>) {
        let Ok(chunk) = samples.read_chunk(BUFFER) else {
            self.buffer.fill(0.0);
            self.underruns += 1;
            return;
        };
        for (place, sample) in self.buffer.iter_mut().zip(chunk) {
            *place = sample;
        }
        self.play();
    }

    /// Has ears instead of a loudspeaker.
    fn play(&mut self) {
        let expected = (self.played..).map(tone);
        self.wrong +=
            self.buffer.iter().zip(expected).filter(|(is, expected)| *is != expected).count();
        self.played += BUFFER;
    }
}

/// Fills the ring.
fn render(next: &mut usize, ring: &mut Producer<f32>) {
    while ring.push(tone(*next)).is_ok() {
        *next += 1;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let time = Duration::from_secs(std::env::args().nth(1).map_or(Ok(1), |text| text.parse())?);
    let plan = RolePlan::suggest([
        RoleRequest::new(AUDIO).cores(1).latency_critical(),
        RoleRequest::new(SYNTH),
    ])?;
    let amp =
        AmpExecutor::builder().plan(plan.into_plan()).state(AUDIO, |_core| Card::SILENT).build()?;
    let (audio, synth) = (amp.role(AUDIO)?, amp.role(SYNTH)?);
    let one_buffer = Duration::from_secs(BUFFER as u64) / SAMPLE_RATE as u32;

    // The synth is ahead before the first callback, and looks twice for each of them.
    let (mut ring, mut samples) = RingBuffer::new(AHEAD);
    let mut next = 0;
    render(&mut next, &mut ring);
    let rendering = synth.spawn_every(one_buffer / 2, move || render(&mut next, &mut ring))?;
    let playing = audio.spawn_every(one_buffer, move || {
        assert_no_alloc(|| with_state(|card: &mut Card| card.callback(&mut samples)))
            .expect("the role has a card");
    })?;

    thread::sleep(time);
    playing.stop();
    rendering.stop();
    let late = playing.lateness();
    println!(
        "{} callbacks, {} missed; begun late by p50 {:?}, p99 {:?}, max {:?}",
        playing.runs(),
        playing.missed(),
        late.p50,
        late.p99,
        late.max
    );
    playing.join()?;
    rendering.join()?;
    let card = audio.with_state(|card: &mut Card| *card)?.join()?;
    println!(
        "{:.2} s of sound, {} underruns, {} wrong samples; {}",
        card.played as f64 / SAMPLE_RATE as f64,
        card.underruns,
        card.wrong,
        amp.shutdown()
    );
    if card.played == 0 || card.wrong > 0 {
        return Err("the sound is not what it should be".into());
    }
    Ok(())
}
