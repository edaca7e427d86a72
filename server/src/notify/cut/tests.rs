use super::*;
use crate::notify::sample::nasty;

fn escape(c: char) -> Option<&'static str> {
    (c == '&').then_some("&amp;")
}

#[test]
fn texts_are_cut_between_characters() {
    assert_eq!(chars("漢字です", 4), "漢字です");
    assert_eq!(chars("漢字です", 3), "漢字…");
    assert_eq!(chars("漢字です", 1), "…");
    assert_eq!(chars("漢字です", 0), "");
}

#[test]
fn what_is_escaped_is_not_torn() {
    assert_eq!(escaped("a&b", 7, escape), "a&amp;b");
    assert_eq!(escaped("a&b", 6, escape), "a…");
    assert_eq!(escaped("&&", 6, escape), "&amp;…");
    assert_eq!(escaped("&&", 5, escape), "…");
}

#[test]
fn any_text_fits_and_loses_only_its_end() {
    for seed in 0..200 {
        let text = nasty(usize::try_from(seed).unwrap() % 40, seed);
        for max in 0..60 {
            let short = chars(&text, max);
            assert!(short.chars().count() <= max, "seed {seed}");
            assert!(short == text || text.starts_with(short.trim_end_matches('…')), "seed {seed}");
            let safe = escaped(&text, max, escape);
            assert!(safe.chars().count() <= max, "seed {seed}");
            assert!(!safe.replace("&amp;", "").contains('&'), "seed {seed}");
            let whole = text.replace('&', "&amp;");
            assert!(whole.starts_with(safe.trim_end_matches('…')), "seed {seed}");
            assert_eq!(safe == whole, whole.chars().count() <= max, "seed {seed}");
        }
    }
}

#[test]
fn lines_are_lines() {
    assert_eq!(line(" a\r\nb\u{1b}[0m "), "a  b [0m");
    assert_eq!(lines("a\nb\tc\n"), "a\nb c");
}
