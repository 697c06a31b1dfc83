//! The events that were handed to the client and are neither accepted nor refused, in order.

use std::collections::VecDeque;

use crate::output::event_queue::EventId;

/// The maximum number of events in the window.
pub(super) const MAX_EVENTS: usize = 16_384;
/// The number of bytes at which the window is full.
pub(super) const MAX_BYTES: usize = 8 << 20;

/// A window over the queue of events. Each event has a number, which grows by 1.
#[derive(Default)]
pub(super) struct Window {
    slots: VecDeque<Slot>,
    /// The number of the first slot.
    first: usize,
    /// The number of the next event to send; those before it are not waiting.
    next: usize,
    bytes: usize,
    /// The number of events at the client.
    sent: usize,
    /// The number of events that are refused, and not written to the file for errors yet.
    refused: usize,
}

struct Slot {
    id: EventId,
    length: usize,
    state: SlotState,
}

/// What happened to an event.
#[derive(Debug, PartialEq, Eq)]
enum SlotState {
    /// It is to be sent.
    Waiting,
    /// The client has it.
    Sent,
    /// The broker does not take it, with the reason.
    Refused(String),
    /// It is accepted, or in the file for errors.
    Settled,
}

impl Window {
    /// Returns how many more events and bytes fit; `None` if it is full.
    pub(super) fn room(&self) -> Option<(usize, usize)> {
        let events = MAX_EVENTS.saturating_sub(self.slots.len());
        let bytes = MAX_BYTES.saturating_sub(self.bytes);
        (events > 0 && bytes > 0).then_some((events, bytes))
    }

    /// Adds an event of this length, in bytes.
    pub(super) fn push(&mut self, id: EventId, length: usize) {
        self.bytes += length;
        self.slots.push_back(Slot {
            id,
            length,
            state: SlotState::Waiting,
        });
    }

    /// Returns whether the client has events.
    pub(super) fn is_sent(&self) -> bool {
        self.sent > 0
    }

    /// Returns the number of the first event that is not settled.
    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// Returns the number of the next event to send, and where it is.
    pub(super) fn next(&mut self) -> Option<(usize, EventId)> {
        loop {
            let slot = self.slots.get(self.next.checked_sub(self.first)?)?;
            if slot.state == SlotState::Waiting {
                return Some((self.next, slot.id));
            }
            self.next += 1;
        }
    }

    /// Returns where an event is.
    pub(super) fn event(&self, number: usize) -> Option<EventId> {
        let slot = self.slots.get(number.checked_sub(self.first)?)?;
        Some(slot.id)
    }

    /// Returns the length of an event in bytes.
    pub(super) fn length(&self, number: usize) -> usize {
        let slot = number
            .checked_sub(self.first)
            .and_then(|at| self.slots.get(at));
        slot.map_or(0, |slot| slot.length)
    }

    /// Records that the client has the next event.
    pub(super) fn sent(&mut self) {
        self.set(self.next, SlotState::Sent);
        self.next += 1;
    }

    /// Records that an event is accepted.
    pub(super) fn accept(&mut self, number: usize) {
        self.set(number, SlotState::Settled);
    }

    /// Records that an event is refused.
    pub(super) fn refuse(&mut self, number: usize, reason: String) {
        self.set(number, SlotState::Refused(reason));
    }

    /// Records that the client gave an event back.
    pub(super) fn give_back(&mut self, number: usize) {
        self.set(number, SlotState::Waiting);
    }

    /// Forgets the client: what it has not answered is sent again, from the first on.
    pub(super) fn rewind(&mut self) {
        for slot in &mut self.slots {
            if slot.state == SlotState::Sent {
                slot.state = SlotState::Waiting;
            }
        }
        self.sent = 0;
        self.next = self.first;
    }

    /// Returns the refused events that are not in the file for errors, with the reasons.
    pub(super) fn refused(&self) -> Vec<(usize, EventId, &str)> {
        if self.refused == 0 {
            return Vec::new();
        }
        let slots = self.slots.iter().enumerate();
        let refused = slots.filter_map(|(at, slot)| match &slot.state {
            SlotState::Refused(reason) => Some((self.first + at, slot.id, reason.as_str())),
            _ => None,
        });
        refused.collect()
    }

    /// Removes the settled events at the beginning and returns their number.
    pub(super) fn pop_settled(&mut self) -> usize {
        let before = self.first;
        while let Some(slot) = self.slots.front()
            && slot.state == SlotState::Settled
        {
            self.bytes -= slot.length;
            self.slots.pop_front();
            self.first += 1;
        }
        self.next = self.next.max(self.first);
        self.first - before
    }

    fn set(&mut self, number: usize, state: SlotState) {
        let at = number.checked_sub(self.first);
        let Some(slot) = at.and_then(|at| self.slots.get_mut(at)) else {
            return;
        };
        let count = |state: &SlotState| match state {
            SlotState::Sent => (1, 0),
            SlotState::Refused(_) => (0, 1),
            _ => (0, 0),
        };
        let (was, is) = (count(&slot.state), count(&state));
        self.sent = self.sent + is.0 - was.0;
        self.refused = self.refused + is.1 - was.1;
        slot.state = state;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(events: usize) -> Window {
        let mut window = Window::default();
        for _ in 0..events {
            window.push(EventId::default(), 10);
        }
        window
    }

    fn send_all(window: &mut Window) -> Vec<usize> {
        let mut sent = Vec::new();
        while let Some((number, _)) = window.next() {
            sent.push(number);
            window.sent();
        }
        sent
    }

    #[test]
    fn acknowledgements_in_any_order_settle_events_in_their_order() {
        let mut window = window(3);
        assert_eq!(send_all(&mut window), [0, 1, 2]);
        window.accept(1);
        assert_eq!(window.pop_settled(), 0);
        window.accept(0);
        assert_eq!(window.pop_settled(), 2);
        assert!(window.is_sent());
        window.accept(2);
        assert_eq!((window.pop_settled(), window.is_sent()), (1, false));
    }

    #[test]
    fn what_was_not_answered_is_sent_again_and_nothing_else() {
        let mut window = window(4);
        send_all(&mut window);
        window.accept(1);
        window.refuse(2, "too large".into());
        window.give_back(3);
        window.rewind();
        assert_eq!(send_all(&mut window), [0, 3]);
        let refused: Vec<usize> = window.refused().iter().map(|refused| refused.0).collect();
        assert_eq!(refused, [2]);
        window.accept(2);
        assert!(window.refused().is_empty());
        window.accept(0);
        window.accept(3);
        assert_eq!(window.pop_settled(), 4);
        assert_eq!(window.room(), Some((MAX_EVENTS, MAX_BYTES)));
    }

    #[test]
    fn a_window_is_full_at_its_number_of_events_and_of_bytes() {
        let mut window = window(MAX_EVENTS);
        assert_eq!(window.room(), None);
        window.accept(0);
        window.pop_settled();
        assert_eq!(window.room().map(|room| room.0), Some(1));
        window.push(EventId::default(), MAX_BYTES);
        window.accept(1);
        window.pop_settled();
        assert_eq!(window.room(), None);
    }
}
