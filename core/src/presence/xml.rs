//! Text in XML documents.

/// Text as it may stand in an element or an attribute. What XML 1.0 has no place for (section 2.2) is left out, and line
/// ends become spaces, so that nothing of it ever begins a line.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => out.push(' '),
            control if control < ' ' => {}
            '\u{fffe}' | '\u{ffff}' => {}
            plain => out.push(plain),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(escaped("a<b>&\"c'\r\n\u{1}\u{ffff}ü"), "a&lt;b&gt;&amp;&quot;c&apos;  ü");
    }
}
