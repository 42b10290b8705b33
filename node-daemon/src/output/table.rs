//! Text in columns.

use meshbook::types::Printable;

/// How a column is aligned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// A table with a head, two spaces between its columns and none at the ends of its lines. Whatever is in
/// a cell, it stays in it.
pub(super) fn table<const N: usize>(head: [(&str, Align); N], rows: &[[String; N]]) -> String {
    let cell = |text: &String| Printable(text).to_string();
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(cell)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(head[column].0.len())
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let padded: Vec<String> = (0..N)
            .map(|column| match head[column].1 {
                Align::Left => format!("{:<1$}", cells[column], widths[column]),
                Align::Right => format!("{:>1$}", cells[column], widths[column]),
            })
            .collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(std::array::from_fn(|column| head[column].0));
    for row in &rows {
        text += &line(std::array::from_fn(|column| row[column].as_str()));
    }
    text
}

/// Puts blocks of text next to each other.
pub(crate) fn side_by_side(blocks: &[String]) -> String {
    let blocks: Vec<Vec<&str>> = blocks.iter().map(|block| block.lines().collect()).collect();
    let width = |block: &Vec<&str>| block.iter().map(|l| l.chars().count()).max().unwrap_or(0);
    let height = blocks.iter().map(Vec::len).max().unwrap_or(0);
    let mut text = String::new();
    for row in 0..height {
        let cells = blocks.iter().map(|block| {
            let cell = block.get(row).copied().unwrap_or_default();
            format!("{cell:<0$}", width(block))
        });
        let line = cells.collect::<Vec<_>>().join("   |  ");
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            ["a".to_owned(), "10.5".to_owned()],
            ["long name".to_owned(), "2".to_owned()],
        ];
        let text = table([("NAME", Align::Left), ("N", Align::Right)], &rows);
        assert_eq!(text, "NAME          N\na          10.5\nlong name     2\n");
    }

    #[test]
    fn a_cell_cannot_break_its_line_or_turn_it_around() {
        let rows = [["a\nb\u{202e}\x1b[2J\u{200b}".to_owned()]];
        let text = table([("NAME", Align::Left)], &rows);
        assert_eq!(text, "NAME\na\\nb\\u{202e}\\u{1b}[2J\\u{200b}\n");
    }

    #[test]
    fn blocks_of_different_heights_stand_side_by_side() {
        let text = side_by_side(&["a\nbcd\n".to_owned(), "x".to_owned()]);
        assert_eq!(text, "a     |  x\nbcd   |\n");
    }
}
