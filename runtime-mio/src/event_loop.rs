//! One thread, many endpoints: each endpoint that is ready gets a turn.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use estreamer_core::session::Instant;
use mio::event::Source;
use mio::{Events, Interest, Poll, Token, Waker};

/// A socket and the protocol on it, served in turns by an [`EventLoop`].
///
/// Sockets are edge-triggered: in its turn an endpoint reads until the socket
/// would block, or returns [`Turn::Again`] to be called again after the others.
pub trait Endpoint {
    /// Returns the socket, for registration.
    fn source(&mut self) -> &mut dyn Source;

    /// Does what can be done now: a bounded amount of work that never blocks.
    fn take_turn(&mut self, now: Instant) -> Turn;

    /// Returns when a turn is due although the socket is not ready. A time in
    /// the past means now: this is how a command gets its turn.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Whether the endpoint waits for another thread, for example for memory to
    /// be given back. It then gets a turn whenever the loop is woken.
    fn waits_for_wakeup(&self) -> bool {
        false
    }
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing to do until the socket is ready or the timeout is due.
    Wait,
    /// More to do at once, after the other endpoints had their turn.
    Again,
}

/// Names an endpoint in its [`EventLoop`]. It is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(usize);

/// The loop. It owns its endpoints and hands them back by id.
///
/// The contract: **after each [`wait`](Self::wait) give your commands, then call
/// [`next_turn`](Self::next_turn) until it returns `None`, and poll every endpoint
/// that it returns for events.**
///
/// - Getters: [`get`](Self::get), [`is_empty`](Self::is_empty), [`now`](Self::now),
///   [`handle`](Self::handle).
/// - Inputs: [`wait`](Self::wait).
/// - Commands: [`add`](Self::add), [`remove`](Self::remove), [`clear`](Self::clear),
///   and those of endpoints through [`get_mut`](Self::get_mut) and
///   [`endpoints_mut`](Self::endpoints_mut).
/// - Outputs: [`next_turn`](Self::next_turn).
///
/// An endpoint stays in the loop until it is removed, also when its connection
/// has ended.
pub struct EventLoop<E> {
    poll: Poll,
    events: Events,
    clock: std::time::Instant,
    endpoints: BTreeMap<usize, EndpointSlot<E>>,
    next_id: usize,
    ready: VecDeque<usize>,
    /// Turns left in this round, and whether the round has not begun yet.
    left: usize,
    round_begins: bool,
    handle: Handle,
}

struct EndpointSlot<E> {
    endpoint: E,
    queued: bool,
}

/// Wakes a loop from another thread, or asks its owner to stop.
#[derive(Debug, Clone)]
pub struct Handle {
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Handle {
    /// Asks the owner of the loop to stop, and wakes it.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Makes [`EventLoop::wait`] return.
    pub fn wake(&self) {
        // This fails only for a loop that is gone.
        let _ = self.waker.wake();
    }
}

const WAKER: Token = Token(usize::MAX);
/// The longest wait. The system may refuse a wake-up; then the loop notices what
/// it was woken for after this time.
const MAX_WAIT: Duration = Duration::from_secs(1);

impl<E> EventLoop<E> {
    /// Creates a loop without endpoints.
    ///
    /// # Errors
    /// The system's, when it gives no poll instance.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(Self {
            poll,
            events: Events::with_capacity(256),
            clock: std::time::Instant::now(),
            endpoints: BTreeMap::new(),
            next_id: 0,
            ready: VecDeque::new(),
            left: 0,
            round_begins: false,
            handle: Handle {
                stop: Arc::new(AtomicBool::new(false)),
                waker,
            },
        })
    }

    /// Returns a handle for other threads.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Returns the time on the loop's clock: milliseconds since it was created.
    pub fn now(&self) -> Instant {
        Instant(self.clock.elapsed().as_millis() as u64)
    }

    /// Whether the loop has no endpoint.
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// Returns an endpoint, unless it was removed.
    pub fn get(&self, id: EndpointId) -> Option<&E> {
        self.endpoints.get(&id.0).map(|place| &place.endpoint)
    }

    /// Returns an endpoint for a command, unless it was removed. What a command
    /// asks for is done in the endpoint's next turn, in this round or the next.
    pub fn get_mut(&mut self, id: EndpointId) -> Option<&mut E> {
        let place = self.endpoints.get_mut(&id.0);
        place.map(|place| &mut place.endpoint)
    }

    /// Returns all endpoints, for a command to each.
    pub fn endpoints_mut(&mut self) -> impl Iterator<Item = &mut E> {
        self.endpoints.values_mut().map(|place| &mut place.endpoint)
    }

    /// Removes all endpoints. Their connections are closed without a message.
    pub fn clear(&mut self) {
        self.endpoints.clear();
        self.ready.clear();
    }

    fn queue(&mut self, id: usize) {
        if let Some(place) = self.endpoints.get_mut(&id)
            && !place.queued
        {
            place.queued = true;
            self.ready.push_back(id);
        }
    }
}

impl<E: Endpoint> EventLoop<E> {
    /// Adds an endpoint; its first turn is in the next round.
    ///
    /// # Errors
    /// The system's, when its socket cannot be registered.
    pub fn add(&mut self, mut endpoint: E) -> io::Result<EndpointId> {
        let id = self.next_id;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        registry.register(endpoint.source(), Token(id), interest)?;
        self.next_id += 1;
        let queued = false;
        self.endpoints.insert(id, EndpointSlot { endpoint, queued });
        self.queue(id);
        Ok(EndpointId(id))
    }

    /// Removes an endpoint and returns it.
    pub fn remove(&mut self, id: EndpointId) -> Option<E> {
        let mut endpoint = self.endpoints.remove(&id.0)?.endpoint;
        // A socket that is not registered any more needs no more than this.
        let _ = self.poll.registry().deregister(endpoint.source());
        Some(endpoint)
    }

    /// Begins a round: waits until an endpoint is ready, the loop is woken, or
    /// `at_most` has passed. It may return without any reason.
    ///
    /// # Errors
    /// The system's, when it cannot poll.
    pub fn wait(&mut self, at_most: Option<Duration>) -> io::Result<()> {
        self.round_begins = true;
        let wait = self.time_to_wait().min(at_most.unwrap_or(MAX_WAIT));
        match self.poll.poll(&mut self.events, Some(wait)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        let mut is_woken = self.events.is_empty();
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            match event.token() {
                WAKER => is_woken = true,
                Token(id) => self.queue(id),
            }
        }
        self.events = events;
        if is_woken {
            queue_where(&mut self.endpoints, &mut self.ready, E::waits_for_wakeup);
        }
        Ok(())
    }

    /// Gives the next endpoint that is ready its turn and returns it; `None` at
    /// the end of the round.
    pub fn next_turn(&mut self) -> Option<(EndpointId, &mut E)> {
        if std::mem::take(&mut self.round_begins) {
            let now = self.now();
            queue_where(&mut self.endpoints, &mut self.ready, |endpoint| {
                endpoint.poll_timeout().is_some_and(|due| due <= now)
            });
            self.left = self.ready.len();
        }
        let now = self.now();
        let id = loop {
            self.left = self.left.checked_sub(1)?;
            let id = self.ready.pop_front()?;
            if let Some(place) = self.endpoints.get_mut(&id) {
                place.queued = false;
                if place.endpoint.take_turn(now) == Turn::Again {
                    self.queue(id);
                }
                break id;
            }
        };
        let place = self.endpoints.get_mut(&id)?;
        Some((EndpointId(id), &mut place.endpoint))
    }

    /// Returns how long [`wait`](Self::wait) would wait if nothing happened: zero while an
    /// endpoint is ready, and never more than a second. An owner that waits for the
    /// [descriptor](AsFd) itself waits no longer than this.
    pub fn time_to_wait(&self) -> Duration {
        if !self.ready.is_empty() {
            return Duration::ZERO;
        }
        let now = self.now();
        let places = self.endpoints.values();
        let dues = places.filter_map(|place| place.endpoint.poll_timeout());
        dues.min().map_or(MAX_WAIT, |due| {
            Duration::from_millis(due.0.saturating_sub(now.0)).min(MAX_WAIT)
        })
    }
}

/// Returns the time `duration` after `now`.
pub fn after(now: Instant, duration: Duration) -> Instant {
    now.after(u32::try_from(duration.as_millis()).unwrap_or(u32::MAX))
}

/// Queues every endpoint for which `is_ready` holds.
fn queue_where<E>(
    endpoints: &mut BTreeMap<usize, EndpointSlot<E>>,
    ready: &mut VecDeque<usize>,
    is_ready: impl Fn(&E) -> bool,
) {
    for (&id, place) in endpoints {
        if !place.queued && is_ready(&place.endpoint) {
            place.queued = true;
            ready.push_back(id);
        }
    }
}

/// The descriptor of the poll instance. It is readable when [`wait`](EventLoop::wait)
/// would return at once because of a socket or a wake-up.
impl<E> AsFd for EventLoop<E> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.registry().as_fd()
    }
}

impl<E> fmt::Debug for EventLoop<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("endpoints", &self.endpoints.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::net::TcpListener;

    /// Counts its turns. It asks for more of them, for one after a command, or for
    /// one after a wake-up.
    struct Counter {
        socket: TcpListener,
        turns: u32,
        again: u32,
        has_command: bool,
        waits: bool,
    }

    impl Counter {
        fn new() -> Self {
            let any = "127.0.0.1:0".parse().unwrap();
            Self {
                socket: TcpListener::bind(any).unwrap(),
                turns: 0,
                again: 0,
                has_command: false,
                waits: false,
            }
        }
    }

    impl Endpoint for Counter {
        fn source(&mut self) -> &mut dyn Source {
            &mut self.socket
        }

        fn take_turn(&mut self, _: Instant) -> Turn {
            self.turns += 1;
            self.has_command = false;
            match self.again.checked_sub(1) {
                Some(left) => {
                    self.again = left;
                    Turn::Again
                }
                None => Turn::Wait,
            }
        }

        fn poll_timeout(&self) -> Option<Instant> {
            self.has_command.then_some(Instant(0))
        }

        fn waits_for_wakeup(&self) -> bool {
            self.waits
        }
    }

    /// Waits shortly and returns the ids of the endpoints that had a turn.
    fn round(event_loop: &mut EventLoop<Counter>) -> Vec<EndpointId> {
        event_loop.wait(Some(Duration::from_millis(1))).unwrap();
        turns(event_loop)
    }

    fn turns(event_loop: &mut EventLoop<Counter>) -> Vec<EndpointId> {
        std::iter::from_fn(|| event_loop.next_turn().map(|(id, _)| id)).collect()
    }

    #[test]
    fn an_endpoint_has_one_turn_in_a_round_however_much_there_is_to_do() {
        let mut event_loop = EventLoop::new().unwrap();
        let mut busy = Counter::new();
        busy.again = 2;
        let busy = event_loop.add(busy).unwrap();
        let other = event_loop.add(Counter::new()).unwrap();
        assert_eq!(round(&mut event_loop), [busy, other]);
        assert_eq!(round(&mut event_loop), [busy]);
        assert_eq!(round(&mut event_loop), [busy]);
        assert_eq!(round(&mut event_loop), []);
    }

    #[test]
    fn a_command_takes_effect_in_the_round_that_it_is_given_in() {
        let mut event_loop = EventLoop::new().unwrap();
        let id = event_loop.add(Counter::new()).unwrap();
        assert_eq!(round(&mut event_loop), [id]);
        event_loop.wait(Some(Duration::ZERO)).unwrap();
        event_loop.get_mut(id).unwrap().has_command = true;
        assert_eq!(turns(&mut event_loop), [id]);
        assert_eq!(round(&mut event_loop), []);
    }

    #[test]
    fn a_wakeup_gives_a_turn_to_endpoints_that_wait_for_one() {
        let mut event_loop = EventLoop::new().unwrap();
        let idle = event_loop.add(Counter::new()).unwrap();
        let waiting = event_loop.add(Counter::new()).unwrap();
        assert_eq!(round(&mut event_loop), [idle, waiting]);
        event_loop.get_mut(waiting).unwrap().waits = true;
        event_loop.handle().wake();
        assert_eq!(round(&mut event_loop), [waiting]);
    }

    #[test]
    fn the_id_of_a_removed_endpoint_names_no_other_one() {
        let mut event_loop = EventLoop::new().unwrap();
        let first = event_loop.add(Counter::new()).unwrap();
        assert!(event_loop.remove(first).is_some());
        let second = event_loop.add(Counter::new()).unwrap();
        assert!(event_loop.get(first).is_none() && event_loop.remove(first).is_none());
        assert_eq!(round(&mut event_loop), [second]);
        assert_eq!(event_loop.remove(second).unwrap().turns, 1);
        assert!(event_loop.is_empty());
    }
}
