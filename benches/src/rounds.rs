//! Measuring programs on peers that take turns.
//!
//! A virtual machine's speed drifts within seconds, so figures that were taken one after the other cannot be compared. Here all
//! peers have a turn in every round, right after each other, and their times are compared within the round.
//!
//! | file | what it is |
//! |---|---|
//! | `program` | what is measured: a program, then with its input, then on a peer's pool |
//! | `depth` | where on the stack a repetition runs |
//! | `measure` | the rounds |
//! | `figures` | medians and paired ratios |
//! | `percentiles` | what is said of many samples |
//! | `target`, `report` | what is wanted, and the table |
//! | `turns` | the options of everything in which peers take turns |
//! | `command` | the options, and the run: all that a subcommand shares with the others |

mod command;
mod depth;
mod figures;
mod measure;
mod percentiles;
mod program;
mod report;
mod target;
mod turns;

pub use command::{Manner, RoundsArgs, run, save, write_machine};
pub use depth::{DEPTHS, deeper};
pub use figures::{Figures, Spread, Times};
pub(crate) use measure::in_turn;
pub use measure::{MAX_REPETITIONS, Plan, Turns, measure, on_a_thread, take_turns};
pub use percentiles::Percentiles;
pub(crate) use percentiles::new_histogram;
pub use program::{AnyProgram, Contender, Kind, Prepared};
pub use report::{duration, ratio};
pub use target::{Judged, Target};
pub use turns::{TurnsArgs, time_of};
