//! Changes to a head that is otherwise copied: pieces cut out of its lines, and what stands in their place.

use super::field::Span;

/// Changes to one head; reused from one to the next.
#[derive(Debug, Default)]
pub struct Edits {
    list: Vec<Edit>,
    text: Vec<u8>,
    /// Values of cookies that are left out, until it is known how they stand together.
    pub(super) taken: Vec<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Edit {
    cut: Span,
    text: Span,
}

impl Edits {
    /// Forgets all changes.
    pub fn clear(&mut self) {
        self.list.clear();
        self.text.clear();
        self.taken.clear();
    }

    /// Leaves a piece out.
    pub fn cut(&mut self, piece: Span) {
        self.replace(piece, &[]);
    }

    /// Puts a text in the place of a piece.
    pub fn replace(&mut self, piece: Span, text: &[u8]) {
        let start = place(self.text.len());
        self.text.extend_from_slice(text);
        self.list.push(Edit { cut: piece, text: Span { start, end: place(self.text.len()) } });
    }

    /// Leaves the cookie out that has this value; see [`super::cookies::leave_out`].
    pub fn take(&mut self, value: Span) {
        self.taken.push(value);
    }

    /// Puts the changes in the order of their places; where two overlap, the larger one holds.
    pub fn arrange(&mut self) {
        if self.list.len() > 1 {
            self.list.sort_by_key(|edit| (edit.cut.start, std::cmp::Reverse(edit.cut.end)));
            let mut end = 0;
            self.list.retain(|edit| {
                let apart = edit.cut.start >= end;
                end = end.max(edit.cut.end);
                apart
            });
        }
    }

    /// The change in this place of their order: what it cuts, and what it puts there.
    pub fn get(&self, place: usize) -> Option<(Span, &[u8])> {
        self.list.get(place).map(|edit| (edit.cut, edit.text.of(&self.text)))
    }
}

/// Heads are at most a few MiB, so a place in one fits 32 bits.
#[expect(clippy::cast_possible_truncation)]
fn place(position: usize) -> u32 {
    position as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: u32, end: u32) -> Span {
        Span { start, end }
    }

    #[test]
    fn changes_are_found_in_the_order_of_their_places() {
        let mut edits = Edits::default();
        edits.replace(span(9, 11), b"new");
        edits.cut(span(2, 4));
        edits.arrange();
        assert_eq!(edits.get(0), Some((span(2, 4), &b""[..])));
        assert_eq!(edits.get(1), Some((span(9, 11), &b"new"[..])));
        assert_eq!(edits.get(2), None);
    }

    #[test]
    fn of_two_that_overlap_the_larger_holds() {
        let mut edits = Edits::default();
        edits.cut(span(3, 5));
        edits.cut(span(0, 10));
        edits.arrange();
        assert_eq!(edits.get(0), Some((span(0, 10), &b""[..])));
        assert_eq!(edits.get(1), None);
    }
}
