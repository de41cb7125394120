//! On what it was measured.

use maud::{Markup, html};

use super::format;
use crate::compare::report::Report;

/// The header of every report, and the noise floor.
pub(super) fn section(report: &Report) -> Markup {
    html! {
        section #machine aria-labelledby="machine-heading" {
            h2 #machine-heading { "The machine" }
            dl .machine {
                @for (name, value) in lines(&report.hardware.to_string()) {
                    div { dt { (name) } dd { (value) } }
                }
            }
            (noise(report))
        }
    }
}

/// Names and values of a header. A line that is indented goes on with the value before it.
fn lines(header: &str) -> Vec<(String, String)> {
    let mut lines: Vec<(String, String)> = Vec::new();
    for line in header.lines().filter(|line| !line.trim().is_empty()) {
        match (line.split_once("  "), lines.last_mut()) {
            (Some((name, value)), _) if !name.is_empty() => {
                lines.push((name.to_owned(), value.trim().to_owned()));
            }
            (_, Some((_, value))) if line.starts_with(' ') => {
                value.push_str("; ");
                value.push_str(line.trim());
            }
            _ => lines.push((String::new(), line.trim().to_owned())),
        }
    }
    lines
}

fn noise(report: &Report) -> Markup {
    let noise = &report.noise;
    let worst = noise.cpus.iter().map(|cpu| cpu.p99_delay_ns).max();
    html! {
        h3 { "Noise floor" }
        @match worst {
            None => p { "Not measured." },
            Some(worst) => {
                p {
                    "Before the first turn a thread on each CPU did nothing but read the clock for " (format::time(noise.watched_s * 1e9))
                    ". Whoever wanted to run at a random instant would have waited for up to " strong { (format::time(worst as f64)) }
                    " in 99 of 100 cases, on the worst CPU. No tail below that can be trusted."
                }
                div .scroll role="group" tabindex="0" aria-label="Noise floor" {
                    table .figures {
                        caption { "Interruptions of a thread that only reads the clock" }
                        thead {
                            tr {
                                @for name in ["CPU", "interruptions/s", "longest", "time lost", "delay, p99", "delay, p99.9"] {
                                    th .number scope="col" { (name) }
                                }
                            }
                        }
                        tbody {
                            @for cpu in &noise.cpus {
                                tr {
                                    th .number scope="row" { (cpu.cpu) @if !cpu.pinned { " (not pinned)" } }
                                    td .number { (format::count(cpu.hiccups_per_second)) }
                                    td .number { (format::time(cpu.longest_ns as f64)) }
                                    td .number { (format::percent(cpu.lost_share)) }
                                    td .number { (format::time(cpu.p99_delay_ns as f64)) }
                                    td .number { (format::time(cpu.p999_delay_ns as f64)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_names_and_values() {
        let header = "CPU            A CPU, 2 cores\nplacement      a\n               b\njust this";
        let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected =
            [text("CPU", "A CPU, 2 cores"), text("placement", "a; b"), text("", "just this")];
        assert_eq!(lines(header), expected);
    }
}
