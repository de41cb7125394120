//! A frame: the programs, and of the selected one a line per worker and per role.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Gauge, List, ListState, Paragraph};

use super::program::Program;
use super::rates::{Rates, Row};

/// What is to be drawn.
#[derive(Debug)]
pub(super) struct View {
    pub(super) programs: Vec<(Program, Rates)>,
    pub(super) selected: usize,
    /// Where programs are looked for, to say so where there is none.
    pub(super) directory: String,
}

/// Columns: name, utilisation, depth, tasks, events, stalls.
const COLUMNS: [Constraint; 6] = [
    Constraint::Fill(2),
    Constraint::Fill(3),
    Constraint::Fill(2),
    Constraint::Length(10),
    Constraint::Length(10),
    Constraint::Length(7),
];

/// Unbounded queues have bars that are full at the largest depth in sight, and at this one at the least.
const FULL_DEPTH: usize = 16;

impl View {
    /// The lines that a frame with everything takes.
    pub(super) fn height(&self) -> u16 {
        let rows = self
            .programs
            .get(self.selected)
            .map_or(1, |(_, rates)| block_height(&rates.workers) + block_height(&rates.roles));
        list_height(self.programs.len()) + rows + 1
    }

    /// The next program, or the one before.
    pub(super) fn select(&mut self, forward: bool) {
        let last = self.programs.len().saturating_sub(1);
        self.selected =
            if forward { (self.selected + 1).min(last) } else { self.selected.saturating_sub(1) };
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let Some((program, rates)) = self.programs.get(self.selected) else {
            let nothing = format!("No program shows its executor in {}.", self.directory);
            frame.render_widget(Paragraph::new(nothing), frame.area());
            return;
        };
        let [list, workers, roles, keys, _] = Layout::vertical([
            Constraint::Length(list_height(self.programs.len())),
            Constraint::Length(block_height(&rates.workers)),
            Constraint::Length(block_height(&rates.roles)),
            Constraint::Length(1),
            Constraint::Fill(1),
        ])
        .areas(frame.area());
        self.draw_programs(frame, list);
        draw_rows(frame, workers, "worker", "steals/s", &rates.workers);
        let (kind, refused) = match program.executor.as_str() {
            "amp" => ("role", "refused/s"),
            _ => ("label", ""),
        };
        draw_rows(frame, roles, kind, refused, &rates.roles);
        frame.render_widget(Line::from(" up/down: select    q: quit").dim(), keys);
    }

    fn draw_programs(&self, frame: &mut Frame<'_>, area: Rect) {
        let lines = self.programs.iter().map(|(program, rates)| {
            let busy: f64 = rates.workers.iter().map(|row| row.utilisation).sum();
            format!(
                "{} ({}, process {}), up {:.0} s: {:.0} % of {} workers, {} queued for all, {} live futures",
                program.name,
                program.executor,
                program.pid,
                program.metrics.uptime.as_secs_f64(),
                100.0 * busy / rates.workers.len().max(1) as f64,
                rates.workers.len(),
                program.metrics.global_queue_depth,
                program.metrics.live_futures,
            )
        });
        let list = List::new(lines)
            .block(Block::bordered().title(" executors "))
            .highlight_symbol("> ")
            .highlight_style(Style::new().add_modifier(Modifier::BOLD));
        let mut state = ListState::default().with_selected(Some(self.selected));
        frame.render_stateful_widget(list, area, &mut state);
    }
}

/// With its border.
fn list_height(programs: usize) -> u16 {
    programs as u16 + 2
}

/// With its border and its heading; nothing where there are none.
fn block_height(rows: &[Row]) -> u16 {
    if rows.is_empty() { 0 } else { rows.len() as u16 + 3 }
}

fn draw_rows(frame: &mut Frame<'_>, area: Rect, kind: &str, events: &str, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    let block = Block::bordered().title(format!(" {kind}s "));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let lines = inner.rows().collect::<Vec<_>>();
    let [heading, lines @ ..] = lines.as_slice() else { return };
    let headings = [kind, "utilisation", "queued", "tasks/s", events, "stalls"];
    for (number, (column, text)) in columns(*heading).into_iter().zip(headings).enumerate() {
        let text = Line::from(text).dim();
        let text = if number < 3 { text } else { text.right_aligned() };
        frame.render_widget(text, column);
    }
    let deepest = rows.iter().map(|row| row.depth).max().unwrap_or(0).max(FULL_DEPTH);
    for (row, line) in rows.iter().zip(lines) {
        draw_row(frame, *line, row, deepest);
    }
}

fn draw_row(frame: &mut Frame<'_>, line: Rect, row: &Row, deepest: usize) {
    let [name, utilisation, depth, tasks, events, stalls] = columns(line);
    frame.render_widget(Line::from(row.name.as_str()), name);
    let percent = format!("{:.0} %", 100.0 * row.utilisation);
    frame.render_widget(bar(row.utilisation, percent, load_colour(row.utilisation)), utilisation);
    let (full, label) = match row.capacity {
        0 => (deepest, row.depth.to_string()),
        capacity => (capacity, format!("{} of {capacity}", row.depth)),
    };
    let filled = (row.depth as f64 / full as f64).min(1.0);
    frame.render_widget(bar(filled, label, Color::Blue), depth);
    let number = |value: f64| Line::from(format!("{value:.0}")).right_aligned();
    frame.render_widget(number(row.tasks_per_second), tasks);
    frame.render_widget(number(row.events_per_second), events);
    let told = number(row.stalls as f64);
    frame.render_widget(if row.stalls == 0 { told } else { told.red().bold() }, stalls);
}

fn columns(line: Rect) -> [Rect; 6] {
    Layout::horizontal(COLUMNS).spacing(1).areas(line)
}

fn bar(ratio: f64, label: String, colour: Color) -> Gauge<'static> {
    Gauge::default()
        .ratio(ratio)
        .label(Span::from(label).white().bold())
        .use_unicode(true)
        .gauge_style(Style::new().fg(colour).bg(Color::DarkGray))
}

fn load_colour(utilisation: f64) -> Color {
    match utilisation {
        ..0.6 => Color::Green,
        0.6..0.85 => Color::Yellow,
        _ => Color::Red,
    }
}
