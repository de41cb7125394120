//! `benches top`: its options, the keys, one frame as text.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use executor_common::MetricsServer;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};

use super::program::running;
use super::rates::History;
use super::view::View;

/// A frame as text is so wide.
const TEXT_WIDTH: u16 = 110;

/// Options of `benches top`.
#[derive(Clone, Debug, Args)]
pub struct TopArgs {
    /// Prints one frame as text, and ends; exit code 1 if no program is there to be shown
    #[arg(long)]
    pub once: bool,
    /// How often to look, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 250, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub interval: u64,
    /// Where programs show their executors; by default where `MetricsServer` puts it
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

/// Shows running executors until `q` is pressed, or once. False if there was nothing to show once.
///
/// # Errors
///
/// The directory cannot be read, or the terminal cannot be used.
pub fn run(args: &TopArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let mut looks = Looks::new(args);
    if args.once {
        return once(&mut looks, out);
    }
    let interval = Duration::from_millis(args.interval);
    ratatui::run(|terminal| {
        let mut view = looks.look(0)?;
        loop {
            terminal.draw(|frame| view.draw(frame))?;
            if event::poll(interval)? && !handle(&event::read()?, &mut view) {
                return Ok(true);
            }
            view = looks.look(view.selected)?;
        }
    })
}

/// False if the key means the end.
fn handle(event: &Event, view: &mut View) -> bool {
    let Event::Key(key) = event else { return true };
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return false,
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return false,
        KeyCode::Down | KeyCode::Char('j') => view.select(true),
        KeyCode::Up | KeyCode::Char('k') => view.select(false),
        _ => {}
    }
    true
}

/// Two looks, so that the bars are about now; the second when each program has shown something new.
fn once(looks: &mut Looks, out: &mut impl Write) -> anyhow::Result<bool> {
    let first = looks.look(0)?;
    let slowest = first.programs.iter().map(|(program, _)| program.interval()).max();
    std::thread::sleep(slowest.unwrap_or_default() * 2);
    let mut view = looks.look(0)?;
    if view.programs.is_empty() {
        writeln!(out, "no program shows its executor in {}", view.directory)?;
        return Ok(false);
    }
    for selected in 0..view.programs.len() {
        view.selected = selected;
        write!(out, "{}", text(&view)?)?;
    }
    Ok(true)
}

/// A frame without colours.
pub(super) fn text(view: &View) -> anyhow::Result<String> {
    let mut terminal = Terminal::new(TestBackend::new(TEXT_WIDTH, view.height()))?;
    terminal.draw(|frame| view.draw(frame))?;
    let mut text = String::new();
    for line in terminal.backend().buffer().content().chunks(usize::from(TEXT_WIDTH)) {
        let line: String = line.iter().map(|cell| cell.symbol()).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    Ok(text)
}

/// Looks at the directory, and remembers the one before.
struct Looks {
    directory: PathBuf,
    history: History,
}

impl Looks {
    fn new(args: &TopArgs) -> Self {
        let directory = args.directory.clone().unwrap_or_else(MetricsServer::directory);
        Self { directory, history: History::default() }
    }

    fn look(&mut self, selected: usize) -> anyhow::Result<View> {
        let programs = self.history.update(running(&self.directory)?);
        let selected = selected.min(programs.len().saturating_sub(1));
        Ok(View { programs, selected, directory: self.directory.display().to_string() })
    }
}
