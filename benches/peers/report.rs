//! The figures as text: a table of medians, one of ratios, and how far the rounds were apart.

use std::fmt::Write as _;

use crate::FLOOR;
use crate::figures::{Figure, Figures, grouped};
use crate::resolvers::BASE;

/// What the figures are of.
pub(crate) struct About {
    pub(crate) date: String,
    pub(crate) machine: String,
    pub(crate) versions: Vec<String>,
    /// NSD's version.
    pub(crate) servers: String,
    pub(crate) rounds: usize,
    pub(crate) questions: usize,
    pub(crate) names: u64,
}

impl About {
    /// In two lines.
    pub(crate) fn lines(&self) -> [String; 2] {
        [
            format!("{}; {}; one thread each; medians of {} rounds.", self.date, self.machine, self.rounds),
            format!("{}; servers: NSD {}.", self.versions.join(", "), self.servers),
        ]
    }
}

/// Markdown.
pub(crate) fn markdown(figures: &Figures, columns: &[&'static str], about: &About) -> String {
    let mut text = String::new();
    let [one, two] = about.lines();
    writeln!(
        text,
        "{one} {two} {} questions in an internet of the lab's.\n",
        grouped(about.questions as u64)
    )
    .expect("text");
    let all: Vec<&'static str> = columns.iter().copied().chain([FLOOR]).collect();
    table(&mut text, "median", &all, about, |name, figure, digits| {
        figures.of(name, figure).map(|[median, ..]| format!("{median:.digits$}"))
    });
    table(&mut text, &format!("in relation to {BASE}"), columns, about, |name, figure, _| {
        figures.ratio(name, BASE, figure).map(|ratio| format!("{ratio:.2}"))
    });
    if Figure::ALL.iter().any(|figure| figures.of(FLOOR, *figure).is_some()) {
        table(&mut text, "in relation to the floor", columns, about, |name, figure, _| {
            let ratio = figure.has_floor().then(|| figures.ratio(name, FLOOR, figure))?;
            ratio.map(|ratio| format!("{ratio:.2}"))
        });
    }
    table(&mut text, "least–most", &all, about, |name, figure, digits| {
        figures.of(name, figure).map(|[_, least, most]| format!("{least:.digits$}–{most:.digits$}"))
    });
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn table(
    text: &mut String,
    what: &str,
    columns: &[&'static str],
    about: &About,
    cell: impl Fn(&'static str, Figure, usize) -> Option<String>,
) {
    writeln!(text, "| {what} | {} |\n|---|{}", columns.join(" | "), "--:|".repeat(columns.len()))
        .expect("text");
    for figure in Figure::ALL {
        let (title, digits) = figure.title(about.names);
        let cells: Vec<Option<String>> = columns.iter().map(|name| cell(name, figure, digits)).collect();
        if cells.iter().any(Option::is_some) {
            let cells: Vec<String> =
                cells.into_iter().map(|cell| cell.unwrap_or_else(|| "–".to_owned())).collect();
            writeln!(text, "| {title} | {} |", cells.join(" | ")).expect("text");
        }
    }
    text.push('\n');
}
