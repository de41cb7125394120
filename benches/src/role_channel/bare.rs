//! What two threads can do without any queue: the floors.
//!
//! | file | what it is |
//! |---|---|
//! | `flag` | one word in one cache line, on which both sides spin |
//! | `flag_box` | a pointer in one cache line; each message is allocated by the sender and freed by the receiver |
//! | `sleeper` | a word, and the kernel's futex, or the standard library's park |

mod flag;
mod flag_box;
mod sleeper;

use anyhow::bail;

use super::exchange::Exchange;
use super::kind::ChannelKind;
use super::place::Place;

pub(super) fn open(kind: ChannelKind, place: &Place) -> anyhow::Result<Box<dyn Exchange>> {
    match kind {
        ChannelKind::Flag => Ok(Box::new(flag::Flag::start(place)?)),
        ChannelKind::FlagBox => Ok(Box::new(flag_box::FlagBox::start(place)?)),
        ChannelKind::Park => Ok(Box::new(sleeper::Sleeper::<sleeper::StdPark>::start(place)?)),
        #[cfg(target_os = "linux")]
        ChannelKind::Futex => Ok(Box::new(sleeper::Sleeper::<sleeper::Futex>::start(place)?)),
        other => bail!("{other} takes no part on this system"),
    }
}
