//! "Did you mean": the names that are nearest to one that does not exist.

const SHOWN: usize = 3;
/// Longer texts are compared by their beginning.
const COMPARED_CHARACTERS: usize = 128;

/// `did you mean a, b?`, or what exists, or nothing if nothing exists.
pub(crate) fn nearest<'a>(asked: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut rated: Vec<(usize, &str)> = known.map(|name| (distance(asked, name), name)).collect();
    rated.sort_unstable();
    rated.dedup();
    let count = rated.len();
    let close = rated.iter().filter(|(far, name)| is_close(*far, asked, name)).count();
    let shown = if close > 0 { close.min(SHOWN) } else { count.min(SHOWN) };
    let names: Vec<&str> = rated.into_iter().take(shown).map(|(_, name)| name).collect();
    match (close, names.is_empty()) {
        (_, true) => String::new(),
        (0, false) if count > SHOWN => format!("there are {count}, such as {}", names.join(", ")),
        (0, false) => format!("there is {}", names.join(", ")),
        (_, false) => format!("did you mean {}?", names.join(" or ")),
    }
}

fn is_close(distance: usize, asked: &str, name: &str) -> bool {
    let contains = |a: &str, b: &str| b.len() > 2 && a.to_lowercase().contains(&b.to_lowercase());
    distance <= 2 + asked.chars().count() / 4 || contains(name, asked) || contains(asked, name)
}

/// Levenshtein's, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let [a, b]: [Vec<char>; 2] =
        [a, b].map(|text| text.to_lowercase().chars().take(COMPARED_CHARACTERS).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (j, to) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(usize::MAX - 1);
            let substituted = diagonal + usize::from(from != to);
            if let Some(cell) = row.get_mut(j) {
                *cell = left;
            }
            left = substituted.min(above + 1).min(left + 1);
            diagonal = above;
        }
        if let Some(last) = row.last_mut() {
            *last = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (a, b, far) in
            [("", "", 0), ("a", "", 1), ("", "abc", 3), ("Acme", "acme", 0), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(a, b), far, "{a} {b}");
        }
    }

    #[test]
    fn near_names_are_told() {
        let known = ["Acme", "Globex", "Initech", "Umbrella"];
        assert_eq!(nearest("Acne", known.into_iter()), "did you mean Acme?");
        assert_eq!(nearest("qqqqqqqqqqqq", known.into_iter()), "there are 4, such as Acme, Globex, Initech");
        assert_eq!(nearest("x", std::iter::empty()), "");
    }
}
