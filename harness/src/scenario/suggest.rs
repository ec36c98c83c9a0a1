//! "Did you mean": the nearest name by Damerau-Levenshtein distance (optimal string alignment).

/// The number of insertions, deletions, replacements and swaps of neighbours between two words,
/// without regard to case.
pub fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().flat_map(char::to_lowercase).collect();
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let get = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (get(&above, j + 1) + 1)
                .min(get(&row, j) + 1)
                .min(get(&above, j) + usize::from(ca != cb));
            if i > 0 && j > 0 && a.get(i - 1) == Some(cb) && b.get(j - 1) == Some(ca) {
                best = best.min(get(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(0)
}

/// The nearest of `known`, when it is at most three edits away and less than the word is long.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Absurdly long words are no typing mistakes, and the table would be large.
    if word.len() > 64 {
        return None;
    }
    let limit = match word.chars().count() {
        0..=3 => 1,
        4..=5 => 2,
        _ => 3,
    };
    known
        .into_iter()
        .map(|name| (distance(word, name), name))
        .filter(|(distance, name)| *distance <= limit && *distance < name.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The help line for an unknown word: "did you mean `x`?", else a short list of what there is.
pub fn help<'a, I>(word: &str, known: I) -> Option<String>
where
    I: IntoIterator<Item = &'a str>,
    I::IntoIter: Clone,
{
    let known = known.into_iter();
    if let Some(name) = nearest(word, known.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let names: Vec<&str> = known.collect();
    (!names.is_empty() && names.len() <= 12).then(|| format!("there is: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_neighbours_are_one_edit() {
        assert_eq!(distance("jion", "join"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("ca", "abc"), 3, "optimal string alignment, not the full metric");
    }

    #[test]
    fn a_name_is_proposed_up_to_three_edits_away() {
        assert_eq!(nearest("machnie", ["machine", "user"]), Some("machine"));
        assert_eq!(nearest("dsregcm", ["dsregcmd"]), Some("dsregcmd"));
        assert_eq!(nearest("adsregc", ["dsregcmd"]), Some("dsregcmd"), "three edits");
        assert_eq!(nearest("xadsreg", ["dsregcmd"]), None, "more than three");
        assert_eq!(nearest("ab", ["xy"]), None);
        assert_eq!(nearest("PC1", ["pc1"]), Some("pc1"));
    }
}
