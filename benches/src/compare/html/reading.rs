//! How to read the page.

use maud::{Markup, html};

/// The meaning of what the tables and plots show.
pub(super) fn section() -> Markup {
    html! {
        section #reading aria-labelledby="reading-heading" {
            h2 #reading-heading { "How to read this" }
            dl .reading {
                div { dt { "Layout" } dd {
                    "An executor with the roles that it is given. SMP lets every worker run every task. AMP keeps cores for roles. All layouts run the same program text with the same requests."
                } }
                div { dt { "Latency" } dd {
                    "From the instant at which a request was to arrive, not from when it was handed over, to the end of its last task. So a layout that makes its source wait does not look better for it. A request that had not ended when the turn was over counts as if it had ended then. How late the source was by itself is in its own column."
                } }
                div { dt { "Rounds and medians" } dd {
                    "All layouts take turns in each round, in an order that is rotated, because a machine's speed drifts. Large figures are medians over the rounds; the small ones below are the lowest and the highest round."
                } }
                div { dt { "Draw" } dd {
                    "A difference that is within the spread of the rounds is none. In tables, " span .best-sample { "bold on a tint" } " is a figure whose worst round is better than every other layout's best one; where nothing is tinted, it is a draw."
                } }
                div { dt { "Brackets" } dd {
                    "A percentile in brackets rests on fewer requests than it takes for one to be above it. It says no more than the maximum does."
                } }
                div { dt { "Imbalance" } dd {
                    "Busy time of the busiest worker by the mean of all: 1 where all are equally busy."
                } }
                div { dt { "CPU time per task" } dd {
                    "Of the whole process, feeders and spinning workers included, by the tasks that ended."
                } }
                div { dt { "Dispersion" } dd {
                    "The standard deviation of a task's service time by its mean: 0 where all take the same, 1 where they are exponentially distributed."
                } }
                div { dt { "Figures for programs" } dd {
                    "The option " code { "--json" } " writes all of these as JSON, and " code { "--trace" } " the whole timelines in Chrome's trace format, which " span .nowrap { "ui.perfetto.dev" } " opens."
                } }
            }
        }
    }
}
