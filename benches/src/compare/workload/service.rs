//! What a task does: the field `service`.

use std::path::Path;

use super::Service;
use super::fields::{Field, Table};
use crate::checksum::Input;

/// The most numbers to sort: 1 GiB of them.
const MOST_ELEMENTS: usize = (1 << 30) / size_of::<u64>();

/// At 4, the mean is 3,000 times the median, and one task in ten thousand takes three million times the median.
const LARGEST_SIGMA: f64 = 4.0;

/// The word for the sources of the crates that this workspace depends on.
const DEPENDENCIES: &str = "dependencies";

/// Reads the field.
pub(super) fn read(field: &Field<'_>, directory: &Path) -> Option<Service> {
    let table = field.table()?;
    let (kind, value) = table.one_of(&[
        "fixed",
        "exponential",
        "bimodal",
        "lognormal",
        "sha256",
        "zstd",
        "json",
        "sort",
        "read",
    ])?;
    let service = match kind {
        "fixed" => value.time().map(Service::Fixed),
        "exponential" => value.time().map(|mean| Service::Exponential { mean }),
        "bimodal" => bimodal(&table, &value),
        "lognormal" => lognormal(&table, &value),
        "sha256" => value.size().map(|bytes| Service::Sha256 { bytes }),
        "zstd" => value.size().map(|bytes| Service::Zstd { bytes }),
        "json" => value.size().map(|bytes| Service::Json { bytes }),
        "sort" => value.count(MOST_ELEMENTS).map(|elements| Service::Sort { elements }),
        _ => files(&value, directory),
    };
    table.end();
    service
}

fn bimodal(table: &Table<'_>, times: &Field<'_>) -> Option<Service> {
    let share = table.need("long");
    let share = share.and_then(|field| match field.part()? {
        part if part > 0.0 && part < 1.0 => Some(part),
        part => field.refuse(format!("a part of {part} is not above 0 and below 1, or \"100%\"")),
    });
    let [short, long] = match times.elements()?.as_slice() {
        [short, long] => [short.time(), long.time()],
        _ => return times.refuse("expected two times: the short one and the long one"),
    };
    let (short, long) = (short?, long?);
    if short >= long {
        return times.refuse("the short time comes first, and is below the long one");
    }
    Some(Service::Bimodal { short, long, long_share: share? })
}

fn lognormal(table: &Table<'_>, median: &Field<'_>) -> Option<Service> {
    let sigma = table.need("sigma").and_then(|field| match field.number()? {
        sigma if (0.0..=LARGEST_SIGMA).contains(&sigma) => Some(sigma),
        sigma => field.refuse(format!("a sigma of {sigma} is not from 0 to {LARGEST_SIGMA}")),
    });
    let median = median.time()?;
    Some(Service::Lognormal { median, sigma: sigma? })
}

fn files(field: &Field<'_>, directory: &Path) -> Option<Service> {
    let text = field.text()?;
    let input = if text == DEPENDENCIES {
        Input::dependencies()
    } else {
        Input::path(&directory.join(text))
    };
    let listing = match input {
        Ok(input) => input.list(),
        Err(error) => return field.refuse(format!("{error:#}")),
    };
    if listing.files.is_empty() {
        let reason = listing.unreadable.first().map_or_else(
            || format!("there is no file in {text:?}"),
            |first| format!("{} cannot be read: {}", first.path.display(), first.reason),
        );
        return field.refuse(reason);
    }
    Some(Service::Read { files: listing.files })
}
