//! What changes between two texts, line by line.

/// Pairs of lines up to which it is looked for what both have in common.
const PAIRS_MAX: usize = 1 << 20;

/// Lines that are in one alone: `- ` of the first, `+ ` of the second, in their order. By the longest run of lines that both
/// have; where that would take too long all lines between the first and the last that differ.
pub(super) fn difference(before: &str, after: &str) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let alike = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let (before, after) = (&before[alike..], &after[alike..]);
    let alike = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
    let (before, after) = (&before[..before.len() - alike], &after[..after.len() - alike]);
    let small = before.len().saturating_mul(after.len()) <= PAIRS_MAX;
    let common = if small { common(before, after) } else { Vec::new() };
    let keeps = |i: usize, j: usize| small && common[i + 1][j] < common[i][j + 1];
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < before.len() || j < after.len() {
        if small && i < before.len() && j < after.len() && before[i] == after[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == after.len() || (i < before.len() && !keeps(i, j)) {
            lines.push(format!("- {}", before[i].trim()));
            i += 1;
        } else {
            lines.push(format!("+ {}", after[j].trim()));
            j += 1;
        }
    }
    lines.join("\n")
}

/// How many lines both have in one order, from a place in each on.
fn common(before: &[&str], after: &[&str]) -> Vec<Vec<usize>> {
    let mut table = vec![vec![0; after.len() + 1]; before.len() + 1];
    for i in (0..before.len()).rev() {
        for j in (0..after.len()).rev() {
            table[i][j] = match before[i] == after[j] {
                true => table[i + 1][j + 1] + 1,
                false => table[i + 1][j].max(table[i][j + 1]),
            };
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_differ_are_told() {
        assert_eq!(difference("a\nb\nc", "a\nx\nc\nd"), "- b\n+ x\n+ d");
        assert_eq!(difference("a\nb", "a\nb"), "");
        assert_eq!(difference("", "a"), "+ a");
        assert_eq!(difference("a", ""), "- a");
        let many = |n: usize| (0..2_000).map(|line| format!("{}\n", line * n)).collect::<String>();
        assert_eq!(difference(&many(1), &many(3)).lines().count(), 2 * 1_999);
    }
}
