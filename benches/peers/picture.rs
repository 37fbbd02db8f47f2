//! The figures as a picture: for each a bar a resolver, as long as its ratio to Unbound's. SVG, for light and dark pages.

use std::fmt::Write as _;

use crate::FLOOR;
use crate::figures::{Figure, Figures};
use crate::report::About;
use crate::resolvers::{BASE, OURS};

const WIDTH: usize = 860;
const BAR: usize = 15;
/// Where the bars begin, and how long that of Unbound is.
const LEFT: usize = 150;
const UNIT: f64 = 210.0;
/// Longer bars are cut, and say so.
const RATIO_MAX: f64 = 2.6;
const STYLE: &str = "\
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.head { font-weight: 600 }
.about { font-size: 11px; fill: #59636e }
.ours { fill: #1a7f37 }
.other { fill: #afb8c1 }
.one { stroke: #59636e; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.about { fill: #9198a1 }
.ours { fill: #3fb950 }
.other { fill: #484f58 }
.one { stroke: #9198a1 }
}";

/// Draws it.
pub(crate) fn draw(figures: &Figures, columns: &[&'static str], about: &About) -> String {
    let mut body = String::new();
    let mut y = 30;
    line(&mut body, 16, y, "title", &format!("Rootwalk and its peers: less is better; dashed: {BASE}"));
    y += 10;
    for figure in Figure::ALL {
        let rows: Vec<(&str, [f64; 3], f64)> = columns
            .iter()
            .chain([&FLOOR])
            .filter_map(|name| Some((*name, figures.of(name, figure)?, figures.ratio(name, BASE, figure)?)))
            .collect();
        if rows.is_empty() {
            continue;
        }
        let (title, digits) = figure.title(about.names);
        y += 24;
        line(&mut body, 16, y, "head", &title);
        let top = y + 6;
        for (name, [median, ..], ratio) in rows {
            y += BAR + 3;
            let length = UNIT * ratio.min(RATIO_MAX);
            let class = if name == OURS { "ours" } else { "other" };
            let up = y - BAR + 3;
            writeln!(
                body,
                "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{up}\" width=\"{length:.1}\" height=\"{BAR}\"/>"
            )
            .expect("text");
            line(&mut body, 16, y, "", name);
            let cut = if ratio > RATIO_MAX { " (the bar is cut)" } else { "" };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a place in the picture"
            )]
            let x = LEFT + length as usize + 8;
            line(&mut body, x, y, "", &format!("{median:.digits$} · {ratio:.2} ×{cut}"));
        }
        let x = LEFT as f64 + UNIT;
        writeln!(body, "<line class=\"one\" x1=\"{x}\" x2=\"{x}\" y1=\"{top}\" y2=\"{}\"/>", y + 5)
            .expect("text");
    }
    y += 30;
    for text in about.lines() {
        line(&mut body, 16, y, "about", &text);
        y += 16;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" height=\"{y}\" \
         role=\"img\" aria-label=\"Rootwalk and its peers\">\n<style>\n{STYLE}\n</style>\n{body}</svg>\n"
    )
}

fn line(body: &mut String, x: usize, y: usize, class: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(body, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>").expect("text");
}
