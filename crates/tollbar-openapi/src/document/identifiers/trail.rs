//! Where a walk through a document is, and where it has been: pointers are written out only for what is asked for.

use super::join;

/// A place that was marked.
#[derive(Clone, Copy, Default)]
pub(super) struct Frame(usize);

#[derive(Clone, Copy)]
pub(super) enum Step<'d> {
    Member(&'d str),
    Item(usize),
}

#[derive(Default)]
pub(super) struct Trail<'d> {
    /// From the document to here, and what is marked already.
    path: Vec<(Step<'d>, Option<Frame>)>,
    /// Each with what it stands in. The document, of number 0, is not among them.
    frames: Vec<(Frame, Step<'d>)>,
}

impl<'d> Trail<'d> {
    pub(super) fn enter(&mut self, step: Step<'d>) {
        self.path.push((step, None));
    }

    pub(super) fn leave(&mut self) {
        self.path.pop();
    }

    /// Keeps where the walk is. What is above is kept once, however much is marked below.
    pub(super) fn mark(&mut self) -> Frame {
        let marked = self.path.iter().rposition(|(_, frame)| frame.is_some());
        let mut above = marked.and_then(|at| self.path.get(at)?.1).unwrap_or_default();
        for (step, frame) in self.path.iter_mut().skip(marked.map_or(0, |at| at + 1)) {
            self.frames.push((above, *step));
            above = Frame(self.frames.len());
            *frame = Some(above);
        }
        above
    }

    pub(super) fn pointer(&self, frame: Frame) -> String {
        let mut steps = Vec::new();
        let mut at = frame;
        while let Some((above, step)) = at.0.checked_sub(1).and_then(|index| self.frames.get(index)) {
            steps.push(step);
            at = *above;
        }
        steps.iter().rev().fold(String::new(), |pointer, step| match step {
            Step::Member(name) => join(&pointer, name),
            Step::Item(index) => join(&pointer, index),
        })
    }
}
