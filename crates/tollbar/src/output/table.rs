//! Tables without lines: columns two spaces apart, easy to read and to cut.

use comfy_table::{Attribute, CellAlignment, Color, ContentArrangement, presets::NOTHING};

use super::{Style, Tone};

/// What is narrower, such as a terminal that says it has no width at all, is left to break lines itself.
const WIDTH_MIN: u16 = 40;

/// One cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Text in a tone.
    pub(crate) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, tone: Tone::Plain }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// A table being made.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    headings: Vec<&'static str>,
    right: Vec<usize>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// With these headings; none are shown if all are empty.
    pub(crate) fn new<const N: usize>(headings: [&'static str; N]) -> Self {
        Self { headings: headings.to_vec(), right: Vec::new(), rows: Vec::new() }
    }

    /// With these columns, from 0, aligned to the right.
    pub(crate) fn right<const N: usize>(mut self, columns: [usize; N]) -> Self {
        self.right = columns.to_vec();
        self
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }

    /// The text.
    pub(crate) fn render(&self, style: Style) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING);
        if style.terminal && table.width().is_some_and(|width| width >= WIDTH_MIN) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        } else {
            table.force_no_tty();
        }
        if style.colour {
            table.enforce_styling();
        }
        if self.headings.iter().any(|heading| !heading.is_empty()) {
            let cells = self.headings.iter().map(|heading| self.cell(style, Tone::Strong, heading));
            table.set_header(cells.collect::<Vec<_>>());
        }
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| self.cell(style, cell.tone, &cell.text)).collect::<Vec<_>>());
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if self.right.contains(&index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.trim_fmt()
    }

    fn cell(&self, style: Style, tone: Tone, text: &str) -> comfy_table::Cell {
        let cell = comfy_table::Cell::new(text);
        if !style.colour {
            return cell;
        }
        match tone {
            Tone::Plain => cell,
            Tone::Strong => cell.add_attribute(Attribute::Bold),
            Tone::Faint => cell.add_attribute(Attribute::Dim),
            Tone::Good => cell.fg(Color::DarkGreen),
            Tone::Warning => cell.fg(Color::DarkYellow),
            Tone::Bad => cell.fg(Color::DarkRed),
        }
    }
}
