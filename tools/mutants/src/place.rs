//! Writes changes into a file beside what they change, so that one build has all of them.
//!
//! `a < b` becomes `(if crate::switched(7) { a <= b } else { a < b })`. Of several changes of
//! one place each has its own `if`. Only one change is on at a time, so a copy has no changes
//! of its own inside: a file grows by its depth, not by every combination.

use std::collections::HashMap;
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::list::{Change, Place};

/// A file with its changes.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    pub(crate) text: String,
    /// The changes that are in the text.
    pub(crate) placed: Vec<Placed>,
}

/// A change in the text.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) number: u32,
    /// The bytes that are compiled for it alone.
    pub(crate) copy: Range<usize>,
    /// The bytes that it surrounds, with itself.
    pub(crate) whole: Range<usize>,
}

/// What surrounds a range of the source.
struct Wrap {
    range: Range<usize>,
    before: Vec<Part>,
    after: String,
    /// Changes inside that may be wrong for the whole range.
    inside: Vec<u32>,
}

/// A piece of text before a range, and the change that it belongs to.
struct Part {
    text: String,
    number: Option<u32>,
}

/// Writes those changes into the source whose place is found in it.
pub(crate) fn rewrite(source: &str, changes: &[(u32, &Change)]) -> Result<Rewritten, syn::Error> {
    let file = syn::parse_file(source)?;
    let mut lines = vec![0];
    lines.extend(source.match_indices('\n').map(|(at, _)| at + 1));
    let mut at: HashMap<Place, Vec<(u32, &Change)>> = HashMap::new();
    for (number, change) in changes {
        at.entry(change.span.start)
            .or_default()
            .push((*number, change));
    }
    let mut finder = Finder {
        source,
        lines,
        at,
        wraps: Vec::new(),
    };
    finder.visit_file(&file);
    Ok(write(source, finder.wraps))
}

/// Puts the wraps into the source. Ranges are nested or apart.
fn write(source: &str, wraps: Vec<Wrap>) -> Rewritten {
    // Starts and ends, in the order of the text: at one place what ends there comes first, from
    // the inside out, then what starts there, from the outside in.
    let mut borders: Vec<(usize, bool, usize, usize)> = Vec::new();
    for (index, wrap) in wraps.iter().enumerate() {
        let Range { start, end } = wrap.range;
        borders.push((start, true, usize::MAX - end, index));
        if start < end {
            borders.push((end, false, usize::MAX - start, usize::MAX - index));
        }
    }
    borders.sort_unstable();
    let mut rewritten = Rewritten::default();
    let mut starts = vec![0; wraps.len()];
    let mut copied = 0;
    for (place, is_start, _, index) in borders {
        rewritten.text += &source[copied..place];
        copied = place;
        if !is_start {
            let index = usize::MAX - index;
            rewritten.text += &wraps[index].after;
            let whole = starts[index]..rewritten.text.len();
            let own = wraps[index].before.iter().filter_map(|part| part.number);
            for number in own.chain(wraps[index].inside.iter().copied()) {
                let mut placed = rewritten.placed.iter_mut();
                if let Some(placed) = placed.find(|placed| placed.number == number) {
                    placed.whole = whole.clone();
                }
            }
            continue;
        }
        starts[index] = rewritten.text.len();
        for part in &wraps[index].before {
            let start = rewritten.text.len();
            rewritten.text += &part.text;
            if let Some(number) = part.number {
                let copy = start..rewritten.text.len();
                rewritten.placed.push(Placed {
                    number,
                    whole: copy.clone(),
                    copy,
                });
            }
        }
    }
    rewritten.text += &source[copied..];
    rewritten
}

struct Finder<'a> {
    source: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
    at: HashMap<Place, Vec<(u32, &'a Change)>>,
    wraps: Vec<Wrap>,
}

impl<'a> Finder<'a> {
    /// The changes of a kind that begin where this does.
    fn of(&self, genre: &str, syntax: &impl Spanned) -> Vec<(u32, &'a Change)> {
        let start = syntax.span().start();
        let place = Place {
            line: start.line,
            column: start.column + 1,
        };
        let found = self.at.get(&place).into_iter().flatten();
        found
            .filter(|(_, change)| change.genre == genre)
            .copied()
            .collect()
    }

    fn byte(&self, line: usize, column: usize) -> usize {
        let start = self.lines[line - 1];
        let mut letters = self.source[start..].char_indices();
        letters
            .nth(column)
            .map_or(self.source.len(), |(at, _)| start + at)
    }

    fn range(&self, syntax: &impl Spanned) -> Range<usize> {
        let (start, end) = (syntax.span().start(), syntax.span().end());
        self.byte(start.line, start.column)..self.byte(end.line, end.column)
    }

    fn text(&self, syntax: &impl Spanned) -> &'a str {
        &self.source[self.range(syntax)]
    }

    /// `if` the change is on, this text, else what is there.
    fn choose(&mut self, range: Range<usize>, texts: Vec<(u32, String)>) {
        if texts.is_empty() {
            return;
        }
        let mut before = Vec::new();
        for (count, (number, text)) in texts.into_iter().enumerate() {
            let open = if count == 0 { "(" } else { "" };
            let text = format!("{open}if crate::switched({number}) {{ {text} }} else ");
            before.push(Part {
                text,
                number: Some(number),
            });
        }
        before.push(Part {
            text: "{ ".into(),
            number: None,
        });
        self.wraps.push(Wrap {
            range,
            before,
            after: " })".into(),
            inside: Vec::new(),
        });
    }

    /// The function returns at once.
    fn body(&mut self, block: &syn::Block) {
        let Some(first) = block.stmts.first() else {
            return;
        };
        let changes = self.of("FnValue", first);
        if changes.is_empty() {
            return;
        }
        let before = changes.into_iter().map(|(number, change)| {
            let value = &change.replacement;
            let text = format!("if crate::switched({number}) {{ return {value}; }} ");
            Part {
                text,
                number: Some(number),
            }
        });
        let last = block.stmts.last().unwrap_or(first);
        let range = self.range(first).start..self.range(last).end;
        self.wraps.push(Wrap {
            range,
            before: before.collect(),
            after: String::new(),
            inside: Vec::new(),
        });
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.body(&item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.body(&item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.body(block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        // `let` may stand in a condition alone, and not in what chooses.
        if !has_let(&binary.left) && !has_let(&binary.right) {
            let (left, right) = (self.text(&binary.left), self.text(&binary.right));
            let changes = self.of("BinaryOperator", &binary.op);
            let texts = changes
                .into_iter()
                .map(|(number, change)| (number, format!("{left} {} {right}", change.replacement)));
            self.choose(self.range(binary), texts.collect());
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        let operand = self.text(&unary.expr);
        let changes = self.of("UnaryOperator", &unary.op);
        let texts = changes
            .into_iter()
            .map(|(number, change)| (number, format!("{} {operand}", change.replacement)));
        self.choose(self.range(unary), texts.collect());
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_struct(&mut self, value: &'ast syn::ExprStruct) {
        let whole = self.range(value);
        let mut texts = Vec::new();
        for field in &value.fields {
            for (number, _) in self.of("StructField", field) {
                let field = self.range(field);
                let rest = self.source[field.end..whole.end].trim_start();
                let rest = rest.strip_prefix(',').unwrap_or(rest);
                let text = format!("{}{rest}", &self.source[whole.start..field.start]);
                texts.push((number, text));
            }
        }
        self.choose(whole, texts);
        visit::visit_expr_struct(self, value);
    }

    fn visit_expr_match(&mut self, value: &'ast syn::ExprMatch) {
        // An arm with a guard does not make a match complete.
        let arms = value.arms.iter().flat_map(|arm| self.of("MatchArm", arm));
        let inside: Vec<u32> = arms.map(|(number, _)| number).collect();
        if !inside.is_empty() {
            let range = self.range(value);
            self.wraps.push(Wrap {
                range,
                before: Vec::new(),
                after: String::new(),
                inside,
            });
        }
        visit::visit_expr_match(self, value);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let missing = self.of("MatchArm", arm);
        let (pattern, guard) = match &arm.pat {
            syn::Pat::Guard(with) => (&*with.pat, Some(&*with.guard)),
            pattern => (pattern, None),
        };
        if let Some(guard) = guard.filter(|guard| !has_let(guard)) {
            for (number, _) in missing {
                let text = format!("!crate::switched({number}) && (");
                let before = vec![Part {
                    text,
                    number: Some(number),
                }];
                let range = self.range(guard);
                self.wraps.push(Wrap {
                    range,
                    before,
                    after: ")".into(),
                    inside: Vec::new(),
                });
            }
            let changes = self.of("MatchArmGuard", guard);
            let texts = changes
                .into_iter()
                .map(|(number, change)| (number, change.replacement.clone()));
            self.choose(self.range(guard), texts.collect());
        } else if guard.is_none() {
            for (number, _) in missing {
                let end = self.range(pattern).end;
                let text = format!(" if !crate::switched({number})");
                let before = vec![Part {
                    text,
                    number: Some(number),
                }];
                self.wraps.push(Wrap {
                    range: end..end,
                    before,
                    after: String::new(),
                    inside: Vec::new(),
                });
            }
        }
        visit::visit_arm(self, arm);
    }
}

/// Whether `let` stands in this condition.
fn has_let(condition: &syn::Expr) -> bool {
    match condition {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Span;

    /// The change of what begins where `at` begins in the source.
    fn change(source: &str, at: &str, genre: &str, replacement: &str) -> Change {
        let (before, _) = source.split_once(at).unwrap();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
        let start = Place { line, column };
        Change {
            name: String::new(),
            file: String::new(),
            span: Span { start, end: start },
            replacement: replacement.into(),
            genre: genre.into(),
        }
    }

    fn rewritten(source: &str, changes: &[Change]) -> Rewritten {
        let changes: Vec<_> = (1..).zip(changes).collect();
        rewrite(source, &changes).unwrap()
    }

    #[test]
    fn each_change_has_its_own_copy_and_what_is_inside_keeps_its_changes() {
        let source = "fn f(a: u8, b: u8) -> bool {\n    a + 1 < b\n}\n";
        let less = [("<", "<="), ("<", "==")];
        let mut changes: Vec<_> = less
            .map(|(at, to)| change(source, at, "BinaryOperator", to))
            .into();
        changes.push(change(source, "+", "BinaryOperator", "-"));
        changes.push(change(source, "a + 1", "FnValue", "true"));
        let Rewritten { text, placed } = rewritten(source, &changes);
        assert_eq!(
            text,
            "fn f(a: u8, b: u8) -> bool {\n    if crate::switched(4) { return true; } \
             (if crate::switched(1) { a + 1 <= b } else if crate::switched(2) { a + 1 == b } \
             else { (if crate::switched(3) { a - 1 } else { a + 1 }) < b })\n}\n"
        );
        let copies = placed.iter().map(|placed| &text[placed.copy.clone()]);
        let copies: Vec<_> = copies.collect();
        assert!(copies.contains(&"(if crate::switched(1) { a + 1 <= b } else "));
        let plus = placed.iter().find(|placed| placed.number == 3).unwrap();
        assert!(text[plus.whole.clone()].ends_with("else { a + 1 })"));
    }

    #[test]
    fn arms_and_fields_go_by_a_guard_and_a_copy() {
        let source = "fn f(a: u8) -> S {\n    match a {\n        1 => x(),\n        \
                      2 if a > 0 => y(),\n        _ => S { b: !c, ..d },\n    }\n}\n";
        let changes = [
            change(source, "1 =>", "MatchArm", ""),
            change(source, "2 if", "MatchArm", ""),
            change(source, "a > 0", "MatchArmGuard", "true"),
            change(source, "b: !c", "StructField", ""),
            change(source, "!c", "UnaryOperator", ""),
        ];
        let Rewritten { text, placed } = rewritten(source, &changes);
        for part in [
            "1 if !crate::switched(1) => x(),",
            "2 if !crate::switched(2) && ((if crate::switched(3) { true } else { a > 0 })) =>",
            "(if crate::switched(4) { S {  ..d } } else { S { \
             b: (if crate::switched(5) {  c } else { !c }), ..d } })",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert_eq!(placed.len(), 5);
    }

    #[test]
    fn a_condition_with_let_stays_as_it_is() {
        let source = "fn f() {\n    if let Some(a) = b && c {}\n}\n";
        let changes = [change(source, "&&", "BinaryOperator", "||")];
        let Rewritten { text, placed } = rewritten(source, &changes);
        assert!(text == source && placed.is_empty());
    }
}
